//! The main stream of a camera that is analysed on its sub-stream: open while something is tracked.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cortex_proto::v1;
use tracing::{info, warn};

use crate::{
    Error,
    backoff::{Backoff, jitter},
    camera::Camera,
    feed::{Feed, lock},
    pipeline::{Event, Pipeline},
};

#[derive(Default)]
pub(crate) struct Detail {
    open: Option<Open>,
    /// When something was last tracked.
    wanted: Option<Instant>,
    backoff: Backoff,
    /// Not tried before.
    again: Option<Instant>,
    error: Option<Error>,
}

struct Open {
    pipeline: Pipeline,
    since: Instant,
}

impl Detail {
    /// Opens and closes the stream as it is asked for, and opens it anew when it broke.
    pub(crate) fn tend(&mut self, camera: &Camera, feed: &Arc<Mutex<Feed>>) {
        let now = Instant::now();
        if camera.demand.tracked(now) {
            self.wanted = Some(now);
        }
        let lingers = Duration::from_secs_f32(camera.config.idle_after_s);
        if self.wanted.is_none_or(|wanted| now - wanted > lingers) {
            *self = Self::default();
            return;
        }
        if let Some(error) = self.broken(camera, feed) {
            self.failed(camera, error, now);
        }
        if self.open.is_some() && lock(feed).is_detailed(now) {
            self.error = None;
            self.backoff.succeeded();
        }
        if self.open.is_some() || self.again.is_some_and(|again| now < again) {
            return;
        }
        lock(feed).begin_detail();
        match camera.connect(camera.outlet(feed, v1::Role::Main, false), false) {
            Ok(pipeline) => {
                info!(camera = camera.entry.id, "main stream opened");
                self.open = Some(Open { pipeline, since: now });
            }
            Err(error) => self.failed(camera, error, now),
        }
    }

    /// What is wrong with the main stream, in words; empty when nothing is.
    pub(crate) fn trouble(&self) -> String {
        self.error.as_ref().map(|error| format!("main stream: {error}")).unwrap_or_default()
    }

    fn broken(&mut self, camera: &Camera, feed: &Mutex<Feed>) -> Option<Error> {
        let open = self.open.as_ref()?;
        let stall = Duration::from_secs_f32(camera.config.stall_s);
        match open.pipeline.wait(0) {
            Event::Failed(error) => return Some(error),
            Event::Ended => return Some(Error::Ended),
            Event::Quiet => {}
        }
        let age = lock(feed).detail_seen.map_or_else(|| open.since.elapsed(), |seen| seen.elapsed());
        let age = open.pipeline.joins().map_or(age, |joins| age.min(joins));
        (age > stall).then_some(Error::Stalled(stall.as_secs()))
    }

    fn failed(&mut self, camera: &Camera, error: Error, now: Instant) {
        let wait = self.backoff.failed(&error, jitter());
        warn!(camera = camera.entry.id, %error, wait_s = wait.as_secs_f32(), "main stream lost");
        (self.open, self.again, self.error) = (None, Some(now + wait), Some(error));
    }
}
