//! What must not be seen: decided from one message of detections and what was seen before.

use cortex_proto::v1;
use serde::{Deserialize, Serialize};

use crate::{Config, Region};

/// Redacted regions of one camera and how long they hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Regions {
    held: Vec<Held>,
    time_us: i64,
}

/// A region that was last seen at some moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    /// Centre x, centre y, width, height, normalised.
    place: [f32; 4],
    /// Velocity of its centre, per second.
    velocity: [f32; 2],
    seen_us: i64,
    /// The track it belongs to; 0 for none.
    track: u64,
    head: bool,
}

/// A face's box is redacted this much larger.
const FACE: f32 = 1.3;
/// The head part of a standing person's box: its upper share, with a margin above and beside.
const HEAD: f32 = 0.30;
const ABOVE: f32 = 0.06;
const BESIDE: f32 = 0.10;
/// A box that is not this much taller than wide is no standing person: the head may be anywhere.
const UPRIGHT: f32 = 1.15;
/// Regions held at most; more, and the oldest are merged into whole pictures.
const MOST: usize = 400;

impl Regions {
    /// Takes in what was seen and answers what is redacted in that frame. `aspect` is the picture's width over its
    /// height.
    pub(crate) fn update(&mut self, seen: &v1::Detections, config: &Config, aspect: f32) -> Vec<Region> {
        self.time_us = self.time_us.max(seen.time_us);
        let matched: Vec<u64> =
            seen.faces.iter().map(|face| face.track).filter(|track| *track != 0).collect();
        for face in &seen.faces {
            let Some(place) = face.r#box.as_ref() else { continue };
            let velocity = seen.objects.iter().find(|object| object.track != 0 && object.track == face.track);
            let velocity = velocity.map_or([0.0; 2], |object| [object.velocity_x, object.velocity_y]);
            self.see(grown(place, FACE), velocity, face.track, false);
        }
        for object in seen.objects.iter().filter(|object| object.class == "person") {
            let Some(place) = object.r#box.as_ref() else { continue };
            let sure = object.score >= config.person_score || object.track != 0;
            let part = head(place, aspect);
            let covered =
                object.track != 0 && matched.contains(&object.track) && self.face_lies_in(object.track, part);
            if sure && !covered {
                self.see(part, [object.velocity_x, object.velocity_y], object.track, true);
            }
        }
        let (now, hold_us) = (self.time_us, (config.hold_s * 1e6) as i64);
        self.held.retain(|held| now - held.seen_us <= hold_us);
        if self.held.len() > MOST {
            return vec![Region::WHOLE];
        }
        self.held.iter().map(|held| held.at(now)).collect()
    }

    /// A region seen now takes the place of what was held for the same track, or for what it lies over.
    fn see(&mut self, place: [f32; 4], velocity: [f32; 2], track: u64, head: bool) {
        let now = self.time_us;
        self.held.retain(|held| {
            let older = held.seen_us < now && held.head == head;
            let same_track = track != 0 && held.track == track;
            // What an untracked region does not cover whole is held on its own.
            let covered = track == 0 && held.track == 0 && contains(place, held.place);
            !(older && (same_track || covered))
        });
        self.held.push(Held { place, velocity, seen_us: now, track, head });
    }

    /// Whether the face that was matched to this track lies where the head must be; else both are redacted: it may be
    /// somebody else's.
    fn face_lies_in(&self, track: u64, head: [f32; 4]) -> bool {
        let now = self.time_us;
        self.held
            .iter()
            .any(|held| held.track == track && !held.head && held.seen_us == now && within(held.place, head))
    }
}

impl Held {
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

fn grown(place: &v1::Box, factor: f32) -> [f32; 4] {
    let (width, height) = (place.x2 - place.x1, place.y2 - place.y1);
    [(place.x1 + place.x2) / 2.0, (place.y1 + place.y2) / 2.0, width * factor, height * factor]
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

/// Whether one place lies in the other as a whole.
fn contains(outer: [f32; 4], inner: [f32; 4]) -> bool {
    [0, 1]
        .into_iter()
        .all(|axis| (inner[axis] - outer[axis]).abs() + inner[axis + 2] / 2.0 <= outer[axis + 2] / 2.0)
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
        assert!(covers(&seen, 0.425, 0.25), "a face is redacted 1.3 times as large");
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
    fn a_coasting_track_takes_its_region_along() {
        let config = Config::default();
        let mut regions = Regions::default();
        regions.update(&at(0.0, vec![person(5, v1::ObjectState::Detected, 0.2)], vec![]), &config, 1.33);
        let seen =
            regions.update(&at(1.0, vec![person(5, v1::ObjectState::Hidden, 0.5)], vec![]), &config, 1.33);
        assert!(covers(&seen, 0.55, 0.25));
    }

    #[test]
    fn who_lies_on_the_ground_is_covered_whole() {
        let lying = v1::Box { x1: 0.2, y1: 0.7, x2: 0.6, y2: 0.85 };
        let [x, y, width, height] = head(&lying, 1.33);
        assert!((x - 0.4).abs() < 1e-6 && (y - 0.775).abs() < 1e-6 && width > 0.4 && height > 0.15);
    }
}
