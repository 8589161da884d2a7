//! Where a track went between two pictures, measured in the pictures: the luma inside its box is searched for around
//! the predicted place. For frames on which no model runs.

use cortex_models::{Picture, Rect};

use super::patch::Patch;

const ACROSS: usize = 10;
const DOWN: usize = 16;
/// A place that differs more than this from what is looked for is not it, in luma a sample.
const ALIKE: i64 = 30;

/// The box moved from `before` to `now`, searched around `guess` pixels of movement; `None` when nothing similar is
/// there.
pub(super) fn carry(before: &Picture, now: &Picture, rect: Rect, guess: (f32, f32)) -> Option<Rect> {
    if before.width() != now.width() || before.height() != now.height() {
        return None;
    }
    // The middle of the box: less background.
    let patch = Patch::of(before, rect.grow(0.6, 0.8), ACROSS, DOWN)?;
    let reach = (rect.height() / 8.0).clamp(4.0, 16.0) as i32;
    let ((dx, dy), difference) = patch.find(now, guess, reach);
    let (dx, dy) = (dx as f32, dy as f32);
    (difference < ALIKE).then(|| Rect::new(rect.x1 + dx, rect.y1 + dy, rect.x2 + dx, rect.y2 + dy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(shift: usize) -> Picture {
        let (width, height) = (160, 120);
        let mut pixels = vec![90_u8; width * height * 3];
        for y in 30..90 {
            for x in 40..70 {
                let at = (y * width + x + shift) * 3;
                let value = (140.0
                    + 50.0 * (x as f32 / 4.0).sin()
                    + 40.0 * (y as f32 / 5.0 + x as f32 / 9.0).cos()) as u8;
                pixels[at..at + 3].fill(value);
            }
        }
        Picture::rgb(width, height, pixels).unwrap()
    }

    #[test]
    fn a_moved_patch_is_found() {
        let moved = carry(&scene(0), &scene(9), Rect::new(40.0, 30.0, 70.0, 90.0), (6.0, 0.0)).unwrap();
        assert_eq!((moved.x1, moved.y1), (49.0, 30.0));
        let flat = Picture::rgb(160, 120, vec![250; 160 * 120 * 3]).unwrap();
        assert_eq!(carry(&scene(0), &flat, Rect::new(40.0, 30.0, 70.0, 90.0), (0.0, 0.0)), None);
    }
}
