//! Connects once and says what is there.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use cortex_models::{Picture, Preprocessor};
use cortex_proto::v1;
use cortex_runtime::{config::Policy, runner::wall_clock, still};

use crate::{
    Config, Credentials, Error,
    coding::{self, Coding},
    outlet::at_most,
    pipeline::{Event, Open, Pipeline},
    siblings::siblings,
};

/// Pictures looked at for the rate.
const PICTURES: usize = 30;
/// A second key frame is waited for so long.
const KEY_FRAME: Duration = Duration::from_secs(10);
/// Key frames further apart hurt.
const APART_S: f32 = 4.0;
/// A camera's clock that is further off is not believed.
const CLOCK_US: i64 = 2_000_000;
/// A smaller stream is looked for so long.
const SIBLING: Duration = Duration::from_secs(3);

/// What was seen of a stream.
struct Looked {
    codec: String,
    size: (usize, usize),
    fps: f32,
    /// From the beginning to the first picture.
    first: Duration,
    /// From the beginning to the end.
    lasted: Duration,
    picture: Picture,
    /// How far the camera's clock is ahead, in microseconds.
    off_us: Option<i64>,
    coding: Arc<Mutex<Coding>>,
}

/// Looks at an address that `origin` names, for `limit` at most: codec, size, rate, time to the first picture, smaller
/// streams beside it, and warnings in plain words. The snapshot is clear: whoever shows it redacts it before.
///
/// # Errors
/// The address is refused or gives no picture.
pub fn probe(
    request: &v1::ProbeRequest,
    origin: v1::Origin,
    config: &Config,
    credentials: &Credentials,
    limit: Duration,
) -> Result<v1::ProbeResponse, Error> {
    Policy::new(config).check_hosts(&request.url, origin)?;
    let login = match request.credential.as_str() {
        "" => None,
        name => Some(credentials(name).ok_or_else(|| Error::Credential(name.to_owned()))?),
    };
    let looked = look(&request.url, login.clone(), config, limit, PICTURES)?;
    let smaller = |url: String| {
        let found = look(&url, login.clone(), config, SIBLING, 1).ok()?;
        let (width, height) = found.size;
        let less = width * height < looked.size.0 * looked.size.1;
        less.then_some(v1::SubStream { url, width: width as u32, height: height as u32 })
    };
    let sub_streams: Vec<v1::SubStream> = siblings(&request.url).into_iter().filter_map(smaller).collect();
    let picture = at_most(&mut Preprocessor::default(), looked.picture.clone(), config.analysis_width);
    let coded = coding::lock(&looked.coding);
    Ok(v1::ProbeResponse {
        warnings: warnings(&looked, &coded, &sub_streams),
        width: looked.size.0 as u32,
        height: looked.size.1 as u32,
        fps: looked.fps,
        first_picture_s: looked.first.as_secs_f32(),
        profile: coded.profile.clone(),
        key_interval_s: coded.key_interval_s().unwrap_or_default(),
        kilobits: coded.kilobits(),
        sub_streams,
        snapshot: still::encode(&picture, config.quality),
        codec: looked.codec,
    })
}

/// Takes pictures until there are `wanted` and, of more than one, a second key frame.
fn look(
    url: &str,
    login: Option<(String, String)>,
    config: &Config,
    limit: Duration,
    wanted: usize,
) -> Result<Looked, Error> {
    // Bounded: the pipeline waits when nobody takes pictures, and its end wakes it.
    let (sender, pictures) = mpsc::sync_channel(PICTURES);
    let begun = Instant::now();
    let coding = Arc::<Mutex<Coding>>::default();
    let first = Arc::<Mutex<Option<(Picture, Duration)>>>::default();
    let clock = Arc::new(Mutex::new(None));
    let open = Open { url, login, config, rate: config.rate, fast: false, idle: None, coding: Some(&coding) };
    let (kept, told) = (Arc::clone(&first), Arc::clone(&clock));
    let pipeline = Pipeline::open(
        &open,
        Box::new(move |picture, stamp| {
            let off_us = stamp.camera_us.map(|camera_us| camera_us - wall_clock());
            *told.lock().unwrap_or_else(PoisonError::into_inner) = off_us;
            let mut first = kept.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (picture, begun.elapsed()));
            sender.try_send(stamp.pts_us).ok();
        }),
    )?;
    let mut seen = Vec::new();
    let keyed =
        || wanted == 1 || begun.elapsed() > KEY_FRAME || coding::lock(&coding).key_interval_s().is_some();
    while begun.elapsed() < limit && !(seen.len() >= wanted && keyed()) {
        match pipeline.wait(50) {
            Event::Failed(error) => return Err(error),
            Event::Ended => break,
            Event::Quiet => seen.extend(pictures.try_iter()),
        }
    }
    seen.extend(pictures.try_iter());
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some((picture, first)), Some(first_us), Some(last_us)) = (first, seen.first(), seen.last()) else {
        return Err(Error::Stalled(limit.as_secs()));
    };
    let passed_us = last_us - first_us;
    let off_us = *clock.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Looked {
        codec: pipeline.decoder().map(|(codec, _)| codec).unwrap_or_default(),
        size: (picture.width(), picture.height()),
        fps: if passed_us > 0 { (seen.len() - 1) as f32 * 1e6 / passed_us as f32 } else { 0.0 },
        first,
        lasted: begun.elapsed(),
        picture,
        off_us,
        coding,
    })
}

/// What will hurt.
fn warnings(looked: &Looked, coded: &Coding, sub_streams: &[v1::SubStream]) -> Vec<String> {
    let mut warnings = Vec::new();
    let interval_s = coded.key_interval_s();
    if interval_s.is_some_and(|interval_s| interval_s > APART_S)
        || (interval_s.is_none() && looked.lasted > KEY_FRAME)
    {
        let apart =
            interval_s.map_or_else(|| "more than 10".to_owned(), |interval_s| format!("{interval_s:.1}"));
        warnings.push(format!(
            "key frames are {apart} s apart: connecting takes so long, and an idle camera costs more or wakes late; set \
             them to 1 or 2 s in the camera"
        ));
    }
    if coded.is_reordered() {
        warnings
            .push("frames are reordered (B-frames): every picture comes late, switch them off".to_owned());
    }
    if coded.is_uneven() {
        warnings.push(
            "the frame rate varies: set a constant one, so that speeds and tracks are right".to_owned(),
        );
    }
    if let Some(off_us) = looked.off_us.filter(|off| off.abs() > CLOCK_US) {
        warnings.push(format!(
            "the camera's clock is {:.0} s off: set it by NTP; until then this machine's is taken",
            off_us as f64 / 1e6
        ));
    }
    if looked.codec == "H265" {
        warnings.push("H.265 without a hardware decoder costs about twice as much as H.264".to_owned());
    }
    let (width, height) = looked.size;
    if width > 1920 {
        let hint = match sub_streams {
            [] => "name the camera's smaller stream as `sub_url`".to_owned(),
            [sub, ..] => format!("set `sub_url` to the smaller stream of {}x{}", sub.width, sub.height),
        };
        warnings.push(format!("{width}x{height} is decoded in full and analysed smaller: {hint}"));
    }
    if looked.fps > 30.5 {
        warnings.push(format!(
            "{:.0} pictures a second are decoded and few are analysed: 10 to 15 are enough",
            looked.fps
        ));
    }
    warnings
}
