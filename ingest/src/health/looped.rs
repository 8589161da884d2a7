//! Replayed footage: the very same pictures, one after the other, at the same distance in time.

use std::collections::{HashMap, VecDeque};

/// Pictures that were seen, by hash.
#[derive(Debug, Default)]
pub(crate) struct Looped {
    seen: VecDeque<(i64, u64)>,
    last: HashMap<u64, i64>,
    /// The distance at which pictures repeat, since when, and how many did.
    lag_us: i64,
    since_us: i64,
    repeats: usize,
    latest: u64,
}

/// Loops up to this length are found.
const LONGEST_US: i64 = 60_000_000;
/// And from this length on: what is shorter is a picture that stands still.
const SHORTEST_US: i64 = 1_000_000;
/// Pictures that are remembered at most.
const PICTURES: usize = 3600;
/// Times of the same picture in two rounds differ by less.
const JITTER_US: i64 = 150_000;
/// So many different pictures in a row are no accident.
const REPEATS: usize = 8;

impl Looped {
    /// Takes a picture in. Answers the length of the loop while there is one.
    pub(crate) fn look(&mut self, hash: u64, at_us: i64) -> Option<i64> {
        while self.seen.len() == PICTURES
            || self.seen.front().is_some_and(|(seen_us, _)| !(0..LONGEST_US).contains(&(at_us - seen_us)))
        {
            if let Some((seen_us, hash)) = self.seen.pop_front()
                && self.last.get(&hash) == Some(&seen_us)
            {
                self.last.remove(&hash);
            }
        }
        let before_us = self.last.insert(hash, at_us);
        self.seen.push_back((at_us, hash));
        let lag_us = before_us.map_or(0, |before_us| at_us - before_us);
        let stands = std::mem::replace(&mut self.latest, hash) == hash;
        if stands || lag_us < SHORTEST_US {
            // A picture that is new, or stands still.
            self.repeats = 0;
            return None;
        }
        if self.repeats == 0 || (lag_us - self.lag_us).abs() > JITTER_US {
            (self.lag_us, self.since_us, self.repeats) = (lag_us, at_us, 0);
        }
        self.repeats += 1;
        // Most of a period, so that it is told within two.
        let most = self.lag_us / 4 * 3;
        (self.repeats >= REPEATS && at_us - self.since_us >= most).then_some(self.lag_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_found_within_two_periods_and_a_still_picture_is_none() {
        let mut looped = Looped::default();
        let found: Vec<bool> = (0..200).map(|i| looped.look(i as u64 % 50, i * 200_000).is_some()).collect();
        let first = found.iter().position(|found| *found).unwrap();
        assert!((50..100).contains(&first), "{first}");
        let mut still = Looped::default();
        assert!(!(0..500).any(|i| still.look(7, i * 2_000_000).is_some()), "key frames of a resting camera");
        let mut live = Looped::default();
        assert!(!(0..500).any(|i| live.look(i as u64, i * 200_000).is_some()));
    }
}
