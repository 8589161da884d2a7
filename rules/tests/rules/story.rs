//! One camera, its rules, and people who are drawn.
//!
//!     0.0        0.4 ┌──── square ────┐ 0.6        1.0
//!                    │                │
//!     a walk goes from left to right along y = 0.5; the line stands at x = 0.5; people are 0.2 high, so a height is
//!     0.2 in a picture that is as wide as high

use std::collections::HashMap;

use cortex_proto::v1::{self, config_entry::Entry};
use cortex_rules::{Engine, validate};
use cortex_runtime::Tables;

pub(crate) const START: i64 = 1_000_000_000_000_000;

/// One camera and its rules; frames come ten times a second.
pub(crate) struct Story {
    pub(crate) engine: Engine,
    pub(crate) tables: Tables,
    pub(crate) frame: u64,
    pub(crate) epoch: u64,
    /// Added to the stream time, in microseconds.
    pub(crate) shift_us: i64,
}

pub(crate) fn tables(rules: Vec<v1::Rule>) -> Tables {
    let point = |(x, y): (f32, f32)| v1::Point { x, y };
    let zone = |id: &str, shape: v1::Shape, points: &[(f32, f32)]| v1::Zone {
        id: id.into(),
        camera: "c".into(),
        shape: shape as i32,
        points: points.iter().copied().map(point).collect(),
        version: 1,
        ..Default::default()
    };
    let mut tables = Tables::default();
    // The line is drawn downwards: the right hand of who looks along it is at smaller x.
    for zone in [
        zone("square", v1::Shape::Polygon, &[(0.4, 0.2), (0.6, 0.2), (0.6, 0.8), (0.4, 0.8)]),
        zone("wide", v1::Shape::Polygon, &[(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)]),
        zone("fence", v1::Shape::Line, &[(0.2, 0.4), (0.95, 0.4)]),
        zone("edge", v1::Shape::Polygon, &[(0.9, 0.0), (1.0, 0.0), (1.0, 1.0), (0.9, 1.0)]),
        zone("floor", v1::Shape::Polygon, &[(0.0, 0.9), (1.0, 0.9), (1.0, 1.0), (0.0, 1.0)]),
        zone("line", v1::Shape::Line, &[(0.5, 0.0), (0.5, 1.0)]),
    ] {
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
    }
    let rules: Vec<v1::Rule> = rules
        .into_iter()
        .enumerate()
        .map(|(n, rule)| v1::Rule {
            id: if rule.id.is_empty() { format!("r{n}") } else { rule.id.clone() },
            camera: "c".into(),
            severity: v1::Severity::Medium as i32,
            version: 1,
            ..rule
        })
        .collect();
    for rule in &rules {
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule.clone())) });
    }
    rules.iter().for_each(|rule| validate(rule, &tables).unwrap());
    tables
}

impl Story {
    pub(crate) fn new(rule: v1::Rule) -> Self {
        Self::of(vec![rule])
    }

    pub(crate) fn of(rules: Vec<v1::Rule>) -> Self {
        Self::with(tables(rules))
    }

    pub(crate) fn with(tables: Tables) -> Self {
        let mut engine = Engine::default();
        engine.reload("c", &tables);
        Self { engine, tables, frame: 0, epoch: 1, shift_us: 0 }
    }

    /// The message of the next frame.
    pub(crate) fn message(&self, objects: Vec<v1::Object>) -> v1::Detections {
        v1::Detections {
            frame: Some(v1::FrameId { camera: "c".into(), role: 1, epoch: self.epoch, seq: self.frame }),
            n: self.frame,
            time_us: START + self.frame as i64 * 100_000 + self.shift_us,
            outcome: v1::Outcome::Analysed as i32,
            source_width: 500,
            source_height: 500,
            objects,
            ..Default::default()
        }
    }

    pub(crate) fn look(&mut self, objects: Vec<v1::Object>) -> Vec<v1::Anomaly> {
        let message = self.message(objects);
        self.frame += 1;
        self.engine.look(&message)
    }

    /// One frame with people whose feet are at these places: track, x; y is 0.5.
    pub(crate) fn frame(&mut self, people: &[(u64, f32)]) -> Vec<v1::Anomaly> {
        self.look(people.iter().map(|(track, x)| person(*track, *x, 0.5)).collect())
    }

    /// One frame with people whose feet are at these places: track, x, y.
    pub(crate) fn people(&mut self, people: &[(u64, f32, f32)]) -> Vec<v1::Anomaly> {
        self.look(people.iter().map(|(track, x, y)| person(*track, *x, *y)).collect())
    }

    /// A walk of one track over these places, one a frame.
    pub(crate) fn walk(&mut self, track: u64, xs: impl IntoIterator<Item = f32>) -> Vec<v1::Anomaly> {
        xs.into_iter().flat_map(|x| self.frame(&[(track, x)])).collect()
    }

    /// So many frames in which nobody is seen.
    pub(crate) fn nobody(&mut self, frames: usize) -> Vec<v1::Anomaly> {
        (0..frames).flat_map(|_| self.look(Vec::new())).collect()
    }

    /// The tracker gives up these tracks.
    pub(crate) fn end(&mut self, tracks: &[u64]) -> Vec<v1::Anomaly> {
        let message = v1::Detections { ended: tracks.to_vec(), ..self.message(Vec::new()) };
        self.frame += 1;
        self.engine.look(&message)
    }

    /// A heartbeat: time passes, nothing is seen.
    pub(crate) fn heartbeat(&mut self) -> Vec<v1::Anomaly> {
        let mut message = self.message(Vec::new());
        message.outcome = v1::Outcome::Time as i32;
        if let Some(frame) = &mut message.frame {
            frame.seq -= 1;
        }
        self.engine.look(&message)
    }

    /// A crash and restart: a new engine from what the old one stored.
    pub(crate) fn restart(&mut self) {
        let stored = cortex_runtime::Snapshot::of(self.engine.state());
        let mut fresh = Engine::default();
        fresh.restore(stored.read().unwrap());
        assert_eq!(fresh.state(), self.engine.state(), "stored without loss");
        fresh.reload("c", &self.tables);
        self.engine = fresh;
    }
}

pub(crate) fn person(track: u64, x: f32, y: f32) -> v1::Object {
    v1::Object {
        class: "person".into(),
        score: 0.9,
        r#box: Some(v1::Box { x1: x - 0.035, y1: y - 0.2, x2: x + 0.035, y2: y }),
        track,
        state: v1::ObjectState::Detected as i32,
        ..Default::default()
    }
}

pub(crate) fn car(track: u64, x: f32) -> v1::Object {
    v1::Object { class: "car".into(), ..person(track, x, 0.5) }
}

pub(crate) fn rule(kind: &str, zone: &str, parameters: &[(&str, f64)]) -> v1::Rule {
    let parameters: HashMap<String, f64> =
        parameters.iter().map(|(name, value)| ((*name).into(), *value)).collect();
    v1::Rule { kind: kind.into(), zone: zone.into(), parameters, gap_s: 0.5, ..Default::default() }
}

pub(crate) fn option(mut rule: v1::Rule, name: &str, word: &str) -> v1::Rule {
    rule.options.insert(name.into(), word.into());
    rule
}

/// Twenty-one places from one to the other.
pub(crate) fn steps(from: f32, to: f32) -> impl Iterator<Item = f32> {
    (0..=20).map(move |n| from + (to - from) * n as f32 / 20.0)
}

pub(crate) fn measured(anomaly: &v1::Anomaly, name: &str) -> (f64, f64) {
    let measure = anomaly.measures.iter().find(|measure| measure.name == name);
    let measure = measure.unwrap_or_else(|| panic!("no {name} in {:?}", anomaly.measures));
    (measure.value, measure.threshold)
}
