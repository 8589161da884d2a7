//! Every rule as a story with drawn tracks.
//!
//!     0.0        0.4 ┌──── zone ────┐ 0.6        1.0
//!                    │              │
//!     a track walks from left to right along y = 0.5; the line stands at x = 0.5
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::collections::HashMap;

use cortex_detector::rules::{Engine, validate};
use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::Tables;

const START: i64 = 1_000_000_000_000_000;

fn tables(rule: v1::Rule) -> Tables {
    let point = |x: f32, y: f32| v1::Point { x, y };
    let square = vec![point(0.4, 0.2), point(0.6, 0.2), point(0.6, 0.8), point(0.4, 0.8)];
    let zone = |id: &str, shape: v1::Shape, points| v1::Zone {
        id: id.into(),
        camera: "c".into(),
        shape: shape as i32,
        points,
        version: 1,
        ..Default::default()
    };
    let mut tables = Tables::default();
    // Drawn downwards: the right hand of who looks along it is at smaller x.
    for zone in [
        zone("square", v1::Shape::Polygon, square),
        zone("line", v1::Shape::Line, vec![point(0.5, 0.0), point(0.5, 1.0)]),
    ] {
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
    }
    let rule = v1::Rule {
        id: "r".into(),
        camera: "c".into(),
        severity: v1::Severity::Medium as i32,
        version: 1,
        ..rule
    };
    validate(&rule, &tables).unwrap();
    tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule)) });
    tables
}

/// One camera and its rule; frames come ten times a second.
struct Story {
    engine: Engine,
    tables: Tables,
    frame: u64,
}

impl Story {
    fn new(rule: v1::Rule) -> Self {
        let tables = tables(rule);
        let mut engine = Engine::default();
        engine.reload("c", &tables);
        Self { engine, tables, frame: 0 }
    }

    /// One frame with people whose feet are at these places: track, x.
    fn frame(&mut self, people: &[(u64, f32)]) -> Vec<v1::Anomaly> {
        let objects = people.iter().map(|(track, x)| person(*track, *x)).collect();
        self.look(objects)
    }

    fn look(&mut self, objects: Vec<v1::Object>) -> Vec<v1::Anomaly> {
        let seq = self.frame;
        self.frame += 1;
        let id = v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq };
        self.engine.look(&v1::Detections {
            frame: Some(id),
            n: seq,
            time_us: START + seq as i64 * 100_000,
            outcome: v1::Outcome::Analysed as i32,
            objects,
            ..Default::default()
        })
    }

    /// A walk of one track over these places, one a frame: kinds and frames of what was found.
    fn walk(&mut self, track: u64, xs: impl IntoIterator<Item = f32>) -> Vec<v1::Anomaly> {
        xs.into_iter().flat_map(|x| self.frame(&[(track, x)])).collect()
    }

    /// A crash and restart: a new engine from what the old one remembers.
    fn restart(&mut self) {
        let mut fresh = Engine::default();
        fresh.restore(self.engine.state().clone());
        fresh.reload("c", &self.tables);
        self.engine = fresh;
    }
}

fn person(track: u64, x: f32) -> v1::Object {
    v1::Object {
        class: "person".into(),
        score: 0.9,
        r#box: Some(v1::Box { x1: x - 0.02, y1: 0.3, x2: x + 0.02, y2: 0.5 }),
        track,
        state: v1::ObjectState::Detected as i32,
        ..Default::default()
    }
}

fn rule(kind: &str, zone: &str, parameters: &[(&str, f64)]) -> v1::Rule {
    let parameters: HashMap<String, f64> =
        parameters.iter().map(|(name, value)| ((*name).into(), *value)).collect();
    v1::Rule { kind: kind.into(), zone: zone.into(), parameters, gap_s: 0.5, ..Default::default() }
}

fn steps(from: f32, to: f32) -> impl Iterator<Item = f32> {
    (0..=20).map(move |n| from + (to - from) * n as f32 / 20.0)
}

#[test]
fn entry_is_told_once_for_who_comes_in_or_is_born_inside() {
    let mut story = Story::new(rule("entry", "square", &[]));
    let found = story.walk(1, steps(0.2, 0.5));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].track, found[0].place.as_str()), ("entry", 1, "square"));
    assert!(found[0].why.contains("person entered zone square") && found[0].path.len() > 2, "{:?}", found[0]);
    assert_eq!(story.frame(&[(2, 0.5)]).len(), 1, "born inside");
    let present = v1::Object { present: true, ..person(3, 0.5) };
    assert!(story.look(vec![present]).is_empty(), "who was there before has not entered");
    assert!(
        story.look(vec![v1::Object { state: v1::ObjectState::Hidden as i32, ..person(4, 0.5) }]).is_empty()
    );
}

#[test]
fn exit_is_told_when_a_track_is_seen_outside_again() {
    let mut story = Story::new(rule("exit", "square", &[]));
    assert!(story.walk(1, steps(0.3, 0.5)).is_empty());
    let found = story.walk(1, steps(0.5, 0.8));
    assert_eq!(found.len(), 1);
    assert!(found[0].why.contains("left zone square after"), "{}", found[0].why);
}

#[test]
fn dwell_survives_short_gaps_and_a_restart_and_is_told_once() {
    let mut story = Story::new(rule("dwell", "square", &[("seconds", 3.0)]));
    assert!(story.walk(1, [0.5; 10]).is_empty());
    (0..4).for_each(|_| assert!(story.frame(&[]).is_empty(), "not seen for 0.4 s"));
    assert!(story.walk(1, [0.5; 10]).is_empty());
    story.restart();
    let found = story.walk(1, [0.5; 30]);
    assert_eq!(found.len(), 1, "neither lost nor doubled");
    let measure = &found[0].measures[0];
    assert!(
        measure.name == "dwell_s" && measure.threshold == 3.0 && (measure.value - 3.0).abs() < 0.11,
        "{measure:?}"
    );
    assert_eq!(found[0].began.as_ref().unwrap().seq, 0, "it began with the first frame inside");
    // Away for longer than the gap: another stay.
    (0..8).for_each(|_| drop(story.frame(&[(1, 0.9)])));
    assert_eq!(story.walk(1, [0.5; 40]).len(), 1);
}

#[test]
fn crossing_has_a_direction_and_jitter_is_no_crossing() {
    let mut story = Story::new(rule("crossing", "line", &[]));
    let there = story.walk(1, steps(0.3, 0.7));
    let back = story.walk(1, steps(0.7, 0.3));
    assert_eq!((there.len(), back.len()), (1, 1));
    assert_eq!((there[0].direction.as_str(), back[0].direction.as_str()), ("left", "right"));
    assert!(story.walk(1, [0.498, 0.501, 0.499, 0.502, 0.4]).is_empty(), "a foot on the line");
    let mut wanted = rule("crossing", "line", &[]);
    wanted.options.insert("direction".into(), "right".into());
    let mut story = Story::new(wanted);
    assert!(story.walk(1, steps(0.3, 0.7)).is_empty());
    assert_eq!(story.walk(1, steps(0.7, 0.3)).len(), 1);
}

#[test]
fn crowd_needs_enough_for_long_enough_and_is_told_until_it_disperses() {
    let mut story = Story::new(rule("crowd", "square", &[("count", 3.0), ("seconds", 1.0)]));
    let three = [(1, 0.45), (2, 0.5), (3, 0.55)];
    assert!((0..30).all(|_| story.frame(&three[..2]).is_empty()), "two are no crowd");
    let found: Vec<v1::Anomaly> = (0..40).flat_map(|_| story.frame(&three)).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].why.contains("3 are in zone square"), "{}", found[0].why);
    (0..10).for_each(|_| drop(story.frame(&three[..1])));
    assert_eq!((0..40).map(|_| story.frame(&three).len()).sum::<usize>(), 1, "it gathered again");
}

#[test]
fn a_cool_down_and_other_classes_are_left_alone() {
    let mut story = Story::new(v1::Rule { cooldown_s: 60.0, ..rule("entry", "square", &[]) });
    assert_eq!(story.walk(1, steps(0.2, 0.5)).len(), 1);
    story.walk(1, steps(0.5, 0.2));
    assert!(story.walk(1, steps(0.2, 0.5)).is_empty(), "the same subject within its cool-down");
    assert!(story.look(vec![v1::Object { class: "car".into(), ..person(9, 0.5) }]).is_empty());
}

#[test]
fn an_edited_zone_makes_who_is_inside_present() {
    let mut story = Story::new(rule("entry", "square", &[]));
    assert_eq!(story.walk(1, steps(0.2, 0.5)).len(), 1);
    let zone = story.tables.zones.values_mut().find(|zone| zone.id == "square").unwrap();
    zone.version = 2;
    let tables = story.tables.clone();
    story.engine.reload("c", &tables);
    assert!(story.walk(1, [0.5; 5]).is_empty(), "it was there before the zone");
}

#[test]
fn the_same_event_has_the_same_id() {
    let run = || Story::new(rule("entry", "square", &[])).walk(1, steps(0.2, 0.5))[0].id.clone();
    assert_eq!(run(), run());
}
