//! Whether something moved between decoded pictures, by their luma alone.

use super::mask::Mask;
use crate::grid::{CELLS, COLUMNS, Grid};

/// What a still scene looks like, cell by cell, and how restless each cell is.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    /// Luma and mean deviation from it; empty before the first picture.
    still: Vec<f32>,
    restless: Vec<f32>,
    at_us: i64,
    /// Cells in which nothing counts.
    mask: Mask,
}

/// The still scene follows what is seen within this time: what was put down belongs to it half a minute later, and who
/// walks through leaves less than the threshold behind.
const FOLLOW_US: f32 = 10e6;
/// A step of the luma that is no noise of a good camera, in grey levels of a cell's mean.
const STEP: f32 = 3.0;
/// So many times its own restlessness is more than a cell does by itself: leaves, water, noise in the dark.
const TIMES: f32 = 5.0;
/// No cell is taken for more restless than this, in grey levels: something that moves there must still be seen.
const MOST_RESTLESS: f32 = 8.0;
/// Cells that differ more than this say nothing of the light, in grey levels.
const OUTLIER: f32 = 12.0;

impl Scene {
    /// From now on these cells are not looked at.
    pub(crate) fn cover(&mut self, mask: Mask) {
        self.mask = mask;
    }

    /// Whether something moved since the pictures that were taken in. A change of the light, which moves all cells alike
    /// (brightness and contrast), is none.
    pub(crate) fn differs(&mut self, grid: &Grid) -> bool {
        if self.still.is_empty() {
            return false;
        }
        self.follow_light(grid);
        let changed: Vec<bool> = (0..CELLS)
            .map(|cell| {
                let step = STEP.max(TIMES * self.restless[cell]);
                !self.mask.hides(cell) && (grid.0[cell] - self.still[cell]).abs() > step
            })
            .collect();
        moved(&changed)
    }

    /// Takes a picture in that was compared.
    pub(crate) fn take_in(&mut self, grid: &Grid, at_us: i64) {
        if self.still.is_empty() {
            (self.still, self.restless, self.at_us) = (grid.0.clone(), vec![1.0; CELLS], at_us);
        }
        let share = ((at_us - self.at_us).max(0) as f32 / FOLLOW_US).min(0.5);
        self.at_us = at_us;
        for ((still, restless), seen) in self.still.iter_mut().zip(&mut self.restless).zip(&grid.0) {
            let off = (seen - *still).abs();
            *restless = (*restless + (off - *restless) * share).min(MOST_RESTLESS);
            *still += (seen - *still) * share;
        }
    }

    /// Moves the still scene to the light of this picture: the line that fits most cells, by least squares without
    /// those that differ from the median by more than something that moved there would.
    fn follow_light(&mut self, grid: &Grid) {
        let mut all: Vec<f32> = grid.0.iter().zip(&self.still).map(|(seen, still)| seen - still).collect();
        let (_, median, _) = all.select_nth_unstable_by(CELLS / 2, f32::total_cmp);
        let median = *median;
        let (mut count, mut x, mut y, mut xx, mut xy) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
        for (seen, still) in grid.0.iter().zip(&self.still) {
            let off = seen - still;
            if (off - median).abs() <= OUTLIER {
                // About the middle grey, so that sums of squares keep their digits.
                let still = still - 128.0;
                (count, x, y) = (count + 1.0, x + still, y + off);
                (xx, xy) = (xx + still * still, xy + still * off);
            }
        }
        let spread = xx * count - x * x;
        let slope = if spread > count * count { (xy * count - x * y) / spread } else { 0.0 };
        let base = if count > 0.0 { (y - slope * x) / count } else { 0.0 };
        for still in &mut self.still {
            *still += base + slope * (*still - 128.0);
        }
    }
}

/// Two changed cells that touch: one alone is noise, or a flicker of the encoder.
fn moved(changed: &[bool]) -> bool {
    let at = |column: usize, row: usize| changed.get(row * COLUMNS + column).copied().unwrap_or(false);
    (0..CELLS).filter(|cell| changed[*cell]).any(|cell| {
        let (column, row) = (cell % COLUMNS, cell / COLUMNS);
        (column + 1 < COLUMNS && (at(column + 1, row) || at(column + 1, row + 1)))
            || at(column, row + 1)
            || (column > 0 && at(column - 1, row + 1))
    })
}

#[cfg(test)]
mod tests {
    use cortex_proto::v1;

    use super::*;

    /// Looks a second apart at a textured scene with noise, seen through `change(column, row, luma)`.
    fn look(scene: &mut Scene, second: i64, change: impl Fn(usize, usize, f32) -> f32) -> bool {
        let noise = |cell: usize| ((cell as i64 * 7919 + second * 104_729) % 17) as f32 / 17.0 - 0.5;
        let cell = |cell: usize| {
            let (column, row) = (cell % COLUMNS, cell / COLUMNS);
            let luma = 60.0 + (column * 13 % 64) as f32 + (row * 7 % 32) as f32;
            change(column, row, luma) + 2.0 * noise(cell)
        };
        let grid = Grid((0..CELLS).map(cell).collect());
        let moved = scene.differs(&grid);
        scene.take_in(&grid, second * 1_000_000);
        moved
    }

    #[test]
    fn noise_and_light_do_not_move_and_a_person_far_away_does() {
        let mut scene = Scene::default();
        assert!((0..30).all(|second| !look(&mut scene, second, |_, _, luma| luma)), "noise");
        let dimmer = |_: usize, _: usize, luma: f32| luma * 0.6 + 4.0;
        assert!((30..40).all(|second| !look(&mut scene, second, dimmer)), "a lamp went out");
        assert!((40..50).all(|second| !look(&mut scene, second, |_, _, luma| luma)), "and on");
        let person = |at: usize| {
            move |column: usize, row: usize, luma: f32| {
                if column == at && (10..12).contains(&row) { luma - 12.0 } else { luma }
            }
        };
        assert!(look(&mut scene, 50, person(20)), "came");
        assert!(look(&mut scene, 51, person(21)), "walks");
        let point = |x, y| v1::Point { x, y };
        let area = [point(0.3, 0.2), point(0.4, 0.2), point(0.4, 0.5), point(0.3, 0.5)];
        let zone = v1::Zone { shape: v1::Shape::Mask as i32, points: area.to_vec(), ..Default::default() };
        scene.cover(Mask::of([&zone].into_iter()));
        assert!(!look(&mut scene, 52, person(22)), "behind the mask");
        assert!(look(&mut scene, 53, person(40)), "came out");
    }

    #[test]
    fn what_was_put_down_and_what_always_waves_become_still() {
        let mut scene = Scene::default();
        assert!((0..10).all(|second| !look(&mut scene, second, |_, _, luma| luma)));
        let bag = |column: usize, row: usize, luma: f32| {
            if (5..8).contains(&column) && (5..8).contains(&row) { luma + 40.0 } else { luma }
        };
        let first: Vec<bool> = (10..90).map(|second| look(&mut scene, second, bag)).collect();
        assert!(first[0] && !first[79]);
        let tree = |second: i64| {
            move |column: usize, _: usize, luma: f32| {
                if column > 50 { luma + 12.0 * (second % 2) as f32 } else { luma }
            }
        };
        let waves: Vec<bool> = (90..200).map(|second| look(&mut scene, second, tree(second))).collect();
        assert!(waves[1] && !waves[100..].iter().any(|moved| *moved), "{waves:?}");
    }
}
