//! Connects once and says what is there.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use cortex_proto::v1;
use cortex_runtime::config::Policy;

use crate::{
    Config, Credentials, Error,
    pipeline::{Event, Open, Pipeline},
};

/// Pictures looked at for the rate.
const PICTURES: usize = 30;

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
    let begun = Instant::now();
    let open = Open { url: &request.url, login, config, fast: false, idle: None };
    let pipeline = Pipeline::open(
        &open,
        Box::new(move |picture, stamp| {
            sender.try_send((picture.width(), picture.height(), stamp.pts_us, begun.elapsed())).ok();
        }),
    )?;
    let mut seen = Vec::new();
    while begun.elapsed() < limit && seen.len() < PICTURES {
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
    if first > Duration::from_secs(3) {
        warnings.push(format!(
            "the first picture took {:.1} s: key frames are far apart, set them to 1 or 2 s in the camera",
            first.as_secs_f32()
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
    })
}
