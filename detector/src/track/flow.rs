//! Where a track went between two pictures, measured in the pictures: the luma inside its box is searched for around
//! the predicted place, coarse to fine. For frames on which no model runs.

use cortex_models::{Format, Picture, Rect};

const ACROSS: usize = 10;
const DOWN: usize = 16;
/// Steps of the search, in pixels.
const STEPS: [i32; 3] = [4, 2, 1];

/// The box moved from `before` to `now`, searched around `guess`; `None` when nothing similar is there.
pub(super) fn carry(before: &Picture, now: &Picture, rect: Rect, guess: (f32, f32)) -> Option<Rect> {
    if before.width() != now.width() || before.height() != now.height() {
        return None;
    }
    let samples = samples(before, rect)?;
    let reach = (rect.height() / 8.0).clamp(4.0, 16.0) as i32;
    let (mut best, mut at) = (i64::MAX, (guess.0.round() as i32, guess.1.round() as i32));
    let mut range = reach / STEPS[0];
    for step in STEPS {
        let centre = at;
        for dy in -range..=range {
            for dx in -range..=range {
                let shift = (centre.0 + dx * step, centre.1 + dy * step);
                // A slight pull to the guess decides between places that look the same.
                let pull = i64::from((shift.0 - guess.0 as i32).abs() + (shift.1 - guess.1 as i32).abs());
                let difference = difference(now, &samples, shift) + pull * samples.len() as i64 / 16;
                if difference < best {
                    (best, at) = (difference, shift);
                }
            }
        }
        range = 1;
    }
    let per_sample = best / samples.len() as i64;
    let (dx, dy) = (at.0 as f32, at.1 as f32);
    (per_sample < 30).then(|| Rect::new(rect.x1 + dx, rect.y1 + dy, rect.x2 + dx, rect.y2 + dy))
}

struct Sample {
    x: i32,
    y: i32,
    luma: u8,
}

fn luma(picture: &Picture, x: i32, y: i32) -> Option<u8> {
    let inside = x >= 0 && y >= 0 && (x as usize) < picture.width() && (y as usize) < picture.height();
    let plane = &picture.planes()[0];
    let step = if picture.format() == Format::Rgb { 3 } else { 1 };
    inside.then(|| plane.data[y as usize * plane.stride + x as usize * step])
}

fn samples(picture: &Picture, rect: Rect) -> Option<Vec<Sample>> {
    // The middle of the box: less background.
    let inner = rect.grow(0.6, 0.8);
    let mut samples = Vec::with_capacity(ACROSS * DOWN);
    for row in 0..DOWN {
        let y = (inner.y1 + inner.height() * (row as f32 + 0.5) / DOWN as f32) as i32;
        for column in 0..ACROSS {
            let x = (inner.x1 + inner.width() * (column as f32 + 0.5) / ACROSS as f32) as i32;
            if let Some(luma) = luma(picture, x, y) {
                samples.push(Sample { x, y, luma });
            }
        }
    }
    (samples.len() >= ACROSS * DOWN / 2).then_some(samples)
}

fn difference(picture: &Picture, samples: &[Sample], (dx, dy): (i32, i32)) -> i64 {
    let each = |sample: &Sample| {
        luma(picture, sample.x + dx, sample.y + dy).map_or(60, |luma| i64::from(luma.abs_diff(sample.luma)))
    };
    samples.iter().map(each).sum()
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
