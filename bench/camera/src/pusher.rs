//! Sends a clip's access units into one media, in real time, round after round.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use gstreamer::ClockTime;
use gstreamer_app::AppSrc;

use crate::Clip;

/// What all pushers of a camera listen to.
#[derive(Debug, Default)]
pub(crate) struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    frozen: bool,
}

impl Control {
    pub(crate) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).frozen = frozen;
    }

    /// Waits until `due`; `None` when the camera stopped, else whether it sends nothing just now.
    fn wait(&self, due: Instant) -> Option<bool> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = due.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(state, left, |state| !state.stopped);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.stopped).then_some(state.frozen)
    }
}

/// Starts the thread that feeds `source`; it ends with the media or the camera.
pub(crate) fn start(clip: Arc<Clip>, source: AppSrc, rate: f64, control: Arc<Control>) {
    let thread = thread::Builder::new().name("camera-clip".into());
    let started = thread.spawn(move || run(&clip, &source, rate, &control));
    if let Err(error) = started {
        tracing::error!(%error, "cannot start the thread that plays the clip");
    }
}

fn run(clip: &Clip, source: &AppSrc, rate: f64, control: &Control) {
    let start = Instant::now();
    let scaled = |time: ClockTime| ClockTime::from_nseconds((time.nseconds() as f64 / rate) as u64);
    for round in 0_u64.. {
        let begin = clip.length * round;
        for unit in &clip.units {
            let at = |time: Option<ClockTime>| scaled(begin + time.unwrap_or_default());
            let due = at(unit.dts());
            let Some(frozen) = control.wait(start + Duration::from(due)) else { return };
            if frozen {
                continue;
            }
            // The bytes are shared, the timestamps are this round's.
            let mut sent = unit.clone();
            let stamps = sent.make_mut();
            stamps.set_pts(at(unit.pts()));
            stamps.set_dts(due);
            if source.push_buffer(sent).is_err() {
                return; // the last client left, or the camera stopped
            }
        }
    }
}
