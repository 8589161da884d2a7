//! What is measured of one picture.

use cortex_models::Picture;

use crate::grid::{CELLS, Grid};

/// Measures of a picture's luma; none of them needs another picture.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) grid: Grid,
    /// Mean and deviation of the cells, in grey levels.
    pub(crate) mean: f32,
    pub(crate) spread: f32,
    /// Root of the mean square difference of neighbouring pixels, in grey levels: edges count most, and a lens out of focus
    /// takes them away.
    pub(crate) sharp: f32,
    /// Share of the cells that are as bright as the sensor can tell.
    pub(crate) bright: f32,
    /// Single pixels, to be compared with those of other pictures.
    pub(crate) pixels: Vec<u8>,
    /// Of those pixels; equal where nothing at all differs.
    pub(crate) hash: u64,
}

/// From this luma on a cell counts as clipped; white is 235 (ITU-R BT.601).
const CLIPPED: f32 = 230.0;
/// Up to this luma a pixel may be black, which is 16 (ITU-R BT.601).
const BLACK: u8 = 20;
/// One pixel of so many must be neither black nor white for its noise to be that of the picture.
const GREY: usize = 8;
/// Lines on which pixels are read, and pixels between two that are.
const LINES: usize = 48;
const STEP: usize = 8;

impl Sight {
    /// `None` for a picture that has no luma plane or is too small.
    pub(crate) fn of(picture: &Picture) -> Option<Self> {
        let grid = Grid::of(picture)?;
        let plane = &picture.planes()[0];
        let (mut steps, mut count, mut pixels) = (0_u64, 0_u64, Vec::new());
        for line in 0..LINES {
            let row = (2 * line + 1) * picture.height() / (2 * LINES);
            let row = &plane.data[row * plane.stride..][..picture.width()];
            for pair in row.chunks(STEP).filter(|pixels| pixels.len() > 1) {
                steps += u64::from(pair[0].abs_diff(pair[1])).pow(2);
                count += 1;
                pixels.push(pair[0]);
            }
        }
        let mean = grid.0.iter().sum::<f32>() / CELLS as f32;
        let spread = grid.0.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / CELLS as f32;
        // FNV-1a.
        let hash = pixels.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, pixel| {
            (hash ^ u64::from(*pixel)).wrapping_mul(0x0100_0000_01b3)
        });
        Some(Self {
            mean,
            spread: spread.sqrt(),
            sharp: (steps as f32 / count.max(1) as f32).sqrt(),
            bright: grid.0.iter().filter(|cell| **cell >= CLIPPED).count() as f32 / CELLS as f32,
            grid,
            pixels,
            hash,
        })
    }

    /// The mean difference of their pixels in grey levels, without the quarter that differs most: noise, since what moves
    /// covers less. Black and white pixels have none, whatever the sensor does; `None` where there is hardly anything else.
    pub(crate) fn noise(&self, other: &Self) -> Option<f32> {
        let mut counts = [0_usize; 256];
        let grey = |pixel: u8| pixel > BLACK && f32::from(pixel) < CLIPPED;
        for (a, b) in self.pixels.iter().zip(&other.pixels).filter(|(a, b)| grey(**a) && grey(**b)) {
            counts[usize::from(a.abs_diff(*b))] += 1;
        }
        let grey = counts.iter().sum::<usize>();
        if grey * GREY < self.pixels.len() {
            return None;
        }
        let all = grey * 3 / 4;
        let (mut left, mut sum) = (all, 0);
        for (level, count) in counts.iter().enumerate() {
            let taken = left.min(*count);
            (left, sum) = (left - taken, sum + taken * level);
        }
        Some(sum as f32 / all.max(1) as f32)
    }
}
