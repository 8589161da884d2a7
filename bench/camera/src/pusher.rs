//! Sends a clip's access units into one media, in real time, round after round.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
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
    /// How often the stream was ended.
    ends: u64,
}

/// What is done with the next access unit.
enum Turn {
    Send,
    Leave,
    EndStream,
    Stop,
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.state().frozen = frozen;
    }

    pub(crate) fn end(&self) {
        self.state().ends += 1;
        self.changed.notify_all();
    }

    /// Waits until `due`, or until something ends what began after so many `ends`.
    fn wait(&self, due: Instant, ends: u64) -> Turn {
        let left = due.saturating_duration_since(Instant::now());
        let goes_on = |state: &mut State| !state.stopped && state.ends == ends;
        let waited = self.changed.wait_timeout_while(self.state(), left, goes_on);
        match &*waited.unwrap_or_else(PoisonError::into_inner).0 {
            State { stopped: true, .. } => Turn::Stop,
            state if state.ends != ends => Turn::EndStream,
            State { frozen: true, .. } => Turn::Leave,
            _ => Turn::Send,
        }
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
    let (start, ends) = (Instant::now(), control.state().ends);
    let scaled = |time: ClockTime| ClockTime::from_nseconds((time.nseconds() as f64 / rate) as u64);
    for round in 0_u64.. {
        let begin = clip.length * round;
        for unit in &clip.units {
            let at = |time: Option<ClockTime>| scaled(begin + time.unwrap_or_default());
            let due = at(unit.dts());
            match control.wait(start + Duration::from(due), ends) {
                Turn::Send => {}
                Turn::Leave => continue,
                Turn::EndStream => {
                    // Refused when the last client left already.
                    source.end_of_stream().ok();
                    return;
                }
                Turn::Stop => return,
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
