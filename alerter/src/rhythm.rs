//! How often rules are told, so that one that flaps is noticed and damped.

use serde::{Deserialize, Serialize};

use crate::Config;

/// What flaps: the camera, the rule, and the person where it is about one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cause {
    pub(crate) camera: String,
    pub(crate) rule: String,
    pub(crate) person: String,
}

/// How often each cause was told lately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rhythms(Vec<Rhythm>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rhythm {
    cause: Cause,
    /// When the window began: this machine's clock.
    since_us: i64,
    told: u32,
}

/// A cause that flaps: what is told of it, and how often.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Damping {
    times: u32,
    interval_us: i64,
}

/// Causes watched at once; the window that began longest ago goes first.
const WATCHED: usize = 48;
/// However long something flaps, it is told once an hour.
const LONGEST_US: i64 = 3_600_000_000;

impl Rhythms {
    /// Counts one telling. Answers the damping when it was one too many.
    pub(crate) fn told(&mut self, cause: &Cause, now_us: i64, config: &Config) -> Option<Damping> {
        self.0.retain(|rhythm| now_us - rhythm.since_us <= micros(config.flapping_s));
        let index = self.0.iter().position(|rhythm| rhythm.cause == *cause).unwrap_or_else(|| {
            if self.0.len() == WATCHED {
                self.0.remove(0);
            }
            self.0.push(Rhythm { cause: cause.clone(), since_us: now_us, told: 0 });
            self.0.len() - 1
        });
        let rhythm = &mut self.0[index];
        rhythm.told += 1;
        (rhythm.told > config.flapping_count)
            .then(|| Damping { times: rhythm.told, interval_us: micros(config.cooldown_s.max(1.0)) * 2 })
    }
}

impl Damping {
    /// How long nothing more is told, in microseconds.
    pub(crate) fn interval_us(&self) -> i64 {
        self.interval_us
    }

    /// It was told again: the next time is twice as far away.
    pub(crate) fn wait_longer(&mut self) {
        self.interval_us = (self.interval_us * 2).min(LONGEST_US);
    }

    /// What an operator is told of it.
    pub(crate) fn words(&self, cause: &Cause, config: &Config) -> String {
        format!(
            "rule {} on camera {} flaps: told {} times within {} s, now at most every {} s until it rests for {} s",
            cause.rule,
            cause.camera,
            self.times,
            config.flapping_s,
            self.interval_us / 1_000_000,
            config.flapping_s,
        )
    }
}

pub(crate) fn micros(seconds: f32) -> i64 {
    (f64::from(seconds) * 1e6) as i64
}
