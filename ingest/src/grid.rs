//! A picture's luma on a coarse grid: what cheap looks at a camera stand on.

use cortex_models::{Format, Picture};

/// Cells across and down, whatever the picture's size and shape.
pub(crate) const COLUMNS: usize = 64;
pub(crate) const ROWS: usize = 36;
pub(crate) const CELLS: usize = COLUMNS * ROWS;

/// Points of a cell that are read, each way. Sixteen take three quarters off the noise of a pixel and read 2 % of a
/// 1080p picture.
const POINTS: usize = 4;

/// Mean luma of each cell, 0 to 255, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid(pub(crate) Vec<f32>);

impl Grid {
    /// Reads the luma where the decoder left it. `None` for a picture without a luma plane, or smaller than the grid.
    pub(crate) fn of(picture: &Picture) -> Option<Self> {
        let (width, height) = (picture.width(), picture.height());
        if !matches!(picture.format(), Format::I420(_)) || width < COLUMNS || height < ROWS {
            return None;
        }
        let plane = &picture.planes()[0];
        let place = |index: usize, of: usize, size: usize| (2 * index + 1) * size / (2 * of);
        let columns: Vec<usize> =
            (0..COLUMNS * POINTS).map(|column| place(column, COLUMNS * POINTS, width)).collect();
        let mut cells = vec![0_u32; CELLS];
        for row in 0..ROWS * POINTS {
            let line = &plane.data[place(row, ROWS * POINTS, height) * plane.stride..];
            let cells = &mut cells[row / POINTS * COLUMNS..][..COLUMNS];
            for (cell, points) in cells.iter_mut().zip(columns.chunks_exact(POINTS)) {
                *cell += points.iter().map(|at| u32::from(line[*at])).sum::<u32>();
            }
        }
        Some(Self(cells.into_iter().map(|sum| sum as f32 / (POINTS * POINTS) as f32).collect()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cortex_models::{Matrix, Plane};

    use super::*;

    /// A grey picture whose luma is drawn by `luma(x, y)`.
    pub(crate) fn drawn(width: usize, height: usize, luma: impl Fn(usize, usize) -> u8) -> Picture {
        let stride = width + 3; // rows of a decoder are padded
        let mut data = vec![0; stride * height];
        for (y, row) in data.chunks_exact_mut(stride).enumerate() {
            row[..width].iter_mut().enumerate().for_each(|(x, pixel)| *pixel = luma(x, y));
        }
        let chroma = || Plane {
            data: vec![128; width.div_ceil(2) * height.div_ceil(2)].into(),
            stride: width.div_ceil(2),
        };
        let planes = vec![Plane { data: data.into(), stride }, chroma(), chroma()];
        Picture::new(width, height, Format::I420(Matrix::Bt601), planes).unwrap()
    }

    #[test]
    fn cells_are_means_of_their_place() {
        let picture = drawn(640, 360, |x, y| if x < 320 { 10 } else { 20 + u8::from(y % 2 == 0) * 2 });
        let grid = Grid::of(&picture).unwrap();
        assert_eq!((grid.0[0], grid.0[31]), (10.0, 10.0));
        assert!((20.0..=22.0).contains(&grid.0[32]), "{}", grid.0[32]);
        assert_eq!(Grid::of(&drawn(32, 32, |_, _| 0)), None);
    }
}
