//! Where a rule looks: an area, with a margin around it.

use super::{Holds, Point, Sight, geometry};

/// A pass between two frames is a visit when it lasted for so many seconds: a corner that is cut is none.
const PASS_S: f64 = 0.2;

/// A polygon, or the whole picture.
pub(super) struct Area {
    /// As operators read it: `zone gate`, `the picture`.
    pub(super) name: String,
    pub(super) polygon: Option<Vec<Point>>,
}

impl Area {
    /// Whether a subject is inside. Nearly is outside and within the margin.
    pub(super) fn holds(&self, sight: &Sight<'_>) -> Holds {
        match &self.polygon {
            Some(polygon) if !geometry::inside(polygon, sight.foot) => {
                let passed = sight.before.is_some_and(|(before, then)| {
                    let share = f64::from(geometry::share_inside(polygon, before, sight.foot));
                    share * sight.now.since(then) >= PASS_S
                });
                if passed {
                    return Holds::Yes;
                }
                let near = geometry::edge_distance(polygon, sight.foot) <= sight.margin();
                if near { Holds::Nearly } else { Holds::No }
            }
            _ => Holds::Yes,
        }
    }

    pub(super) fn inside(&self, foot: Point) -> bool {
        self.polygon.as_ref().is_none_or(|polygon| geometry::inside(polygon, foot))
    }

    /// Distance of a subject that is outside from the area, in heights of its own.
    pub(super) fn away(&self, sight: &Sight<'_>) -> f64 {
        let away = self.polygon.as_ref().map_or(0.0, |polygon| geometry::edge_distance(polygon, sight.foot));
        f64::from(away / sight.height.max(0.01))
    }
}
