//! What must not be seen: decided from one message of detections and what was seen before.
//!
//! What was **seen** is held: a face, or the head part of a person's box. Only a newer sighting nearby may take its
//! place, one for one, so that as many places stay redacted as people were seen. Where a coasting track is **believed**
//! to be is redacted on top of that, and never instead: a missed person may have stopped or turned.

use cortex_proto::v1;
use serde::{Deserialize, Serialize};

use crate::{Config, Region};

/// The sightings of one camera that hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regions {
    held: Vec<Sighting>,
    time_us: i64,
}

/// A face or a head part, where it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sighting {
    /// Centre x, centre y, width, height, normalised.
    place: [f32; 4],
    /// Velocity of its centre, per second.
    velocity: [f32; 2],
    seen_us: i64,
    /// The track it belongs to; 0 for none.
    track: u64,
    head: bool,
}

/// The head about a face: this many times as wide, and of the face's height so much more above and below. 1.3 times
/// the box covers a face; heads annotated by hand have hair and ears.
const FACE_WIDE: f32 = 1.6;
const FACE_ABOVE: f32 = 0.5;
const FACE_BELOW: f32 = 0.3;
/// The head part of a standing person's box: its upper share, with a margin above and beside.
const HEAD: f32 = 0.30;
const ABOVE: f32 = 0.06;
const BESIDE: f32 = 0.10;
/// A box that is not this much taller than wide is no standing person: the head may be anywhere.
const UPRIGHT: f32 = 1.15;
/// Sightings held at most, a third of a snapshot; of more, the oldest is merged with the one beside it.
const MOST: usize = 400;
/// A track seen again lies near its last place, or at most the way of this many seconds from it.
const STEP_S: f32 = 0.5;

impl Regions {
    /// Takes in what was seen and answers what is redacted in that frame. `aspect` is the picture's width over its
    /// height.
    pub(crate) fn update(&mut self, seen: &v1::Detections, config: &Config, aspect: f32) -> Vec<Region> {
        self.time_us = self.time_us.max(seen.time_us);
        let (now, hold_us) = (self.time_us, (config.hold_s * 1e6) as i64);
        self.held.retain(|held| now - held.seen_us <= hold_us);
        let mut fresh: Vec<Sighting> = seen.faces.iter().filter_map(|face| self.face(face, seen)).collect();
        let mut believed = Vec::new();
        for object in seen.objects.iter().filter(|object| object.class == "person") {
            let Some(place) = object.r#box.as_ref() else { continue };
            let part = head(place, aspect);
            // A matched face stands for the head only where the head must be: it may be somebody else's.
            let faced = object.track != 0
                && fresh.iter().any(|one| !one.head && one.track == object.track && within(one.place, part));
            if faced {
                continue;
            }
            let velocity = [object.velocity_x, object.velocity_y];
            let one = Sighting { place: part, velocity, seen_us: now, track: object.track, head: true };
            match object.state() {
                v1::ObjectState::Carried | v1::ObjectState::Hidden => believed.push(one.at(now)),
                _ if object.track != 0 || object.score >= config.person_score => fresh.push(one),
                _ => {}
            }
        }
        self.see(fresh);
        self.held.iter().map(|held| held.at(now)).chain(believed).collect()
    }

    fn face(&self, face: &v1::Face, seen: &v1::Detections) -> Option<Sighting> {
        let [x, y, width, height] = middle(face.r#box.as_ref()?);
        let up = (FACE_ABOVE - FACE_BELOW) / 2.0 * height;
        let place = [x, y - up, width * FACE_WIDE, height * (1.0 + FACE_ABOVE + FACE_BELOW)];
        let owner = seen.objects.iter().find(|object| object.track != 0 && object.track == face.track);
        let velocity = owner.map_or([0.0; 2], |object| [object.velocity_x, object.velocity_y]);
        Some(Sighting { place, velocity, seen_us: self.time_us, track: face.track, head: false })
    }

    /// Every fresh sighting takes the place of one older nearby, at most; nearest pairs of a track first.
    fn see(&mut self, fresh: Vec<Sighting>) {
        let mut pairs: Vec<(bool, f32, usize, usize)> = Vec::new();
        for (index, one) in fresh.iter().enumerate() {
            let near = |(old, held): (usize, &Sighting)| {
                held.replaced_by(one).then(|| (held.track != one.track, held.distance(one), old, index))
            };
            pairs.extend(self.held.iter().enumerate().filter_map(near));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (mut by, mut taken) = (vec![None; self.held.len()], vec![false; fresh.len()]);
        for (_, _, old, index) in pairs {
            if by[old].is_none() && !taken[index] {
                (by[old], taken[index]) = (Some(index), true);
            }
        }
        // Beside somebody whose track is missed, nobody knows which of the two was seen: both places stay.
        let missed: Vec<&Sighting> = self
            .held
            .iter()
            .filter(|held| held.track != 0 && fresh.iter().all(|one| one.track != held.track))
            .collect();
        let doubted = |held: &Sighting| {
            missed.iter().any(|other| other.head == held.head && other.touches(held, [0.0; 2]))
        };
        let kept = self.held.iter().zip(&by).filter(|(held, by)| by.is_none() || doubted(held));
        self.held = kept.map(|(held, _)| held.clone()).collect();
        self.held.extend(fresh);
        while self.held.len() > MOST {
            self.merge();
        }
    }

    /// Merges the oldest sighting with the nearest other one: what covered both goes on.
    fn merge(&mut self) {
        let now = self.time_us;
        let oldest = self.held.remove(0);
        let nearest = self.held.iter_mut().min_by(|a, b| a.distance(&oldest).total_cmp(&b.distance(&oldest)));
        if let Some(other) = nearest {
            let (a, b) = (oldest.at(now), other.at(now));
            let (x1, y1, x2, y2) = (a.x1.min(b.x1), a.y1.min(b.y1), a.x2.max(b.x2), a.y2.max(b.y2));
            other.place = [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1];
            other.track = 0;
        }
    }
}

impl Sighting {
    /// Whether a newer sighting says where whoever was seen here is now. Of a track its next step does; without a
    /// track what lies over this place. Another track is somebody else.
    fn replaced_by(&self, newer: &Self) -> bool {
        if self.head != newer.head || self.seen_us >= newer.seen_us {
            return false;
        }
        if self.track != 0 && self.track == newer.track {
            let gone = ((newer.seen_us - self.seen_us) as f32 / 1e6).min(STEP_S);
            return self.touches(newer, newer.velocity.map(|speed| speed.abs() * gone));
        }
        self.track == 0 && within(self.place, newer.place)
    }

    /// Whether two places overlap, or lie at most this far apart.
    fn touches(&self, other: &Self, apart: [f32; 2]) -> bool {
        [0, 1].into_iter().all(|axis| {
            let reach = (self.place[axis + 2] + other.place[axis + 2]) / 2.0 + apart[axis];
            (self.place[axis] - other.place[axis]).abs() < reach
        })
    }

    /// Between the centres, in the picture's normalised frame.
    fn distance(&self, other: &Self) -> f32 {
        (self.place[0] - other.place[0]).hypot(self.place[1] - other.place[1])
    }

    /// Where it is redacted now: moved with its velocity half of the way, and grown by the other half, since nobody
    /// knows whether it went on.
    fn at(&self, now_us: i64) -> Region {
        let [x, y, width, height] = self.place;
        let gone = (now_us - self.seen_us) as f32 / 1e6;
        let (dx, dy) = (self.velocity[0] * gone, self.velocity[1] * gone);
        let grow = 1.0 + 0.3 * gone;
        // A moving head is a little further than the box says: the detector's answer is of one moment.
        let (mx, my) =
            (self.velocity[0].abs() * 0.05 + dx.abs() / 2.0, self.velocity[1].abs() * 0.05 + dy.abs() / 2.0);
        let (cx, cy) = (x + dx / 2.0, y + dy / 2.0);
        let (half_w, half_h) = (width * grow / 2.0 + mx, height * grow / 2.0 + my);
        Region { x1: cx - half_w, y1: cy - half_h, x2: cx + half_w, y2: cy + half_h }
    }
}

/// Centre and size of a box.
pub(crate) fn middle(place: &v1::Box) -> [f32; 4] {
    [(place.x1 + place.x2) / 2.0, (place.y1 + place.y2) / 2.0, place.x2 - place.x1, place.y2 - place.y1]
}

/// The head part of a person's box; the whole box when the person does not stand. A box is normalised, so its real
/// shape needs the picture's aspect.
pub(crate) fn head(place: &v1::Box, aspect: f32) -> [f32; 4] {
    let (width, height) = (place.x2 - place.x1, place.y2 - place.y1);
    if height < width * aspect * UPRIGHT {
        return [(place.x1 + place.x2) / 2.0, (place.y1 + place.y2) / 2.0, width * 1.05, height * 1.05];
    }
    let (top, bottom) = (place.y1 - height * ABOVE, place.y1 + height * HEAD);
    [(place.x1 + place.x2) / 2.0, (top + bottom) / 2.0, width * (1.0 + 2.0 * BESIDE), bottom - top]
}

/// Whether the centre of one place lies in the other.
pub(crate) fn within(inner: [f32; 4], outer: [f32; 4]) -> bool {
    (inner[0] - outer[0]).abs() < outer[2] / 2.0 && (inner[1] - outer[1]).abs() < outer[3] / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(track: u64, state: v1::ObjectState, x: f32) -> v1::Object {
        let place = v1::Box { x1: x, y1: 0.2, x2: x + 0.1, y2: 0.8 };
        v1::Object {
            class: "person".into(),
            score: 0.8,
            r#box: Some(place),
            track,
            state: state as i32,
            ..Default::default()
        }
    }

    fn at(seconds: f32, objects: Vec<v1::Object>, faces: Vec<v1::Face>) -> v1::Detections {
        v1::Detections { time_us: 1_000_000 + (seconds * 1e6) as i64, objects, faces, ..Default::default() }
    }

    fn covers(regions: &[Region], x: f32, y: f32) -> bool {
        regions.iter().any(|r| r.x1 <= x && x <= r.x2 && r.y1 <= y && y <= r.y2)
    }

    #[test]
    fn a_person_without_a_face_loses_the_head_and_a_matched_face_is_enough() {
        let config = Config::default();
        let mut regions = Regions::default();
        let seen =
            regions.update(&at(0.0, vec![person(1, v1::ObjectState::Detected, 0.4)], vec![]), &config, 1.33);
        assert!(covers(&seen, 0.45, 0.25) && !covers(&seen, 0.45, 0.6));
        let face = v1::Face {
            r#box: Some(v1::Box { x1: 0.43, y1: 0.22, x2: 0.47, y2: 0.28 }),
            score: 0.9,
            track: 2,
        };
        let mut regions = Regions::default();
        let seen = regions.update(
            &at(0.0, vec![person(2, v1::ObjectState::Detected, 0.4)], vec![face]),
            &config,
            1.33,
        );
        assert_eq!(seen.len(), 1);
        assert!(covers(&seen, 0.425, 0.25), "a face is redacted larger than it is");
    }

    #[test]
    fn what_was_seen_is_held_for_three_seconds() {
        let config = Config::default();
        let mut regions = Regions::default();
        regions.update(&at(0.0, vec![person(0, v1::ObjectState::Detected, 0.4)], vec![]), &config, 1.33);
        assert!(covers(&regions.update(&at(2.9, vec![], vec![]), &config, 1.33), 0.45, 0.25));
        assert!(regions.update(&at(3.1, vec![], vec![]), &config, 1.33).is_empty());
    }

    #[test]
    fn where_somebody_was_seen_stays_covered_while_the_prediction_walks_on() {
        let config = Config::default();
        let mut regions = Regions::default();
        regions.update(&at(0.0, vec![person(5, v1::ObjectState::Detected, 0.2)], vec![]), &config, 1.33);
        for step in 1..=14 {
            let (seconds, x) = (step as f32 * 0.2, 0.2 + step as f32 * 0.04);
            // From 1 s on the track has caught somebody else, far away from where it was seen.
            let state = if step < 5 { v1::ObjectState::Hidden } else { v1::ObjectState::Detected };
            let seen = regions.update(&at(seconds, vec![person(5, state, x)], vec![]), &config, 1.33);
            assert!(covers(&seen, x + 0.05, 0.25), "where it is believed to be at {seconds} s");
            assert!(covers(&seen, 0.25, 0.25), "who stopped is shown at {seconds} s");
        }
        assert!(regions.update(&at(6.0, vec![], vec![]), &config, 1.33).is_empty());
    }

    #[test]
    fn a_place_is_given_up_only_for_a_newer_sighting_nearby() {
        let config = Config::default();
        let mut regions = Regions::default();
        for step in 0..10 {
            let walker = person(5, v1::ObjectState::Detected, 0.2 + step as f32 * 0.04);
            let seen = regions.update(&at(step as f32 * 0.2, vec![walker], vec![]), &config, 1.33);
            assert_eq!(seen.len(), 1, "who is seen at every step leaves no trail");
        }
    }

    #[test]
    fn who_is_missed_beside_somebody_stays_covered_when_ids_switch() {
        let config = Config::default();
        let mut regions = Regions::default();
        let pair = [(1, 0.40), (2, 0.47)].map(|(track, x)| person(track, v1::ObjectState::Detected, x));
        regions.update(&at(0.0, pair.to_vec(), vec![]), &config, 1.33);
        // Person 1 stops unseen, person 2 goes on under the first one's id.
        for step in 1..=14 {
            let other = person(1, v1::ObjectState::Detected, 0.45 + step as f32 * 0.03);
            let seen = regions.update(&at(step as f32 * 0.2, vec![other], vec![]), &config, 1.33);
            assert!([0.40, 0.45, 0.50].into_iter().all(|x| covers(&seen, x, 0.25)), "step {step}");
        }
    }

    #[test]
    fn a_flood_is_merged_and_stays_covered() {
        let config = Config::default();
        let mut regions = Regions::default();
        // A hundred people whose tracks break all the time.
        let crowd = |row: u64| {
            let one = |n: u64| person(100 * row + n + 1, v1::ObjectState::Detected, n as f32 / 125.0);
            (0..100).map(one).collect()
        };
        for row in 0..8 {
            regions.update(&at(row as f32 / 10.0, crowd(row), vec![]), &config, 1.33);
        }
        let seen = regions.update(&at(1.0, vec![], vec![]), &config, 1.33);
        assert!(seen.len() <= MOST, "{}", seen.len());
        for x in 0..100 {
            assert!(covers(&seen, 0.05 + x as f32 / 125.0, 0.22), "{x}");
        }
    }

    #[test]
    fn who_lies_on_the_ground_is_covered_whole() {
        let lying = v1::Box { x1: 0.2, y1: 0.7, x2: 0.6, y2: 0.85 };
        let [x, y, width, height] = head(&lying, 1.33);
        assert!((x - 0.4).abs() < 1e-6 && (y - 0.775).abs() < 1e-6 && width > 0.4 && height > 0.15);
    }
}
