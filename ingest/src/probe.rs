//! Connects once and says what is there.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use cortex_proto::v1;
use cortex_runtime::{config::Policy, runner::wall_clock};

use crate::{
    Config, Credentials, Error,
    coding::{self, Coding},
    pipeline::{Event, Open, Pipeline},
};

/// Pictures looked at for the rate.
const PICTURES: usize = 30;
/// A second key frame is waited for so long.
const KEY_FRAME: Duration = Duration::from_secs(10);
/// Key frames further apart hurt.
const APART_S: f32 = 4.0;
/// A camera's clock that is further off is not believed.
const CLOCK_US: i64 = 2_000_000;

/// Looks at an address that `origin` names, for `limit` at most: codec, size, rate, time to the first picture, and warnings in plain words.
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
    // Bounded: the pipeline waits when nobody takes pictures, and its end wakes it.
    let (sender, pictures) = mpsc::sync_channel(PICTURES);
    let clock = Arc::new(Mutex::new(None));
    let told = Arc::clone(&clock);
    let begun = Instant::now();
    let coding = Arc::<Mutex<Coding>>::default();
    let open = Open {
        url: &request.url,
        login,
        config,
        rate: config.rate,
        fast: false,
        idle: None,
        coding: Some(&coding),
    };
    let pipeline = Pipeline::open(
        &open,
        Box::new(move |picture, stamp| {
            let off_us = stamp.camera_us.map(|camera_us| camera_us - wall_clock());
            *told.lock().unwrap_or_else(PoisonError::into_inner) = off_us;
            sender.try_send((picture.width(), picture.height(), stamp.pts_us, begun.elapsed())).ok();
        }),
    )?;
    let mut seen = Vec::new();
    let enough = |seen: usize| {
        seen >= PICTURES && (begun.elapsed() > KEY_FRAME || coding::lock(&coding).key_interval_s().is_some())
    };
    while begun.elapsed() < limit && !enough(seen.len()) {
        match pipeline.wait(50) {
            Event::Failed(error) => return Err(error),
            Event::Ended => break,
            Event::Quiet => seen.extend(pictures.try_iter()),
        }
    }
    seen.extend(pictures.try_iter());
    let Some((width, height, first_us, first)) = seen.first().copied() else {
        return Err(Error::Stalled(limit.as_secs()));
    };
    let last_us = seen.last().map_or(first_us, |last| last.2);
    let fps =
        if last_us > first_us { (seen.len() - 1) as f32 * 1e6 / (last_us - first_us) as f32 } else { 0.0 };
    let codec = pipeline.decoder().map(|(codec, _)| codec).unwrap_or_default();
    let mut warnings = Vec::new();
    let coded = coding::lock(&coding);
    let interval_s = coded.key_interval_s();
    if interval_s.is_some_and(|interval_s| interval_s > APART_S)
        || (interval_s.is_none() && begun.elapsed() > KEY_FRAME)
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
    if let Some(off_us) =
        clock.lock().unwrap_or_else(PoisonError::into_inner).filter(|off| off.abs() > CLOCK_US)
    {
        warnings.push(format!(
            "the camera's clock is {:.0} s off: set it by NTP; until then this machine's is taken",
            off_us as f64 / 1e6
        ));
    }
    if codec == "H265" {
        warnings.push("H.265 without a hardware decoder costs about twice as much as H.264".to_owned());
    }
    if width > 1920 {
        warnings.push(format!(
            "{width}x{height} is decoded in full and analysed smaller: use the camera's sub-stream"
        ));
    }
    if fps > 30.5 {
        warnings.push(format!(
            "{fps:.0} pictures a second are decoded and few are analysed: 10 to 15 are enough"
        ));
    }
    Ok(v1::ProbeResponse {
        codec,
        width: width as u32,
        height: height as u32,
        fps,
        first_picture_s: first.as_secs_f32(),
        warnings,
        profile: coded.profile.clone(),
        key_interval_s: interval_s.unwrap_or(0.0),
        kilobits: coded.kilobits(),
    })
}
