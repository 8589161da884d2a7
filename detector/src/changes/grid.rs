//! A picture as a coarse grid of brightness.

use std::sync::LazyLock;

use cortex_models::{Format, Picture, Rect};

/// Cells across; a bag of 16 pixels in a picture of 640 is four of them.
const ACROSS: usize = 160;

/// Brightness by cell, row by row: the natural logarithm of the mean luma, so that light and shadow add and take away
/// the same everywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Side of a cell in pixels.
    pub(super) side: usize,
    pub(super) cells: Vec<f32>,
    sums: Vec<u16>,
}

/// Steps per luma level in the table of logarithms.
const STEPS: usize = 4;
/// Keeps the noise of dark places small, in luma levels.
const DARK: f32 = 12.0;

/// The logarithm of a mean luma; black is 16.
static LOGARITHM: LazyLock<Vec<f32>> = LazyLock::new(|| {
    (0..=255 * STEPS).map(|step| ((step as f32 / STEPS as f32 - 16.0).max(0.0) + DARK).ln()).collect()
});

impl Grid {
    /// Takes in a picture, in place of the last.
    pub(super) fn read(&mut self, picture: &Picture) {
        self.side = picture.width().div_ceil(ACROSS);
        (self.width, self.height) = (picture.width() / self.side, picture.height() / self.side);
        self.cells.resize(self.width * self.height, 0.0);
        let plane = &picture.planes()[0];
        // Of RGB the green channel does for luma.
        let (step, offset) = if picture.format() == Format::Rgb { (3, 1) } else { (1, 0) };
        let used = self.width * self.side;
        let thin = if self.side >= 4 { 2 } else { 1 };
        let rows = self.side.div_ceil(thin);
        let scale = STEPS as f32 / (rows * self.side) as f32;
        for (row, cells) in self.cells.chunks_exact_mut(self.width).enumerate() {
            self.sums.clear();
            self.sums.resize(used, 0);
            for y in (0..self.side).step_by(thin) {
                let line = &plane.data[(row * self.side + y) * plane.stride..];
                if step == 1 {
                    self.sums.iter_mut().zip(line).for_each(|(sum, luma)| *sum += u16::from(*luma));
                } else {
                    let luma = line.iter().skip(offset).step_by(step);
                    self.sums.iter_mut().zip(luma).for_each(|(sum, luma)| *sum += u16::from(*luma));
                }
            }
            for (cell, sums) in cells.iter_mut().zip(self.sums.chunks_exact(self.side)) {
                let sum: u32 = sums.iter().map(|sum| u32::from(*sum)).sum();
                *cell = LOGARITHM[((sum as f32 * scale).round() as usize).min(255 * STEPS)];
            }
        }
    }

    /// The cells that a rectangle in pixels touches.
    pub(super) fn span(&self, rect: Rect) -> Span {
        let side = self.side as f32;
        let cell = |pixels: f32, most: usize| ((pixels / side).max(0.0) as usize).min(most);
        Span {
            left: cell(rect.x1, self.width),
            top: cell(rect.y1, self.height),
            right: cell(rect.x2 + side - 1.0, self.width),
            bottom: cell(rect.y2 + side - 1.0, self.height),
        }
    }
}

/// A rectangle of cells; right and bottom are the first ones outside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Span {
    pub(super) fn area(&self) -> usize {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// As a rectangle, in cells.
    pub(super) fn rect(&self) -> Rect {
        Rect::new(self.left as f32, self.top as f32, self.right as f32, self.bottom as f32)
    }

    /// Indices of its cells in a grid of this width.
    pub(super) fn cells(self, width: usize) -> impl Iterator<Item = usize> {
        (self.top..self.bottom).flat_map(move |y| (self.left..self.right).map(move |x| y * width + x))
    }
}
