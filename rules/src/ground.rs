//! A calibrated ground plane: a homography from the picture to metres.

use cortex_proto::v1;

use super::{Point, scale::FOCAL};

/// From normalised places in the picture to metres on the ground.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Homography {
    /// Row by row; the last number is not always 1.
    rows: [[f64; 3]; 3],
    /// Which metres lie to the right and which downwards in the picture, roughly: unit vectors on the ground.
    right: (f64, f64),
    down: (f64, f64),
}

impl Homography {
    /// From four points, or from two people of known height. `aspect` is width by height of the picture.
    ///
    /// # Errors
    /// Why the ground cannot be had from them.
    pub(super) fn of(ground: &v1::Ground, aspect: f64) -> Result<Self, String> {
        let rows = if ground.points.is_empty() {
            from_people(&ground.people, aspect)?
        } else {
            from_points(&ground.points)?
        };
        let mut made = Self { rows, right: (1.0, 0.0), down: (0.0, 1.0) };
        let known: Vec<Point> = if ground.points.is_empty() {
            ground.people.iter().map(|person| point(person.foot.as_ref())).collect()
        } else {
            ground.points.iter().map(|place| point(place.at.as_ref())).collect()
        };
        // The homography's sign is chosen so that the known places lie before the horizon.
        if made.depth(known[0]) < 0.0 {
            made.rows.iter_mut().flatten().for_each(|value| *value = -*value);
        }
        if known.iter().any(|place| made.depth(*place) <= 1e-9) {
            return Err("a point of it lies behind the horizon".to_owned());
        }
        let middle = Point {
            x: known.iter().map(|place| place.x).sum::<f32>() / known.len() as f32,
            y: known.iter().map(|place| place.y).sum::<f32>() / known.len() as f32,
        };
        let here = made.place(middle).ok_or("its middle lies behind the horizon")?;
        let next = made.place(Point { x: middle.x + 1e-3, ..middle }).ok_or("it has no extent")?;
        let (x, y) = (next.0 - here.0, next.1 - here.1);
        let size = x.hypot(y).max(1e-12);
        made.right = (x / size, y / size);
        let below = made.place(Point { y: middle.y + 1e-3, ..middle }).ok_or("it has no extent")?;
        let (x, y) = (below.0 - here.0, below.1 - here.1);
        // At a right angle to the right, on the side on which the picture's lower edge is.
        let across = (-made.right.1, made.right.0);
        let side = if x * across.0 + y * across.1 < 0.0 { -1.0 } else { 1.0 };
        made.down = (across.0 * side, across.1 * side);
        Ok(made)
    }

    /// Metres of a place in the picture; `None` behind the horizon.
    pub(super) fn place(&self, at: Point) -> Option<(f64, f64)> {
        let depth = self.depth(at);
        let row = |n: usize| self.row(n, at);
        (depth > 1e-9).then(|| (row(0) / depth, row(1) / depth))
    }

    /// A way in metres, as it looks: to the right and downwards in the picture.
    pub(super) fn seen(&self, x: f64, y: f64) -> (f64, f64) {
        (x * self.right.0 + y * self.right.1, x * self.down.0 + y * self.down.1)
    }

    fn depth(&self, at: Point) -> f64 {
        self.row(2, at)
    }

    fn row(&self, n: usize, at: Point) -> f64 {
        let [a, b, c] = self.rows[n];
        a * f64::from(at.x) + b * f64::from(at.y) + c
    }
}

fn point(at: Option<&v1::Point>) -> Point {
    at.map_or_else(Point::default, |at| Point { x: at.x, y: at.y })
}

/// The direct linear transform of four points: eight equations, the last number being 1. Places are taken from the
/// points' middle, which cannot lie on the horizon.
fn from_points(points: &[v1::GroundPoint]) -> Result<[[f64; 3]; 3], String> {
    if points.len() != 4 {
        return Err(format!("it needs exactly four points, not {}", points.len()));
    }
    let seen = |place: &v1::GroundPoint| {
        let at = point(place.at.as_ref());
        (f64::from(at.x), f64::from(at.y))
    };
    let (mx, my) = points.iter().map(seen).fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / 4.0, sum.1 + y / 4.0));
    let mut rows = Vec::with_capacity(8);
    for place in points {
        let (x, y) = seen(place);
        let (x, y) = (x - mx, y - my);
        let (u, v) = (f64::from(place.x_m), f64::from(place.y_m));
        rows.push([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u]);
        rows.push([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v]);
    }
    let h = solve(rows).ok_or("three of its points lie on a line")?;
    let rows = [[h[0], h[1], h[2]], [h[3], h[4], h[5]], [h[6], h[7], 1.0]];
    Ok(rows.map(|[a, b, c]| [a, b, c - a * mx - b * my]))
}

/// Gauss with pivots; `None` without a single answer.
fn solve(mut rows: Vec<[f64; 9]>) -> Option<[f64; 8]> {
    for column in 0..8 {
        let best = (column..8).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        rows.swap(column, best);
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|(n, _)| *n != column) {
            let share = row[column] / pivot[column];
            row.iter_mut().zip(pivot).for_each(|(value, of)| *value -= share * of);
        }
    }
    Some(std::array::from_fn(|n| rows[n][8] / rows[n][n]))
}

/// From two upright people: tilt and height of the camera, at the usual focal length. At distance `D` the ray to the
/// feet falls by `camera / D`, that to the head by `(camera - height) / D`; the tilt is the one at which both people
/// give the same height of the camera.
fn from_people(people: &[v1::GroundPerson], aspect: f64) -> Result<[[f64; 3]; 3], String> {
    let [first, second] = people else {
        return Err(format!("it needs four points, or two people; there are {}", people.len()));
    };
    let falls = |tilt: f64, y: f32| {
        let v = (f64::from(y) - 0.5) / FOCAL;
        (tilt.sin() + tilt.cos() * v) / (tilt.cos() - tilt.sin() * v)
    };
    let camera = |tilt: f64, person: &v1::GroundPerson| {
        let (foot, head) =
            (falls(tilt, point(person.foot.as_ref()).y), falls(tilt, point(person.head.as_ref()).y));
        (foot > 1e-6 && foot > head).then(|| f64::from(person.height_m) * foot / (foot - head))
    };
    let differ = |tilt: f64| Some(camera(tilt, first)? / camera(tilt, second)? - 1.0);
    // From the steepest camera to one that looks up a little, in steps of half a degree.
    let steps = (-20..160).map(|n| f64::from(n) * 0.5_f64.to_radians());
    let tilts: Vec<(f64, f64)> = steps.filter_map(|tilt| Some((tilt, differ(tilt)?))).collect();
    let (mut low, mut high) = tilts
        .windows(2)
        .find(|pair| (pair[0].1 > 0.0) != (pair[1].1 > 0.0))
        .map(|pair| (pair[0].0, pair[1].0))
        .ok_or("no camera sees two people like these: feet, heads or heights do not fit each other")?;
    let sign = differ(low).is_some_and(|value| value > 0.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if differ(middle).is_some_and(|value| (value > 0.0) == sign) { low = middle } else { high = middle }
    }
    let (sin, cos) = low.sin_cos();
    let height = camera(low, first).ok_or("a person of it stands behind the horizon")?;
    // The ray through (x, y) is (x - .5) * aspect, (y - .5), FOCAL; it meets the ground where it has fallen by the
    // camera's height.
    let k = height * aspect;
    Ok([
        [k, 0.0, -0.5 * k],
        [0.0, -height * sin, height * (0.5 * sin + FOCAL * cos)],
        [0.0, cos, FOCAL * sin - 0.5 * cos],
    ])
}
