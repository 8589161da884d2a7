//! Polygons and lines in normalised coordinates: x to the right, y downwards, 0..1.

use serde::{Deserialize, Serialize};

/// A place in the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// From the left edge.
    pub x: f32,
    /// From the upper edge.
    pub y: f32,
}

/// Whether a point lies inside a polygon, by counting edges to its right.
pub fn inside(polygon: &[Point], point: Point) -> bool {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let crossed = edges.filter(|(a, b)| {
        (a.y > point.y) != (b.y > point.y) && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x
    });
    crossed.count() % 2 == 1
}

/// On which side of the line from `a` to `b` a point lies: above 0 on the right of somebody who looks from `a` to
/// `b`, below 0 on the left; the size is twice the area of the triangle.
pub fn side(a: Point, b: Point, point: Point) -> f32 {
    (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x)
}

/// Distance of a point from the nearest edge of a polygon, in the coordinates' unit.
pub fn edge_distance(polygon: &[Point], point: Point) -> f32 {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    edges.map(|(a, b)| segment_distance(*a, *b, point)).fold(f32::INFINITY, f32::min)
}

/// Distance of a point from the segment from `a` to `b`, in the coordinates' unit.
pub fn segment_distance(a: Point, b: Point, point: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let along = ((point.x - a.x) * dx + (point.y - a.y) * dy) / (dx * dx + dy * dy).max(1e-12);
    let along = along.clamp(0.0, 1.0);
    (point.x - a.x - along * dx).hypot(point.y - a.y - along * dy)
}

/// Which share of the way between two places outside a polygon lies inside.
pub fn share_inside(polygon: &[Point], from: Point, to: Point) -> f32 {
    let edges = polygon.iter().zip(polygon.iter().cycle().skip(1));
    let crossed = edges.filter(|(a, b)| crossing(**a, **b, from, to).is_some());
    let mut at: Vec<f32> = crossed
        .map(|(a, b)| (side(*a, *b, from), side(*a, *b, to)))
        .map(|(start, end)| start / (start - end))
        .collect();
    at.sort_by(f32::total_cmp);
    at.chunks_exact(2).map(|pair| pair[1] - pair[0]).sum()
}

/// Distance of a point from the infinite line through `a` and `b`, in the coordinates' unit.
pub fn distance(a: Point, b: Point, point: Point) -> f32 {
    side(a, b, point).abs() / (b.x - a.x).hypot(b.y - a.y).max(1e-9)
}

/// Whether the way from `from` to `to` crosses the segment from `a` to `b`, and to which side: `Some(true)` to the
/// right, `Some(false)` to the left.
pub fn crossing(a: Point, b: Point, from: Point, to: Point) -> Option<bool> {
    let (start, end) = (side(a, b, from), side(a, b, to));
    if (start > 0.0) == (end > 0.0) {
        return None;
    }
    let (left, right) = (side(from, to, a), side(from, to, b));
    ((left > 0.0) != (right > 0.0)).then_some(end > 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    #[test]
    fn right_is_right() {
        // A line drawn from left to right: below it is on the right hand.
        let (a, b) = (at(0.0, 0.5), at(1.0, 0.5));
        assert!(side(a, b, at(0.5, 0.9)) > 0.0);
        assert_eq!(crossing(a, b, at(0.5, 0.4), at(0.5, 0.6)), Some(true));
        assert_eq!(crossing(a, b, at(0.5, 0.6), at(0.5, 0.4)), Some(false));
        assert_eq!(crossing(a, b, at(1.5, 0.4), at(1.5, 0.6)), None, "past its end");
    }

    #[test]
    fn a_way_through_a_square_is_inside_for_its_width() {
        let square = [at(0.4, 0.4), at(0.6, 0.4), at(0.6, 0.6), at(0.4, 0.6)];
        assert!((share_inside(&square, at(0.3, 0.5), at(0.8, 0.5)) - 0.4).abs() < 1e-5);
        assert_eq!(share_inside(&square, at(0.3, 0.3), at(0.8, 0.3)), 0.0);
    }

    proptest! {
        #[test]
        fn a_way_there_and_back_crosses_both_ways(points in proptest::array::uniform4((0.0..1.0_f32, 0.0..1.0_f32))) {
            let [a, b, from, to] = points.map(|(x, y)| at(x, y));
            prop_assert_eq!(crossing(a, b, from, to), crossing(a, b, to, from).map(|right| !right));
            prop_assert_eq!(crossing(a, b, from, to), crossing(b, a, from, to).map(|right| !right));
        }

        #[test]
        fn a_convex_polygon_holds_its_middle_and_nothing_outside(n in 3..12_usize, x in 0.3..0.7_f32, y in 0.3..0.7_f32) {
            let polygon: Vec<Point> = (0..n)
                .map(|i| i as f32 / n as f32 * std::f32::consts::TAU)
                .map(|angle| at(x + 0.2 * angle.cos(), y + 0.2 * angle.sin()))
                .collect();
            prop_assert!(inside(&polygon, at(x, y)));
            prop_assert!(!inside(&polygon, at(x + 0.21, y)));
            prop_assert!(!inside(&polygon, at(x, y - 0.21)));
        }
    }
}
