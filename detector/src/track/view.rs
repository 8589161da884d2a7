//! How the view itself moved between two pictures: a pole in the wind or a turning camera moves everything alike, and
//! tracks go along instead of being lost.

use cortex_models::{Picture, Rect};

use super::patch::Patch;

/// Places looked at, across and down the picture.
const PLACES: (usize, usize) = (8, 6);
/// Side of a patch in pixels, and its samples along a side.
const SIDE: f32 = 24.0;
const SAMPLES: usize = 12;
/// Flatter patches tell nothing, in luma.
const FLAT: i64 = 8;
/// A patch that differs less than this has not moved, in luma.
const STILL: i64 = 6;
/// How far a patch is searched for, in pixels.
const REACH: i32 = 16;
/// Patches agree when they moved alike within so many pixels.
const AGREE: i32 = 2;
/// Patches that must agree at least.
const ENOUGH: usize = 6;

/// By how many pixels the view moved, right and down; zero when it stood still or the patches do not agree. `moving`
/// are the boxes of things that move by themselves.
pub(super) fn shift(before: &Picture, now: &Picture, moving: &[Rect]) -> (f32, f32) {
    if before.width() != now.width() || before.height() != now.height() {
        return (0.0, 0.0);
    }
    let (width, height) = (now.width() as f32, now.height() as f32);
    let mut votes = Vec::with_capacity(PLACES.0 * PLACES.1);
    for row in 0..PLACES.1 {
        for column in 0..PLACES.0 {
            let x = width * (column as f32 + 0.5) / PLACES.0 as f32;
            let y = height * (row as f32 + 0.5) / PLACES.1 as f32;
            if moving.iter().any(|rect| x > rect.x1 && x < rect.x2 && y > rect.y1 && y < rect.y2) {
                continue;
            }
            let half = SIDE / 2.0;
            let Some(patch) =
                Patch::of(before, Rect::new(x - half, y - half, x + half, y + half), SAMPLES, SAMPLES)
            else {
                continue;
            };
            if patch.texture() >= FLAT {
                let still = patch.difference(now, (0, 0)) < STILL;
                votes.push(if still { (0, 0) } else { patch.find(now, (0.0, 0.0), REACH).0 });
            }
        }
    }
    let middle = |mut values: Vec<i32>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    };
    let (dx, dy) = (
        middle(votes.iter().map(|vote| vote.0).collect()),
        middle(votes.iter().map(|vote| vote.1).collect()),
    );
    let agree = votes.iter().filter(|(x, y)| (x - dx).abs() <= AGREE && (y - dy).abs() <= AGREE).count();
    if agree < ENOUGH || agree * 2 < votes.len() { (0.0, 0.0) } else { (dx as f32, dy as f32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured scene seen from a place that lies `by` pixels further to the right and down.
    fn scene(by: (usize, usize)) -> Picture {
        let (width, height) = (320, 240);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in by.1..by.1 + height {
            for x in by.0..by.0 + width {
                let (x, y) = (x as f32, y as f32);
                let value =
                    128.0 + 60.0 * (x / 5.0 + (y / 17.0).sin()).sin() + 50.0 * (y / 7.0 + x / 40.0).cos();
                pixels.extend([value as u8; 3]);
            }
        }
        Picture::rgb(width, height, pixels).unwrap()
    }

    #[test]
    fn a_view_that_moves_is_measured_and_one_that_stands_is_not() {
        assert_eq!(shift(&scene((0, 0)), &scene((7, 3)), &[]), (-7.0, -3.0));
        assert_eq!(shift(&scene((0, 0)), &scene((0, 0)), &[]), (0.0, 0.0));
        let flat = Picture::rgb(320, 240, vec![90; 320 * 240 * 3]).unwrap();
        assert_eq!(shift(&flat, &scene((0, 0)), &[]), (0.0, 0.0), "nothing to hold on to");
    }
}
