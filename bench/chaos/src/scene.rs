//! What was heard last, for a run that waits for something. The judge does not look here.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::ledger::{Body, Message, Outcome};

/// When each camera was last seen by a detector, and the newest alert.
#[derive(Debug, Default)]
pub(crate) struct Scene(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    seen: BTreeMap<String, Instant>,
    /// Site and id.
    alert: Option<(String, String)>,
}

impl Scene {
    fn heard_of(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn heard(&self, message: &Message) {
        match &message.body {
            Body::Seen(seen) if seen.outcome == Outcome::Processed => {
                self.heard_of().seen.insert(seen.camera.clone(), Instant::now());
            }
            Body::Alert(alert) if !alert.closed => {
                self.heard_of().alert = Some((alert.site.clone(), alert.id.clone()))
            }
            _ => {}
        }
    }

    /// Cameras of which a picture was analysed within this time.
    pub(crate) fn awake(&self, within: Duration) -> usize {
        self.heard_of().seen.values().filter(|seen| seen.elapsed() < within).count()
    }

    /// Site and id of the open alert that was told of last.
    pub(crate) fn newest_alert(&self) -> Option<(String, String)> {
        self.heard_of().alert.clone()
    }
}
