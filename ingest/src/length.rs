//! How much footage there is, for who waits for it.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    Config,
    pipeline::{Event, Open, Pipeline},
};

/// Longest look at a file.
const LIMIT: Duration = Duration::from_secs(5);

/// How many pictures a `file://` holds by what its container says: length times rate, so an estimate. `None` when the
/// container does not say, or when the file cannot be played; who plays it is told why.
pub fn pictures_in(url: &str, config: &Config) -> Option<u64> {
    let (sender, came) = mpsc::sync_channel::<()>(1);
    let on_picture = move |_, _| sender.try_send(()).unwrap_or_default();
    let pipeline = Pipeline::open(
        &Open { url, login: None, config, rate: config.rate, fast: true, idle: None, coding: None },
        Box::new(on_picture),
    )
    .ok()?;
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        match pipeline.wait(10) {
            Event::Failed(_) => return None,
            // Length and rate are known with the first picture.
            _ if came.try_recv().is_ok() => {
                let seconds = pipeline.length_us()? as f64 / 1e6;
                return Some((seconds * pipeline.rate()?).round() as u64);
            }
            Event::Ended => return None,
            Event::Quiet => {}
        }
    }
    None
}
