//! Measured values over time, bounded: the finer the shorter it lasts.

use cortex_proto::v1;

/// Values of one rule and subject while its condition holds, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    /// Microseconds between two values.
    pub(super) every_us: i64,
    /// Stream time in microseconds, and the value.
    pub(super) points: Vec<(i64, f32)>,
}

/// Values of a series. When it is full every second one goes.
const VALUES: usize = 16;
/// Microseconds between the first values.
const EVERY_US: i64 = 200_000;

impl Series {
    pub(super) fn push(&mut self, time_us: i64, value: f64) {
        self.every_us = self.every_us.max(EVERY_US);
        if self.points.last().is_some_and(|(last, _)| time_us - last < self.every_us) {
            return;
        }
        if self.points.len() == VALUES {
            let mut n = 0;
            self.points.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.every_us *= 2;
        }
        self.points.push((time_us, value as f32));
    }

    /// The values and the latest one, as messages carry them.
    pub(super) fn samples(&self, name: &str, now_us: i64, value: f64) -> Vec<v1::Sample> {
        let sample = |time_us, value| v1::Sample { time_us, name: name.to_owned(), value };
        let before = self.points.iter().filter(|(time_us, _)| *time_us < now_us);
        before
            .map(|(time_us, value)| sample(*time_us, f64::from(*value)))
            .chain([sample(now_us, value)])
            .collect()
    }
}
