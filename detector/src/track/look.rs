//! What a track looks like: colours of three parts of its box. Cheap, and enough to tell people apart who cross.

use cortex_models::{Format, Picture, Rect};
use serde::{Deserialize, Serialize};

const PARTS: usize = 3;
/// Eight levels of luma, and four by four of chroma.
const LUMA: usize = 8;
const BINS: usize = LUMA + 16;
const ACROSS: usize = 8;
const DOWN: usize = 8;

/// Colour histograms of the upper, middle and lower part, in 1/255 of the part's samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Look(Vec<u8>);

impl Look {
    /// The look of a place; `None` when it lies outside or the picture has no chroma planes.
    pub(super) fn of(picture: &Picture, rect: Rect) -> Option<Self> {
        let Format::I420(_) = picture.format() else { return None };
        // The middle of the box, so that less of the background counts.
        let rect = rect.grow(0.7, 0.9).clip(picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
        if rect.width() < 4.0 || rect.height() < 8.0 {
            return None;
        }
        let mut counts = [0_u16; PARTS * BINS];
        for part in 0..PARTS {
            for row in 0..DOWN {
                let share = (part * DOWN + row) as f32 + 0.5;
                let y = (rect.y1 + rect.height() * share / (PARTS * DOWN) as f32) as usize;
                for column in 0..ACROSS {
                    let x = (rect.x1 + rect.width() * (column as f32 + 0.5) / ACROSS as f32) as usize;
                    let at = |plane: usize, x: usize, y: usize| {
                        let plane = &picture.planes()[plane];
                        plane.data[y * plane.stride + x]
                    };
                    let (luma, cb, cr) = (at(0, x, y), at(1, x / 2, y / 2), at(2, x / 2, y / 2));
                    counts[part * BINS + usize::from(brightness(luma))] += 1;
                    counts[part * BINS + LUMA + usize::from(tint(cb) * 4 + tint(cr))] += 1;
                }
            }
        }
        let samples = (ACROSS * DOWN) as u16;
        Some(Self(counts.iter().map(|count| (count * 255 / samples) as u8).collect()))
    }

    /// How alike two looks are, 0..1 (Bhattacharyya 1943).
    pub(super) fn similarity(&self, other: &Self) -> f32 {
        let shared: f32 =
            self.0.iter().zip(&other.0).map(|(a, b)| (f32::from(*a) * f32::from(*b)).sqrt()).sum();
        (shared / (255.0 * 2.0 * PARTS as f32)).min(1.0)
    }

    /// Drifts towards a newer look.
    pub(super) fn blend(&mut self, newer: &Self) {
        for (old, new) in self.0.iter_mut().zip(&newer.0) {
            *old = ((u16::from(*old) * 7 + u16::from(*new)) / 8) as u8;
        }
    }
}

/// Luma in eight levels, finer where it is dark: most clothes are.
fn brightness(luma: u8) -> u8 {
    match luma {
        0..20 => 0,
        20..36 => 1,
        36..56 => 2,
        56..80 => 3,
        80..110 => 4,
        110..145 => 5,
        145..190 => 6,
        _ => 7,
    }
}

/// Chroma in four levels; most of the world is near grey, so the steps are finer there.
fn tint(chroma: u8) -> u8 {
    match chroma {
        0..118 => 0,
        118..128 => 1,
        128..139 => 2,
        _ => 3,
    }
}
