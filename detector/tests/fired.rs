//! What asks for a clip: a frame on which a rule fired says so, and no other.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::sync::Arc;

use cortex_detector::{Config, Detector, Input, Seen};
use cortex_models::{Detection, Picture, Rect};
use cortex_proto::v1::{self, config_entry::Entry};
use cortex_runtime::{Captured, Tables, testkit::Harness};

/// Whoever comes into the picture's lower half is told of.
fn tables() -> Tables {
    let point = |(x, y)| v1::Point { x, y };
    let zone = v1::Zone {
        id: "below".into(),
        camera: "c".into(),
        shape: v1::Shape::Polygon as i32,
        points: [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)].into_iter().map(point).collect(),
        ..Default::default()
    };
    let rule = v1::Rule {
        id: "enters".into(),
        kind: "entry".into(),
        zone: "below".into(),
        severity: v1::Severity::Low as i32,
        ..Default::default()
    };
    let mut tables = Tables::default();
    for entry in [Entry::Zone(zone), Entry::Rule(rule)] {
        tables.take_config(&v1::ConfigEntry { entry: Some(entry) });
    }
    tables
}

#[test]
fn a_frame_on_which_a_rule_fires_asks_for_a_clip() {
    let mut harness = Harness::new(Detector::new(Config::default(), None), tables());
    let mut asked = Vec::new();
    for n in 1..=30_u64 {
        let message = v1::Frame {
            id: Some(v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: n }),
            n,
            time_us: 1_000_000_000_000_000 + n as i64 * 200_000,
            plan: v1::Plan::Detect as i32,
            source_width: 320,
            source_height: 240,
            ..Default::default()
        };
        // Feet go down the picture, into the zone.
        let feet = 70.0 + 5.0 * n as f32;
        let person = Detection { rect: Rect::new(100.0, feet - 60.0, 130.0, feet), score: 0.9, class: 0 };
        let picture = Some(Picture::rgb(320, 240, vec![90; 320 * 240 * 3]).unwrap());
        let input = Input(Arc::new(Captured { message, picture, quality: 90 }));
        harness.apply("c", &input, Seen { objects: vec![person], ..Seen::default() });
        let out = harness.take();
        let seen = &out.published::<v1::Detections>()[0];
        assert_eq!(seen.fired, !out.published::<v1::Anomaly>().is_empty(), "frame {n}");
        if seen.fired {
            assert!(seen.keep, "its still is kept too");
            asked.push(n);
        }
    }
    assert_eq!(asked.len(), 1, "{asked:?}");
}
