//! What the scene looks like when nothing moves: two memories of every cell, one of now and one of before.
//!
//! Two backgrounds of different speed after Porikli (2008); compared are gradients of logarithmic brightness, which
//! light and shadow leave as they are but for their edges.

use super::grid::{Grid, Span};

/// Both memories, by cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Background {
    width: usize,
    cells: Vec<Cell>,
    covered: Vec<bool>,
    held: Vec<bool>,
    sample: Vec<f32>,
    /// Seconds since it began.
    pub(super) age_s: f32,
}

/// Brightness in natural logarithms.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// Of the last second.
    now: f32,
    /// Of the last minutes, without what came since.
    before: f32,
    /// Mean deviation from `now`.
    noise: f32,
    /// Seconds since it last moved.
    still_s: f32,
    /// Seconds from which `before` is known.
    known_s: f32,
}

/// How much brightness must differ to be motion: 12 percent and the cell's own noise.
const MOTION: f32 = 0.12;
/// How much gradients must differ to be a change: an edge of 18 percent contrast.
const EDGE: f32 = 0.18;
/// Seconds over which `now`, `before` and the noise are means.
const NOW_S: f32 = 1.0;
const BEFORE_S: f32 = 60.0;
const NOISE_S: f32 = 20.0;
/// A cell is known once it was seen at rest for so long, in seconds.
const KNOWN_S: f32 = 3.0;
/// What changed counts once it was at rest for so long, in seconds.
pub(super) const STILL_S: f32 = 2.0;
/// More cells than this share in motion at once: the camera was turned, or the scene was cut.
const UPHEAVAL: f32 = 0.4;
/// Light and shadow change brightness by less than this factor, as a logarithm; what differs more is a thing.
const LIGHT: f32 = 0.8;
/// Under light and shadow the texture stays: mean difference of gradients within.
const TEXTURE: f32 = 0.09;

impl Background {
    /// Takes in a picture `dt` seconds after the last. Cells of `covered` are hidden by who moves there and stay as
    /// they are; those of `held` lie in a region that changed, and what was before is not forgotten. `false` when the whole scene is another one: everything is learnt anew.
    pub(super) fn learn(&mut self, grid: &Grid, covered: &[Span], held: &[Span], dt: f32) -> bool {
        if (self.width, self.cells.len()) != (grid.width, grid.cells.len()) {
            self.begin(grid);
            return false;
        }
        self.age_s += dt;
        for (marks, spans) in [(&mut self.covered, covered), (&mut self.held, held)] {
            marks.fill(false);
            spans.iter().flat_map(|span| span.cells(grid.width)).for_each(|cell| marks[cell] = true);
        }
        // The light of the whole scene: both memories go along with it at once.
        self.sample.clear();
        let each = self.cells.iter().zip(&grid.cells).zip(&self.covered).step_by(13);
        self.sample.extend(each.filter(|(_, covered)| !**covered).map(|((cell, luma), _)| luma - cell.now));
        let light = median(&mut self.sample);
        let share = |seconds: f32| 1.0 - (-dt / seconds).exp();
        let (now, before, noise) = (share(NOW_S), share(BEFORE_S), share(NOISE_S));
        let (mut seen, mut moved) = (0, 0);
        for ((cell, luma), covered) in self.cells.iter_mut().zip(&grid.cells).zip(&self.covered) {
            cell.now += light;
            cell.before += light;
            if *covered {
                continue;
            }
            let off = luma - cell.now;
            seen += 1;
            if off.abs() > MOTION + 3.0 * cell.noise {
                moved += 1;
                cell.still_s = 0.0;
                cell.now += 0.5 * off;
            } else {
                cell.still_s += dt;
                cell.now += now * off;
            }
            cell.noise += noise * (off.abs().min(MOTION) - cell.noise);
            if cell.known_s < KNOWN_S {
                cell.before = cell.now;
                cell.known_s = if cell.still_s > 0.0 { cell.known_s + dt } else { 0.0 };
            }
        }
        let upheaval = seen > self.cells.len() / 4 && moved as f32 > UPHEAVAL * seen as f32;
        if upheaval {
            self.begin(grid);
            return false;
        }
        self.follow(before);
        true
    }

    /// Cells at rest whose surroundings look unlike before.
    pub(super) fn changed(&self, into: &mut Vec<bool>) {
        into.clear();
        let rests = |index: usize| self.cells[index].still_s >= STILL_S;
        into.extend((0..self.cells.len()).map(|index| {
            // A neighbour that moves changes the gradient here too.
            let around = || self.neighbours(index).is_some_and(|around| around.into_iter().all(rests));
            rests(index) && !self.covered[index] && self.differs(index) && around()
        }));
    }

    /// Whether a span is partly hidden by who moves there.
    pub(super) fn is_covered(&self, span: Span) -> bool {
        span.cells(self.width).any(|cell| self.covered[cell])
    }

    /// Whether what happened in a span is light or shadow: brighter or darker, but with the texture of before.
    pub(super) fn is_light(&self, span: Span) -> bool {
        let shift = |index: usize| self.cells[index].now - self.cells[index].before;
        let affected = |index: usize| shift(index).abs() > 0.08;
        let inner: Vec<usize> = span
            .cells(self.width)
            .filter(|index| {
                self.neighbours(*index).is_some_and(|around| {
                    affected(*index)
                        && around.into_iter().all(|near| affected(near) && shift(near) * shift(*index) > 0.0)
                })
            })
            .collect();
        if inner.len() < 4 {
            return false;
        }
        let mut shifts: Vec<f32> = inner.iter().map(|index| shift(*index).abs()).collect();
        let texture = inner.iter().map(|index| self.difference(*index)).sum::<f32>() / inner.len() as f32;
        texture < TEXTURE && median(&mut shifts) < LIGHT
    }

    /// How much sharper the outline of a region is now than before: above 0 something stands there, below it is gone.
    pub(super) fn sharper(&self, outline: &[usize]) -> f32 {
        let length = |[x, y]: [f32; 2]| x.hypot(y);
        outline
            .iter()
            .map(|index| {
                length(self.gradient(*index, |cell| cell.now))
                    - length(self.gradient(*index, |cell| cell.before))
            })
            .sum()
    }

    /// Takes what is in a span for the scene from now on.
    pub(super) fn absorb(&mut self, span: Span) {
        span.cells(self.width).for_each(|index| self.cells[index].before = self.cells[index].now);
    }

    fn begin(&mut self, grid: &Grid) {
        let cell = |luma: &f32| Cell { now: *luma, before: *luma, noise: 0.02, ..Cell::default() };
        self.width = grid.width;
        self.cells = grid.cells.iter().map(cell).collect();
        self.covered = vec![false; grid.cells.len()];
        self.held = vec![false; grid.cells.len()];
        self.age_s = 0.0;
    }

    /// Where nothing changed, before follows now; the light of the day goes on.
    fn follow(&mut self, share: f32) {
        for index in 0..self.cells.len() {
            if !self.covered[index] && !self.held[index] && !self.differs(index) {
                let cell = &mut self.cells[index];
                cell.before += share * (cell.now - cell.before);
            }
        }
    }

    fn differs(&self, index: usize) -> bool {
        let Some(around) = self.neighbours(index) else { return false };
        let known = |index: usize| self.cells[index].known_s >= KNOWN_S;
        known(index)
            && around.into_iter().all(known)
            && self.difference(index) > EDGE + 2.0 * self.cells[index].noise
    }

    fn difference(&self, index: usize) -> f32 {
        let [x, y] = self.gradient(index, |cell| cell.now - cell.before);
        x.hypot(y)
    }

    fn gradient(&self, index: usize, of: impl Fn(&Cell) -> f32) -> [f32; 2] {
        self.neighbours(index).map_or([0.0; 2], |[left, right, up, down]| {
            [of(&self.cells[right]) - of(&self.cells[left]), of(&self.cells[down]) - of(&self.cells[up])]
        })
    }

    /// Left, right, upper and lower; `None` at the picture's edge.
    fn neighbours(&self, index: usize) -> Option<[usize; 4]> {
        let x = index % self.width;
        let inside =
            x > 0 && x + 1 < self.width && index >= self.width && index + self.width < self.cells.len();
        inside.then(|| [index - 1, index + 1, index - self.width, index + self.width])
    }
}

/// 0 for nothing.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}
