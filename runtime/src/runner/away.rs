//! Whether what is outside answers, and when it is tried again.

use std::time::{Duration, Instant};

use crate::health::Health;

/// First and longest time between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// One thing outside; readiness tells of it while it is away.
pub(super) struct Away {
    part: String,
    health: Health,
    retry: Option<(Instant, Duration)>,
}

impl Away {
    pub(super) fn new(part: String, health: Health) -> Self {
        Self { part, health, retry: None }
    }

    pub(super) fn is_away(&self) -> bool {
        self.retry.is_some()
    }

    /// Whether it may be tried now.
    pub(super) fn is_due(&self) -> bool {
        self.retry.is_none_or(|(at, _)| Instant::now() >= at)
    }

    pub(super) fn failed(&mut self, reason: String) {
        let wait = self.retry.map_or(BACKOFF.0, |(_, last)| (last * 2).min(BACKOFF.1));
        self.retry = Some((Instant::now() + wait, wait));
        self.health.set(self.part.clone(), Err(reason));
    }

    pub(super) fn answered(&mut self) {
        if self.retry.take().is_some() {
            self.health.set(self.part.clone(), Ok(()));
        }
    }
}
