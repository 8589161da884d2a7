//! Sizes of coded frames: where nothing moves an encoder has nothing to say but noise.

use std::collections::VecDeque;

/// The frames between key frames that came last.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    /// When and how many bytes.
    usual: VecDeque<(i64, usize)>,
    /// Whether each of the latest was a surge, the newest in the lowest bit.
    surges: u8,
}

/// Frames that are remembered: four seconds of most cameras.
const USUAL: usize = 100;
/// Fewer tell nothing.
const FEWEST: usize = 12;
/// A surge is this many deviations above the median; the deviation is estimated by the median's (1.4826 of it, for
/// normal noise).
const DEVIATIONS: f64 = 6.0 * 1.4826;
/// And at least this share of the median, and this many bytes, since an encoder's sizes may be very even.
const SHARE: f64 = 0.35;
const BYTES: f64 = 160.0;

impl Sizes {
    /// Takes a frame in; whether two of the last three were surges. One alone is what an encoder does that refreshes
    /// the picture piece by piece.
    pub(crate) fn look(&mut self, at_us: i64, bytes: usize) -> bool {
        let surge = self.threshold().is_some_and(|threshold| bytes as f64 > threshold);
        self.surges = (self.surges << 1 | u8::from(surge)) & 0b111;
        if self.usual.len() == USUAL {
            self.usual.pop_front();
        }
        self.usual.push_back((at_us, bytes));
        self.surges.count_ones() >= 2
    }

    /// Forgets what came before: something moved then.
    pub(crate) fn forget_before(&mut self, at_us: i64) {
        self.usual.retain(|(came_us, _)| *came_us >= at_us);
        self.surges = 0;
    }

    fn threshold(&self) -> Option<f64> {
        if self.usual.len() < FEWEST {
            return None;
        }
        let mut sizes: Vec<f64> = self.usual.iter().map(|(_, bytes)| *bytes as f64).collect();
        let median = middle(&mut sizes);
        let mut off: Vec<f64> = sizes.iter().map(|size| (size - median).abs()).collect();
        Some(median + (DEVIATIONS * middle(&mut off)).max(SHARE * median).max(BYTES))
    }
}

fn middle(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    *values.select_nth_unstable_by(half, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_is_a_surge_and_noise_is_none() {
        let mut sizes = Sizes::default();
        let noise = |i: i64| 4000 + (i * 7919 % 1000) as usize;
        assert!(!(0..500).any(|i| sizes.look(i, noise(i))), "even a tenth of noise");
        assert!(!sizes.look(500, 9000), "one alone");
        assert!(!(501..520).any(|i| sizes.look(i, noise(i))));
        assert!(!sizes.look(520, 9000) && sizes.look(521, 9000), "two");
        // Dusk: the noise grows, slowly.
        let mut sizes = Sizes::default();
        assert!(!(0..2000).any(|i| sizes.look(i, noise(i) + 5 * i as usize)));
    }

    #[test]
    fn what_moved_is_not_usual() {
        let mut sizes = Sizes::default();
        assert!(!(0..100).any(|i| sizes.look(i, 20_000)));
        assert!(!(100..150).any(|i| sizes.look(i, 1000 + i as usize % 7)));
        sizes.forget_before(100);
        assert!(!sizes.look(150, 4000) && sizes.look(151, 4000));
    }
}
