//! How long to wait before the next try.

use std::time::Duration;

use crate::Error;

/// Grows with every failure, is capped, and jittered so that a hundred cameras behind one switch do not come back at
/// once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

const FIRST: f32 = 0.5;
/// With the jitter, and the time that a connection takes, a camera is back within five seconds of its server.
const MOST: f32 = 3.0;
/// A wrong password is tried rarely, so that nobody is locked out.
const LOGIN: f32 = 60.0;

impl Backoff {
    /// The wait after a failure. `jitter` is 0..1.
    pub(crate) fn failed(&mut self, error: &Error, jitter: f32) -> Duration {
        let seconds = match error {
            Error::Login | Error::Credential(_) => LOGIN,
            _ => (FIRST * 2.0_f32.powi(self.failures.min(10) as i32)).min(MOST),
        };
        self.failures += 1;
        Duration::from_secs_f32(seconds * (1.0 + 0.5 * jitter.clamp(0.0, 1.0)))
    }

    /// Pictures came: the next failure begins anew.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// A random share, 0..1.
pub(crate) fn jitter() -> f32 {
    getrandom::u32().map_or(0.5, |random| random as f32 / u32::MAX as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_cap_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<f32> = (0..9).map(|_| backoff.failed(&Error::Ended, 0.0).as_secs_f32()).collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
        assert!(backoff.failed(&Error::Ended, 1.0) < Duration::from_secs(5), "jitter and all");
        assert!(backoff.failed(&Error::Login, 0.0) >= Duration::from_secs(60));
        backoff.succeeded();
        assert_eq!(backoff.failed(&Error::Ended, 1.0), Duration::from_secs_f32(0.75));
    }
}
