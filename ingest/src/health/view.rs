//! Whether a camera looks where it looked: a remembered view against the present one.

use crate::grid::{COLUMNS, Grid, ROWS};

/// Blocks across and down, each of 8x9 cells.
const ACROSS: usize = 8;
const DOWN: usize = 4;
/// Blocks whose luma deviates less have nothing to be compared by, in grey levels.
const PLAIN: f32 = 4.0;
/// A block that correlates less shows something else.
const OTHER: f32 = 0.5;
/// Largest shift that is looked for, in cells.
const SHIFT: (i32, i32) = (20, 10);
/// Cells that must overlap and correlate for a shift to be believed.
const FEWEST: usize = 600;
const SAME: f32 = 0.7;

/// The share of the view's structured blocks that show something else, 0 to 1. `None` where there is too little structure.
pub(crate) fn other(view: &Grid, now: &Grid) -> Option<f32> {
    let (width, height) = (COLUMNS / ACROSS, ROWS / DOWN);
    let (mut structured, mut others) = (0_usize, 0_usize);
    for block in 0..ACROSS * DOWN {
        let (left, top) = (block % ACROSS * width, block / ACROSS * height);
        let cells = (0..width * height).map(|cell| (top + cell / width) * COLUMNS + left + cell % width);
        let pairs: Vec<(f32, f32)> = cells.map(|cell| (view.0[cell], now.0[cell])).collect();
        if deviation(&pairs) < PLAIN {
            continue;
        }
        structured += 1;
        others += usize::from(correlation(&pairs) < OTHER);
    }
    (structured >= ACROSS * DOWN / 4).then(|| others as f32 / structured as f32)
}

/// How far the view moved, in shares of the picture's width and height to the right and downwards. `None` when what is
/// seen now has nothing to do with it.
pub(crate) fn shift(view: &Grid, now: &Grid) -> Option<(f32, f32)> {
    let mut best = (SAME, None);
    for down in -SHIFT.1..=SHIFT.1 {
        for right in -SHIFT.0..=SHIFT.0 {
            let pairs: Vec<(f32, f32)> = (0..ROWS as i32)
                .flat_map(|row| (0..COLUMNS as i32).map(move |column| (row, column)))
                .filter_map(|(row, column)| {
                    let (to_row, to_column) = (row + down, column + right);
                    let inside =
                        (0..ROWS as i32).contains(&to_row) && (0..COLUMNS as i32).contains(&to_column);
                    let at = |row: i32, column: i32| row as usize * COLUMNS + column as usize;
                    inside.then(|| (view.0[at(row, column)], now.0[at(to_row, to_column)]))
                })
                .collect();
            if pairs.len() >= FEWEST && correlation(&pairs) > best.0 {
                best = (correlation(&pairs), Some((right, down)));
            }
        }
    }
    // What the picture shows moves against where the camera turns.
    best.1.map(|(right, down)| (-right as f32 / COLUMNS as f32, -down as f32 / ROWS as f32))
}

fn deviation(pairs: &[(f32, f32)]) -> f32 {
    let mean = pairs.iter().map(|pair| pair.0).sum::<f32>() / pairs.len() as f32;
    (pairs.iter().map(|pair| (pair.0 - mean).powi(2)).sum::<f32>() / pairs.len() as f32).sqrt()
}

/// Pearson's, of which the light's brightness and contrast are no part. 0 where one side is plain.
fn correlation(pairs: &[(f32, f32)]) -> f32 {
    let count = pairs.len() as f32;
    let (x, y) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0 / count, sum.1 + pair.1 / count));
    let (mut xx, mut yy, mut xy) = (0.0_f32, 0.0_f32, 0.0_f32);
    for pair in pairs {
        let (a, b) = (pair.0 - x, pair.1 - y);
        (xx, yy, xy) = (xx + a * a, yy + b * b, xy + a * b);
    }
    if xx > 0.0 && yy > count * 0.25 { xy / (xx * yy).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::CELLS;

    fn seen(shift: usize, gain: f32) -> Grid {
        let cell = |cell: usize| {
            let (column, row) = (cell % COLUMNS + shift, cell / COLUMNS);
            let hash = (column / 3).wrapping_mul(2_654_435_761) ^ (row / 3).wrapping_mul(40_503);
            30.0 + gain * (hash % 97) as f32
        };
        Grid((0..CELLS).map(cell).collect())
    }

    #[test]
    fn light_is_the_same_view_and_a_turn_says_how_far() {
        assert_eq!(other(&seen(0, 1.0), &seen(0, 0.3)), Some(0.0));
        assert_eq!(other(&seen(0, 1.0), &Grid(vec![10.0; CELLS])), Some(1.0), "nothing is left of it");
        assert_eq!(other(&Grid(vec![10.0; CELLS]), &seen(0, 1.0)), None);
        assert!(other(&seen(0, 1.0), &seen(9, 1.0)).unwrap() > 0.8);
        assert_eq!(shift(&seen(0, 1.0), &seen(9, 0.5)), Some((9.0 / 64.0, 0.0)), "it turned to the right");
    }
}
