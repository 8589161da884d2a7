//! What a synthetic camera writes into each of its pictures, large enough to survive H.264 and JPEG: who it is, which picture
//! of the clip this is, and a checksum of both. Two rows of 32 black or white cells along the upper edge.

use serde::{Deserialize, Serialize};

/// A picture's name, in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Number of the camera.
    pub(crate) camera: u16,
    /// Number of the picture in the camera's clip, from 0.
    pub(crate) number: u16,
}

const COLUMNS: usize = 32;
const ROWS: usize = 2;
const CELL_HEIGHT: usize = 16;
/// Rows of pixels that a stamp covers.
pub(crate) const HEIGHT: usize = ROWS * CELL_HEIGHT;
const BLACK: u8 = 32;
const WHITE: u8 = 220;

impl Stamp {
    /// Draws it over the upper edge of a picture's luma, whose rows follow each other without a gap.
    pub(crate) fn draw(self, luma: &mut [u8], width: usize) {
        let bits = self.bits();
        for (y, row) in luma.chunks_mut(width).take(HEIGHT).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let bit = y / CELL_HEIGHT * COLUMNS + (x * COLUMNS / width).min(COLUMNS - 1);
                *pixel = if bits >> bit & 1 == 1 { WHITE } else { BLACK };
            }
        }
    }

    /// Reads it; `None` when the checksum is wrong.
    pub(crate) fn read(luma: &[u8], width: usize) -> Option<Self> {
        let cell = width / COLUMNS;
        let mut bits = 0_u64;
        for bit in 0..COLUMNS * ROWS {
            let (left, top) = (bit % COLUMNS * width / COLUMNS, bit / COLUMNS * CELL_HEIGHT);
            // The middle of a cell, where its neighbours do not ring.
            let rows = (top + CELL_HEIGHT / 4)..(top + CELL_HEIGHT * 3 / 4);
            let columns = (left + cell / 4)..(left + cell * 3 / 4);
            let (mut sum, mut count) = (0, 0);
            for y in rows {
                let row = luma.get(y * width..(y + 1) * width)?;
                columns.clone().for_each(|x| sum += u64::from(row[x]));
                count += columns.len() as u64;
            }
            bits |= u64::from(sum * 2 > count * u64::from(BLACK + WHITE)) << bit;
        }
        let stamp = Self { camera: bits as u16, number: (bits >> 16) as u16 };
        (stamp.bits() == bits).then_some(stamp)
    }

    fn bits(self) -> u64 {
        let name = u64::from(self.camera) | u64::from(self.number) << 16;
        // FNV-1a: any cell that is read wrongly shows.
        let sum = name.to_le_bytes()[..4]
            .iter()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        name | u64::from(sum) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_read_and_what_is_torn_is_not() {
        let width = 768;
        let stamp = Stamp { camera: 3, number: 794 };
        let mut luma = vec![90; width * 100];
        stamp.draw(&mut luma, width);
        assert_eq!(Stamp::read(&luma, width), Some(stamp));
        luma[..width / COLUMNS * 3 / 2].fill(BLACK);
        luma.iter_mut().take(width * CELL_HEIGHT).for_each(|pixel| *pixel = 255 - *pixel);
        assert_eq!(Stamp::read(&luma, width), None);
        assert_eq!(Stamp::read(&luma[..width], width), None);
    }
}
