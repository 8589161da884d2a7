//! A patch of luma, and where it went in another picture: found by trying places, coarse to fine.

use cortex_models::{Format, Picture, Rect};

/// Luma values at places spread over a rectangle.
pub(super) struct Patch(Vec<Sample>);

struct Sample {
    x: i32,
    y: i32,
    luma: u8,
}

/// Steps of the search, in pixels.
const STEPS: [i32; 3] = [4, 2, 1];
/// What a sample outside the picture counts, in luma.
const OUTSIDE: i64 = 60;

impl Patch {
    /// `across` times `down` samples of a rectangle; `None` when half of it lies outside.
    pub(super) fn of(picture: &Picture, rect: Rect, across: usize, down: usize) -> Option<Self> {
        let mut samples = Vec::with_capacity(across * down);
        for row in 0..down {
            let y = (rect.y1 + rect.height() * (row as f32 + 0.5) / down as f32) as i32;
            for column in 0..across {
                let x = (rect.x1 + rect.width() * (column as f32 + 0.5) / across as f32) as i32;
                if let Some(luma) = luma(picture, x, y) {
                    samples.push(Sample { x, y, luma });
                }
            }
        }
        (samples.len() >= across * down / 2).then_some(Self(samples))
    }

    /// Where it is in `now`, searched `reach` pixels around `guess`: the shift, and the mean difference there.
    pub(super) fn find(&self, now: &Picture, guess: (f32, f32), reach: i32) -> ((i32, i32), i64) {
        let middle = (guess.0.round() as i32, guess.1.round() as i32);
        let (mut best, mut at) = (i64::MAX, middle);
        let mut range = reach / STEPS[0];
        for step in STEPS {
            let centre = at;
            for dy in -range..=range {
                for dx in -range..=range {
                    let shift = (centre.0 + dx * step, centre.1 + dy * step);
                    // A slight pull to the guess decides between places that look the same.
                    let pull = i64::from((shift.0 - middle.0).abs() + (shift.1 - middle.1).abs());
                    let sum = self.sum(now, shift) + pull * self.0.len() as i64 / 16;
                    if sum < best {
                        (best, at) = (sum, shift);
                    }
                }
            }
            range = 1;
        }
        (at, best / self.0.len().max(1) as i64)
    }

    /// Mean difference to the place shifted by so many pixels, in luma.
    pub(super) fn difference(&self, now: &Picture, shift: (i32, i32)) -> i64 {
        self.sum(now, shift) / self.0.len().max(1) as i64
    }

    /// Mean deviation from its mean, in luma: near 0 for a patch that looks the same everywhere.
    pub(super) fn texture(&self) -> i64 {
        let count = self.0.len().max(1) as i64;
        let mean = self.0.iter().map(|sample| i64::from(sample.luma)).sum::<i64>() / count;
        self.0.iter().map(|sample| (i64::from(sample.luma) - mean).abs()).sum::<i64>() / count
    }

    fn sum(&self, picture: &Picture, (dx, dy): (i32, i32)) -> i64 {
        let each = |sample: &Sample| {
            luma(picture, sample.x + dx, sample.y + dy)
                .map_or(OUTSIDE, |luma| i64::from(luma.abs_diff(sample.luma)))
        };
        self.0.iter().map(each).sum()
    }
}

fn luma(picture: &Picture, x: i32, y: i32) -> Option<u8> {
    let inside = x >= 0 && y >= 0 && (x as usize) < picture.width() && (y as usize) < picture.height();
    let plane = &picture.planes()[0];
    let step = if picture.format() == Format::Rgb { 3 } else { 1 };
    inside.then(|| plane.data[y as usize * plane.stride + x as usize * step])
}
