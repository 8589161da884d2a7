//! Bags that the detector knows and that do not move: changes even where the ground beneath them was never seen.

use std::collections::HashMap;

use cortex_models::Rect;

/// A bag that is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bag {
    pub(crate) track: u64,
    pub(crate) rect: Rect,
    /// It was there when the camera looked first.
    pub(crate) present: bool,
}

/// Where each bag came to rest.
#[derive(Debug, Default)]
pub(super) struct Bags(HashMap<u64, Standing>);

#[derive(Debug)]
struct Standing {
    rect: Rect,
    since_us: i64,
    seen_us: i64,
}

/// Seconds that a bag must have stood.
const STOOD_US: i64 = 3_000_000;
/// A bag not seen for so long is gone, or hidden by who takes it.
const GONE_US: i64 = 3_000_000;
/// Overlap below which it has moved.
const MOVED: f32 = 0.5;

impl Bags {
    /// Takes in the bags of a frame.
    pub(super) fn see(&mut self, bags: &[Bag], time_us: i64) {
        for bag in bags.iter().filter(|bag| !bag.present) {
            let new = Standing { rect: bag.rect, since_us: time_us, seen_us: time_us };
            let standing = self.0.entry(bag.track).or_insert(new);
            standing.seen_us = time_us;
            if standing.rect.iou(&bag.rect) < MOVED {
                (standing.rect, standing.since_us) = (bag.rect, time_us);
            }
        }
        self.0.retain(|_, standing| time_us - standing.seen_us < GONE_US);
    }

    /// Those that stand: track, place in pixels, since when; by track.
    pub(super) fn standing(&self, time_us: i64) -> Vec<(u64, Rect, i64)> {
        let stood = self.0.iter().filter(|(_, standing)| time_us - standing.since_us >= STOOD_US);
        let mut all: Vec<(u64, Rect, i64)> =
            stood.map(|(track, standing)| (*track, standing.rect, standing.since_us)).collect();
        all.sort_unstable_by_key(|(track, ..)| *track);
        all
    }
}
