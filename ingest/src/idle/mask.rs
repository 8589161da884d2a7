//! Where in the picture nothing that moves counts.

use cortex_proto::v1;

use crate::grid::{COLUMNS, ROWS};

/// A cell of the grid is hidden when its centre lies in a mask.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask(Vec<bool>);

impl Mask {
    /// The masks among a camera's zones.
    pub(crate) fn of<'a>(zones: impl Iterator<Item = &'a v1::Zone>) -> Self {
        let masks: Vec<&v1::Zone> = zones.filter(|zone| zone.shape() == v1::Shape::Mask).collect();
        if masks.is_empty() {
            return Self::default();
        }
        let centre = |index: usize, of: usize| (index as f32 + 0.5) / of as f32;
        let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (column, row)));
        let hidden = |(column, row)| {
            masks.iter().any(|mask| holds(&mask.points, centre(column, COLUMNS), centre(row, ROWS)))
        };
        Self(cells.map(hidden).collect())
    }

    pub(crate) fn hides(&self, cell: usize) -> bool {
        self.0.get(cell).copied().unwrap_or(false)
    }
}

/// Whether a polygon holds a point, by how many of its sides a ray to the right crosses.
fn holds(points: &[v1::Point], x: f32, y: f32) -> bool {
    let sides = points.iter().zip(points.iter().cycle().skip(1));
    let crossed =
        sides.filter(|(a, b)| (a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
    crossed.count() % 2 == 1
}
