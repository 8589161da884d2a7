//! Sizes of coded frames: where nothing moves an encoder has nothing to say but noise.

use std::collections::VecDeque;

/// The frames between key frames that came last.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// When and how many bytes.
    usual: VecDeque<(i64, usize)>,
    /// Sizes since the last key frame, and between the two before it.
    since_key: Vec<usize>,
    before_key: Vec<usize>,
    /// Whether each of the latest was a surge, the newest in the lowest bit.
    surges: u8,
    /// How much more than usual a surge must be, 1 to [`DOUBT`].
    doubt: f64,
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

/// An encoder whose rate control swings is believed ever less, down to a 64th.
const DOUBT: f64 = 64.0;

impl Default for Sizes {
    fn default() -> Self {
        Self { usual: VecDeque::new(), since_key: Vec::new(), before_key: Vec::new(), surges: 0, doubt: 1.0 }
    }
}

impl Sizes {
    /// A key frame came.
    pub(crate) fn key(&mut self) {
        self.before_key = std::mem::take(&mut self.since_key);
        self.surges = 0;
    }

    /// Takes a frame in; whether two of the last three were surges. One alone is what an encoder does that refreshes
    /// the picture piece by piece.
    pub(crate) fn look(&mut self, at_us: i64, bytes: usize) -> bool {
        let surge =
            self.threshold().is_some_and(|threshold| bytes as f64 > threshold) && !self.is_as_before(bytes);
        if self.since_key.len() < USUAL {
            self.since_key.push(bytes);
        }
        self.surges = (self.surges << 1 | u8::from(surge)) & 0b111;
        if self.usual.len() == USUAL {
            self.usual.pop_front();
        }
        self.usual.push_back((at_us, bytes));
        self.surges.count_ones() >= 2
    }

    /// Frames at about this place behind the key frame before were as large: what a key frame left coarse is refined.
    fn is_as_before(&self, bytes: usize) -> bool {
        let at = self.since_key.len();
        let near = self.before_key.iter().skip(at.saturating_sub(1)).take(3);
        near.max().is_some_and(|before| (bytes as f64) < (1.0 + SHARE) * *before as f64)
    }

    /// Forgets what came before: something moved then.
    pub(crate) fn forget_before(&mut self, at_us: i64) {
        self.usual.retain(|(came_us, _)| *came_us >= at_us);
        self.surges = 0;
    }

    /// Whether something moved when they said so.
    pub(crate) fn were_right(&mut self, right: bool) {
        self.doubt = (self.doubt * if right { 0.5 } else { 2.0 }).clamp(1.0, DOUBT);
    }

    fn threshold(&self) -> Option<f64> {
        if self.usual.len() < FEWEST {
            return None;
        }
        let mut sizes: Vec<f64> = self.usual.iter().map(|(_, bytes)| *bytes as f64).collect();
        let median = middle(&mut sizes);
        let mut off: Vec<f64> = sizes.iter().map(|size| (size - median).abs()).collect();
        let surge = (DEVIATIONS * middle(&mut off)).max(SHARE * median).max(BYTES);
        Some(median + self.doubt * surge)
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
    fn what_follows_every_key_frame_is_no_surge() {
        let mut sizes = Sizes::default();
        let mut surges = 0;
        for i in 0..500 {
            let place = i % 50;
            if place == 0 {
                sizes.key();
            } else {
                surges += u8::from(sizes.look(i, if place < 6 { 60_000 / place as usize } else { 9000 }));
            }
        }
        assert_eq!(surges, 0);
        assert!(!sizes.look(500, 30_000) && sizes.look(501, 30_000), "and elsewhere it is one");
    }

    #[test]
    fn what_moved_is_not_usual() {
        let mut sizes = Sizes::default();
        assert!(!(0..100).any(|i| sizes.look(i, 20_000)));
        assert!(!(100..150).any(|i| sizes.look(i, 1000 + i as usize % 7)));
        sizes.forget_before(100);
        assert!(!sizes.look(150, 4000) && sizes.look(151, 4000));
        // It was nothing, and is not believed so soon again.
        (1000..1050).for_each(|i| assert!(!sizes.look(i, 1000) || i < 1002));
        sizes.were_right(false);
        (0..4).for_each(|_| sizes.were_right(false));
        assert!(!sizes.look(1100, 4000) && !sizes.look(1101, 4000));
    }
}
