//! No partition of the store grows beyond 50,000 rows or 50 MB, in the worst hour of a camera and of a site.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::collections::HashMap;

use cortex_proto::v1;
use cortex_runtime::store::{Row, StoredRow, rows, table::Writes};

const ROWS: usize = 50_000;
const BYTES: usize = 50_000_000;
const SECOND_US: i64 = 1_000_000;
/// An hour that begins with a full one.
const START_US: i64 = 500_000 * 3600 * SECOND_US;

/// Rows and bytes of the largest partitions. `facts` are given one by one: an hour does not fit into memory.
fn largest<R: Row>(facts: impl Iterator<Item = R>) -> (usize, usize) {
    let mut partitions: HashMap<(String, u64), (usize, usize)> = HashMap::new();
    for fact in facts {
        let StoredRow { partition, sort, body, .. } = StoredRow::of(&fact);
        let block = if R::TABLE.writes == Writes::Once { rows::sequence_block(&sort) } else { 0 };
        let (rows, bytes) = partitions.entry((partition, block)).or_default();
        *rows += 1;
        *bytes += sort.len() + body.len() + size_of::<i64>();
    }
    let most = |of: fn(&(usize, usize)) -> usize| partitions.values().map(of).max().unwrap();
    (most(|size| size.0), most(|size| size.1))
}

fn within<R: Row>(facts: impl Iterator<Item = R>) {
    let (rows, bytes) = largest(facts);
    assert!(rows < ROWS && bytes < BYTES, "{}: {rows} rows, {bytes} bytes in a partition", R::TABLE.name);
}

fn frame(seq: u64) -> Option<v1::FrameId> {
    Some(v1::FrameId { camera: "c".repeat(64), role: 1, epoch: u64::MAX >> 8, seq })
}

fn bounds() -> Option<v1::Box> {
    Some(v1::Box { x1: 0.123, y1: 0.456, x2: 0.178, y2: 0.59 })
}

/// As many tracks as the detector keeps, as many bodies as it looks for, and faces and stray objects beside them.
fn crowded(seq: u64) -> v1::Detections {
    let joint = v1::Joint { at: Some(v1::Point { x: 0.1, y: 0.2 }), score: 0.5 };
    let object = |n: u64| v1::Object {
        class: "person".to_owned(),
        score: 0.87,
        r#box: bounds(),
        track: u64::MAX - n,
        state: 1,
        velocity_x: 0.01,
        velocity_y: 0.02,
        born_us: START_US,
        present: true,
        pose: (n < 8).then(|| v1::Pose { joints: vec![joint; 17] }),
    };
    let face = |n: u64| v1::Face { r#box: bounds(), score: 0.9, track: u64::MAX - n };
    v1::Detections {
        frame: frame(seq),
        n: seq,
        // The highest rate that a camera may be given is 60 pictures a second.
        time_us: START_US + seq as i64 * SECOND_US / 60,
        objects: (0..110).map(object).collect(),
        faces: (0..20).map(face).collect(),
        models: ["objects", "faces", "pose"].map(|task| (task.to_owned(), "0".repeat(64))).into(),
        ..Default::default()
    }
}

#[test]
fn the_worst_camera_hour() {
    // Three minutes are as an hour is, and ten times quicker.
    within((0..60 * 180).map(crowded));
    within((0..60 * 3600).map(|seq| v1::Detections {
        objects: Vec::new(),
        faces: Vec::new(),
        ..crowded(seq)
    }));
    // Ours is the JPEG of the largest picture that is decoded, at the highest quality.
    within((0..100).map(|seq| v1::Still {
        frame: frame(seq),
        jpeg: vec![7; 3_000_000],
        ..Default::default()
    }));
    within((0..800).map(|n| v1::Cloaked {
        frame: frame(n),
        time_us: START_US + n as i64 * 75_000,
        jpeg: vec![7; 3_000_000],
        objects: crowded(n).objects,
        ..Default::default()
    }));
    // At every start and after every change of a rule; no key remembers more than 64 KiB.
    within((0..720).map(|n| v1::RuleState {
        camera: "c".repeat(64),
        time_us: START_US + n * 5 * SECOND_US,
        frame: frame(n as u64),
        memory: vec![7; 64 * 1024],
        ..Default::default()
    }));
}

/// A site of a thousand cameras on a bad day.
#[test]
fn the_worst_hour_of_a_site() {
    let anomaly = |n: i64| {
        let sample = v1::Sample { time_us: START_US, name: "seconds".to_owned(), value: 1.5 };
        v1::Anomaly {
            id: "a".repeat(32),
            camera: "c".repeat(64),
            site: "s".repeat(64),
            rule: "r".repeat(64),
            why: "w".repeat(200),
            time_us: START_US + n * SECOND_US / 200,
            samples: vec![sample; 64],
            path: vec![v1::Point { x: 0.1, y: 0.2 }; 16],
            ..Default::default()
        }
    };
    within((0..200 * 180).map(anomaly));
    within((0..200 * 3600).map(|n| v1::Identity {
        id: "a".repeat(32),
        site: "s".repeat(64),
        time_us: START_US + n * SECOND_US / 200,
        ..Default::default()
    }));
    let alert = |sequence| {
        let timeline = vec![v1::Moment { why: "w".repeat(200), ..Default::default() }; 100];
        v1::Alert { sequence, latest: Some(anomaly(0)), timeline, ..Default::default() }
    };
    within((0..5000).map(alert));
    within((0..72_000).map(|sequence| v1::LogEntry {
        sequence,
        text: "t".repeat(500),
        ..Default::default()
    }));
    within((0..72_000).map(|sequence| v1::Audit { sequence, detail: "d".repeat(500), ..Default::default() }));
}
