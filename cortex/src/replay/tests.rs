//! Drawn people go through the real detector, over a full hour and a restart; its rows are replayed.

use std::sync::Arc;

use cortex_detector::{Detector, Input, Seen};
use cortex_models::{Detection, Picture, Rect};
use cortex_proto::v1::config_entry::Entry;
use cortex_runtime::{
    Captured, Tables,
    config::entries::Entries,
    store::{Sqlite, Store, StoredRow},
    testkit::Harness,
};
use tempfile::TempDir;

use super::*;

/// Ten seconds before a full hour.
const START: i64 = 500_000 * 3_600_000_000 - 10_000_000;
const SECOND: i64 = 1_000_000;
const FRAMES: u64 = 300;
const WIDTH: usize = 320;
const HEIGHT: usize = 240;

fn entries(dwell_s: f64) -> Entries {
    let point = |x, y| v1::Point { x, y };
    let file = v1::Origin::File as i32;
    let rule = |id: &str, kind: &str, parameters: &[(&str, f64)]| v1::Rule {
        id: id.into(),
        kind: kind.into(),
        camera: "c".into(),
        zone: "middle".into(),
        severity: v1::Severity::Medium as i32,
        gap_s: 1.0,
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        origin: file,
        ..Default::default()
    };
    Entries {
        cameras: Vec::new(),
        zones: vec![v1::Zone {
            id: "middle".into(),
            camera: "c".into(),
            shape: v1::Shape::Polygon as i32,
            points: vec![point(0.4, 0.0), point(0.7, 0.0), point(0.7, 1.0), point(0.4, 1.0)],
            origin: file,
            ..Default::default()
        }],
        rules: vec![
            rule("in", "entry", &[]),
            rule("out", "exit", &[]),
            rule("stay", "dwell", &[("seconds", dwell_s)]),
            rule("many", "crowd", &[("count", 2.0), ("seconds", 1.0)]),
        ],
    }
}

/// As the front numbers them.
fn tables(entries: &Entries) -> Tables {
    let mut tables = Tables::default();
    for zone in &entries.zones {
        let zone = v1::Zone { version: 1, ..zone.clone() };
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
    }
    for rule in &entries.rules {
        let rule = v1::Rule { version: 2, ..rule.clone() };
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule)) });
    }
    tables
}

/// People who walk through the picture again and again, each at a speed of their own.
fn frame(n: u64) -> (Input, Seen) {
    let people = [(6.0, 110.0), (3.5, 160.0), (1.7, 230.0)];
    let objects = people.iter().enumerate().map(|(person, (speed, foot))| {
        let x1 = (person as f32 * 90.0 + speed * n as f32) % 290.0;
        let rect = Rect { x1, y1: foot - 70.0, x2: x1 + 30.0, y2: *foot };
        Detection { rect, class: 0, score: 0.9 }
    });
    let message = v1::Frame {
        id: Some(v1::FrameId { camera: "c".into(), role: v1::Role::Main as i32, epoch: 1, seq: n }),
        n,
        time_us: START + n as i64 * SECOND / 5,
        width: WIDTH as u32,
        height: HEIGHT as u32,
        source_width: WIDTH as u32,
        source_height: HEIGHT as u32,
        plan: v1::Plan::Detect as i32,
        ..Default::default()
    };
    let picture = Picture::rgb(WIDTH, HEIGHT, vec![90; WIDTH * HEIGHT * 3]).unwrap();
    let seen = Seen { objects: objects.collect(), ..Seen::default() };
    (Input(Arc::new(Captured { message, picture: Some(picture), quality: 90 })), seen)
}

/// What the real detector stores under these rules.
fn lived(entries: &Entries) -> (TempDir, Past) {
    let fresh = || Detector::new(cortex_detector::Config::default(), None);
    let mut harness = Harness::new(fresh(), tables(entries));
    let mut rows: Vec<StoredRow> = Vec::new();
    for n in 0..FRAMES {
        if n == 150 {
            harness.hand_over("c", fresh(), tables(entries));
        }
        let (input, seen) = frame(n);
        harness.apply("c", &input, seen);
        rows.extend_from_slice(harness.take().stored());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let config = crate::demo::config().unwrap();
    Sqlite::open(Some(&path), config.store.retention()).unwrap().write(&rows).unwrap();
    let past = Past::open(&config, Some(&path)).unwrap();
    (folder, past)
}

#[test]
fn unchanged_rules_answer_as_live_did_byte_for_byte() {
    let entries = entries(4.0);
    let (_folder, past) = lived(&entries);
    let end = START + 60 * SECOND;
    // From the first frame; from within the second hour; from after the restart.
    for (after_s, least) in [(0, 20), (15, 10), (35, 5)] {
        let from = START + after_s * SECOND;
        let replay = Replay::run(&past, "c", &entries, from, end).unwrap();
        assert_eq!((replay.changed.len(), replay.state_us <= from), (0, true));
        let comparison = Comparison::of(replay.live, replay.told);
        assert!(comparison.gained.is_empty() && comparison.lost.is_empty(), "after {after_s} s");
        assert!(comparison.unchanged.len() >= least, "{} alerts", comparison.unchanged.len());
        assert!(comparison.unchanged.iter().all(|pair| pair.exact), "after {after_s} s");
    }
    let at_start = past.state("c", START + 15 * SECOND).unwrap();
    assert_eq!(
        (at_start.time_us, at_start.begun),
        (START + 10 * SECOND, false),
        "stored when the hour changed"
    );
    assert!(past.state("c", START + 35 * SECOND).unwrap().begun, "stored after the restart");
}

#[test]
fn changed_rules_answer_as_if_they_had_been_in_force() {
    let (old, new) = (entries(4.0), entries(2.0));
    let (_folder, past) = lived(&old);
    let (_other, otherwise) = lived(&new);
    let (from, end) = (START + 20 * SECOND, START + 60 * SECOND);
    let replay = Replay::run(&past, "c", &new, from, end).unwrap();
    assert_eq!(replay.changed, ["stay"]);
    let stays = |alerts: &[v1::Anomaly]| -> Vec<(i64, u64)> {
        alerts.iter().filter(|alert| alert.rule == "stay").map(|alert| (alert.time_us, alert.track)).collect()
    };
    let state = otherwise.state("c", from).unwrap();
    let expected = stays(&otherwise.anomalies(&state, from, end).unwrap());
    assert_eq!(stays(&replay.told), expected);
    assert_ne!(stays(&replay.live), expected, "the change changes something");
    // Nothing else is touched.
    let comparison = Comparison::of(replay.live, replay.told);
    assert!(comparison.lost.iter().chain(&comparison.gained).all(|alert| alert.rule == "stay"));
}
