//! Where the ground is in a camera's picture, as people write it.

use cortex_proto::v1;
use serde::{Deserialize, Serialize};

/// `ground` of a camera: four places on the ground whose distances are known, or two upright people of known height.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ground {
    /// Width and height in pixels of the picture that places were read from; without it they are shares of it (0..1).
    #[serde(default)]
    pub size: Option<[f32; 2]>,
    /// Four places on the ground, no three of them on a line.
    #[serde(default)]
    pub points: Vec<Place>,
    /// Two people at different distances, instead of points. A common focal length is assumed.
    #[serde(default)]
    pub people: Vec<Person>,
}

/// A place on the ground.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// `[x, y]` in the picture, from the upper left.
    pub at: [f32; 2],
    /// Metres along two directions on the ground at a right angle, from any origin.
    pub metres: [f32; 2],
}

/// Somebody who stands upright.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// `[x, y]` of the feet in the picture.
    pub foot: [f32; 2],
    /// `[x, y]` of the top of the head.
    pub head: [f32; 2],
    /// Height in metres.
    pub height: f32,
}

/// Points nearer to a line than this share of the triangle's longest side squared lie on it.
const FLAT: f32 = 0.01;

impl Ground {
    /// What is wrong with it, without the key.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        if self.size.is_some_and(|[width, height]| !(width >= 1.0 && height >= 1.0)) {
            return Some("`size` must be width and height in pixels");
        }
        let places = self.points.iter().map(|place| place.at);
        let people = self.people.iter().flat_map(|person| [person.foot, person.head]);
        if !places.chain(people).all(|at| self.share(at).iter().all(|value| (-0.5..=1.5).contains(value))) {
            return Some("places must be 0 to 1, or pixels with `size`");
        }
        match (self.points.as_slice(), self.people.as_slice()) {
            ([a, b, c, d], []) => four([a, b, c, d]),
            ([], [first, second]) => {
                let upright =
                    |person: &Person| person.head[1] < person.foot[1] && (0.3..=2.5).contains(&person.height);
                if !upright(first) || !upright(second) {
                    return Some("people must stand upright and be 0.3 to 2.5 metres high");
                }
                let rows = [first, second].map(|person| self.share(person.foot)[1]);
                ((rows[0] - rows[1]).abs() < 0.02).then_some("people must stand at different distances")
            }
            _ => Some("must be exactly four `points`, or two `people`"),
        }
    }

    fn share(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [width, height] = self.size.unwrap_or([1.0, 1.0]);
        [x / width, y / height]
    }

    fn point(&self, at: [f32; 2]) -> Option<v1::Point> {
        let [x, y] = self.share(at);
        Some(v1::Point { x, y })
    }
}

/// Seen from before the horizon, every three of four places turn the same way in the picture as on the ground, or all
/// the other way when the metres are counted to the other side. Else two were swapped, or one lies behind the horizon.
fn four(places: [&Place; 4]) -> Option<&'static str> {
    let turns = |of: fn(&Place) -> [f32; 2]| {
        [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]].map(|three| {
            let [a, b, c] = three.map(|n| of(places[n]));
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            let side = |p: [f32; 2], q: [f32; 2]| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
            area / side(a, b).max(side(b, c)).max(side(c, a)).max(1e-12)
        })
    };
    let (seen, real) = (turns(|place| place.at), turns(|place| place.metres));
    if seen.iter().chain(&real).any(|turn| turn.abs() < FLAT) {
        return Some("three of its points lie on a line");
    }
    let same = |n: usize| (seen[n] > 0.0) == (real[n] > 0.0);
    (1..4)
        .any(|n| same(n) != same(0))
        .then_some("two of its points are swapped, or one lies behind the horizon")
}

impl From<&Ground> for v1::Ground {
    fn from(entry: &Ground) -> Self {
        let place = |place: &Place| v1::GroundPoint {
            at: entry.point(place.at),
            x_m: place.metres[0],
            y_m: place.metres[1],
        };
        let person = |person: &Person| v1::GroundPerson {
            foot: entry.point(person.foot),
            head: entry.point(person.head),
            height_m: person.height,
        };
        Self {
            points: entry.points.iter().map(place).collect(),
            people: entry.people.iter().map(person).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(points: [([f32; 2], [f32; 2]); 4]) -> Ground {
        let points = points.map(|(at, metres)| Place { at, metres }).to_vec();
        Ground { points, ..Ground::default() }
    }

    #[test]
    fn what_no_ground_can_be_is_refused() {
        let (a, b, c, d) = ([0.0, 1.0], [1.0, 1.0], [0.7, 0.5], [0.3, 0.5]);
        let (p, q, r, s) = ([0.0, 0.0], [5.0, 0.0], [5.0, 9.0], [0.0, 9.0]);
        assert_eq!(ground([(a, p), (b, q), (c, r), (d, s)]).wrong(), None);
        // Metres counted to the left: the other way round altogether, and as good.
        assert_eq!(ground([(a, q), (b, p), (c, s), (d, r)]).wrong(), None);
        assert!(ground([(a, p), (b, q), (c, s), (d, r)]).wrong().unwrap().contains("swapped"));
        assert!(ground([(a, p), (b, q), (c, r), ([0.5, 1.0], s)]).wrong().unwrap().contains("on a line"));
        let mut three = ground([(a, p), (b, q), (c, r), (d, s)]);
        three.points.pop();
        assert!(three.wrong().unwrap().contains("exactly four"));
        let person = |y: f32| Person { foot: [0.5, y], head: [0.5, y - 0.2], height: 1.7 };
        let people = |first: f32, second: f32| Ground {
            people: vec![person(first), person(second)],
            ..Ground::default()
        };
        assert_eq!(people(0.9, 0.5).wrong(), None);
        assert!(people(0.9, 0.9).wrong().unwrap().contains("different distances"));
    }
}
