//! What was left in a scene, and what was taken from it: regions that look unlike before and do not move.
//!
//! Classes do not matter, but that a bag which the detector knows and which does not move is one too. People, vehicles and animals that are followed are left out, and so is what remains of
//! one of them where the tracker lost it. Light and shadow are told apart by the texture, which they leave alone; a
//! thing without any texture on ground without any that is neither much brighter nor much darker looks like a shadow
//! and is missed.
//!
//! The memory of a scene does not outlive the process (it would not fit a snapshot): after a restart, a turned camera
//! or a cut it is learnt anew, and for [`WARM_S`] seconds nothing is found. What already stands there then belongs to
//! the scene.

mod background;
mod bags;
mod grid;

use std::collections::HashMap;

use cortex_models::{Picture, Rect};
use cortex_proto::v1;
use sha2::{Digest, Sha256};

pub(crate) use self::bags::Bag;
use self::{
    background::{Background, STILL_S},
    bags::Bags,
    grid::{Grid, Span},
};

/// The changes of one camera.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    grid: Grid,
    background: Background,
    regions: Vec<Region>,
    /// Where each thing that moves was last, and when.
    lately: HashMap<u64, (Rect, i64)>,
    bags: Bags,
    time_us: i64,
    changed: Vec<bool>,
}

/// A frame.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) frame: &'a v1::FrameId,
    pub(crate) time_us: i64,
}

/// Who and what is followed in it.
pub(crate) struct Present<'a> {
    /// Tracks and boxes in pixels of people, vehicles and animals; 0 for one without a track.
    pub(crate) moving: &'a [(u64, Rect)],
    /// Tracks of bags.
    pub(crate) bags: &'a [Bag],
}

/// A region that looks unlike before.
#[derive(Clone, Debug)]
struct Region {
    id: u64,
    span: Span,
    since_us: i64,
    seen_us: i64,
    /// Evidence that something stands there; below 0 that something is gone.
    sharper: f32,
    /// Sights as a thing, less sights as light.
    thing: i32,
    told: bool,
}

/// Seconds after the beginning in which nothing is found.
pub(crate) const WARM_S: f32 = 6.0;
/// Seconds between two looks: cheaper, and time enough for something to have moved.
const EVERY_US: i64 = 150_000;
/// A pause above this says nothing about what happened: learnt anew.
const PAUSE_US: i64 = 30_000_000;
/// Seconds that a region is looked at before it is told, on top of its rest.
const CONFIRM_US: i64 = 1_000_000;
/// A region not seen for so long is over.
const GONE_US: i64 = 2_000_000;
/// After a quarter of an hour a change belongs to the scene.
const ABSORB_US: i64 = 900_000_000;
/// What remains where something that moved was last seen so long ago is that thing, lost by the tracker.
const LATELY_US: i64 = 60_000_000;
/// A region that so many more sights take for light than for a thing is light, and belongs to the scene.
const LIGHT: i32 = -8;
/// Changed cells of the smallest region.
const LEAST: usize = 6;
/// Share of the picture of the largest.
const LARGEST: f32 = 0.2;
/// More at once is rain, a flag or a reflection.
const MOST: usize = 16;

impl Changes {
    /// Takes in a picture.
    pub(crate) fn look(&mut self, picture: &Picture, moment: Moment<'_>, present: &Present<'_>) {
        let passed = moment.time_us - self.time_us;
        if (0..EVERY_US).contains(&passed) {
            return;
        }
        if !(0..PAUSE_US).contains(&passed) {
            *self = Self { grid: std::mem::take(&mut self.grid), ..Self::default() };
        }
        self.time_us = moment.time_us;
        self.grid.read(picture);
        for (track, rect) in present.moving.iter().filter(|(track, _)| *track != 0) {
            self.lately.insert(*track, (*rect, moment.time_us));
        }
        self.bags.see(present.bags, moment.time_us);
        self.lately.retain(|_, (_, seen_us)| moment.time_us - *seen_us < LATELY_US);
        let side = self.grid.side as f32;
        let covered: Vec<Span> = present
            .moving
            .iter()
            .map(|(_, rect)| rect.grow(1.15, 1.05))
            // The gradient reaches one cell farther.
            .map(|rect| {
                self.grid.span(Rect::new(rect.x1 - side, rect.y1 - side, rect.x2 + side, rect.y2 + side))
            })
            .collect();
        let held: Vec<Span> = self.regions.iter().map(|region| region.span).collect();
        if !self.background.learn(&self.grid, &covered, &held, passed.min(PAUSE_US) as f32 / 1e6) {
            self.regions.clear();
            return;
        }
        if self.background.age_s < WARM_S {
            return;
        }
        self.background.changed(&mut self.changed);
        for (ordinal, (span, outline)) in self.found().into_iter().enumerate() {
            self.take((span, &outline), ordinal, moment, present.moving);
        }
        self.end(moment.time_us);
    }

    /// What is known to have changed, normalised to the picture. A bag in a changed region is that region.
    pub(crate) fn told(&self) -> Vec<v1::Change> {
        let told = self.regions.iter().filter(|region| region.told);
        let mut changes: Vec<v1::Change> = told
            .map(|region| v1::Change {
                id: region.id,
                r#box: Some(self.normalised(region.span.rect())),
                since_us: region.since_us,
                removed: region.sharper < 0.0,
            })
            .collect();
        let side = self.grid.side.max(1) as f32;
        for (track, rect, since_us) in self.bags.standing(self.time_us) {
            let place = Rect::new(rect.x1 / side, rect.y1 / side, rect.x2 / side, rect.y2 / side);
            let known = self.regions.iter().any(|region| {
                let region = region.span.rect();
                region.intersection(&place) > 0.3 * region.area().min(place.area())
            });
            if !known {
                let place = Some(self.normalised(place));
                changes.push(v1::Change { id: track, r#box: place, since_us, removed: false });
            }
        }
        changes
    }

    /// A rectangle in cells as a share of the picture.
    fn normalised(&self, rect: Rect) -> v1::Box {
        let (width, height) = (self.grid.width.max(1) as f32, self.grid.height.max(1) as f32);
        let rect = rect.clip(width, height);
        v1::Box { x1: rect.x1 / width, y1: rect.y1 / height, x2: rect.x2 / width, y2: rect.y2 / height }
    }

    /// Takes in one region of this frame.
    fn take(
        &mut self,
        (span, outline): (Span, &[usize]),
        ordinal: usize,
        moment: Moment<'_>,
        moving: &[(u64, Rect)],
    ) {
        let known = self.regions.iter().position(|region| {
            let (a, b) = (region.span.rect(), span.rect());
            a.iou(&b) > 0.3 || a.intersection(&b) > 0.7 * a.area().min(b.area())
        });
        // It may be found bit by bit.
        let untold = known.is_none_or(|index| !self.regions[index].told);
        if untold && self.left_over(span, moving) {
            self.background.absorb(span);
            self.regions.retain(|region| region.told || region.span.rect().intersection(&span.rect()) == 0.0);
            return;
        }
        let index = known.unwrap_or_else(|| {
            self.regions.push(Region {
                id: id(moment.frame, ordinal),
                span,
                since_us: moment.time_us - (STILL_S * 1e6) as i64,
                seen_us: moment.time_us,
                sharper: 0.0,
                thing: 0,
                told: false,
            });
            self.regions.len() - 1
        });
        let light = self.background.is_light(span);
        let sharper = self.background.sharper(outline);
        let hidden = self.background.is_covered(self.regions[index].span);
        let region = &mut self.regions[index];
        region.seen_us = moment.time_us;
        if !hidden {
            region.span = span;
        }
        if !region.told {
            region.sharper += sharper;
            region.thing += if light { -1 } else { 1 };
            let watched = moment.time_us - region.since_us - (STILL_S * 1e6) as i64;
            region.told = watched >= CONFIRM_US && region.thing > 2;
        }
    }

    /// Whether a region is what remains of something that moved there and is no longer followed.
    fn left_over(&self, span: Span, moving: &[(u64, Rect)]) -> bool {
        let lost = self.lately.iter().filter(|(track, _)| !moving.iter().any(|(id, _)| id == *track));
        lost.map(|(_, (rect, _))| self.grid.span(*rect).rect()).any(|rect| {
            let shared = rect.intersection(&span.rect());
            rect.iou(&span.rect()) > 0.35 || shared > 0.5 * rect.area().max(1.0)
        })
    }

    fn end(&mut self, time_us: i64) {
        let background = &mut self.background;
        self.regions.retain(|region| {
            if time_us - region.since_us > ABSORB_US || region.thing <= LIGHT {
                background.absorb(region.span);
                return false;
            }
            time_us - region.seen_us < GONE_US || background.is_covered(region.span)
        });
        self.regions.truncate(MOST);
    }

    /// Regions of changed cells, each with the cells of its outline, largest first.
    fn found(&self) -> Vec<(Span, Vec<usize>)> {
        let (width, height) = (self.grid.width, self.grid.height);
        let mut visited = vec![false; self.changed.len()];
        let mut found = Vec::new();
        for start in 0..self.changed.len() {
            if !self.changed[start] || visited[start] {
                continue;
            }
            let mut region = vec![start];
            visited[start] = true;
            let mut next = 0;
            let mut span = Span {
                left: start % width,
                top: start / width,
                right: start % width + 1,
                bottom: start / width + 1,
            };
            while let Some(index) = region.get(next).copied() {
                next += 1;
                let (x, y) = (index % width, index / width);
                (span.left, span.top) = (span.left.min(x), span.top.min(y));
                (span.right, span.bottom) = (span.right.max(x + 1), span.bottom.max(y + 1));
                // Over one unchanged cell: edges of one thing belong together.
                for y in y.saturating_sub(2)..(y + 3).min(height) {
                    for x in x.saturating_sub(2)..(x + 3).min(width) {
                        let near = y * width + x;
                        if self.changed[near] && !visited[near] {
                            visited[near] = true;
                            region.push(near);
                        }
                    }
                }
            }
            let dense = region.len() * 8 >= span.area();
            let small = (span.area() as f32) < LARGEST * (width * height) as f32;
            if region.len() >= LEAST && dense && small {
                region.retain(|index| self.on_outline(*index, width, height));
                found.push((span, region));
            }
        }
        found.sort_by_key(|(span, _)| std::cmp::Reverse(span.area()));
        found.truncate(MOST);
        found
    }

    /// Whether an unchanged cell is two steps away.
    fn on_outline(&self, index: usize, width: usize, height: usize) -> bool {
        let (x, y) = (index % width, index / width);
        let beyond = [
            (x.checked_sub(2), Some(y)),
            (Some(x + 2).filter(|x| *x < width), Some(y)),
            (Some(x), y.checked_sub(2)),
            (Some(x), Some(y + 2).filter(|y| *y < height)),
        ];
        beyond.into_iter().any(|place| match place {
            (Some(x), Some(y)) => !self.changed[y * width + x],
            _ => true,
        })
    }
}

/// From where it was first seen: the same pictures give the same id in every process.
fn id(frame: &v1::FrameId, ordinal: usize) -> u64 {
    let mut hash = Sha256::new();
    hash.update(b"change");
    hash.update(frame.camera.as_bytes());
    hash.update(frame.epoch.to_be_bytes());
    hash.update(frame.seq.to_be_bytes());
    hash.update((ordinal as u64).to_be_bytes());
    let digest = hash.finalize();
    u64::from_be_bytes(digest[..8].try_into().expect("a SHA-256 has 32 bytes")).max(1)
}

#[cfg(test)]
mod tests;
