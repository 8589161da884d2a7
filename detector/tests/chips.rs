//! Faces are cut out for recognition only when it is switched on, and only when a view is better than all before.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::sync::Arc;

use cortex_detector::{Config, Detector, Input, Seen};
use cortex_models::{Detection, Face, Picture, Rect};
use cortex_proto::v1;
use cortex_runtime::{Captured, CutChip, Tables, testkit::Harness};

/// A frame of a camera, and what the models see in it: one person with a face of this width.
fn frame(n: u64, width: f32) -> (Input, Seen) {
    let message = v1::Frame {
        id: Some(v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: n }),
        n,
        time_us: 1_000_000_000_000_000 + n as i64 * 200_000,
        plan: v1::Plan::Detect as i32,
        source_width: 320,
        source_height: 240,
        ..Default::default()
    };
    let picture = Picture::rgb(320, 240, vec![90; 320 * 240 * 3]).unwrap();
    let (left, right) = (140.0 - width / 2.0, 140.0 + width / 2.0);
    let face = Face {
        rect: Rect::new(left, 40.0, right, 40.0 + width * 1.2),
        score: 0.9,
        landmarks: [[130.0, 50.0], [150.0, 50.0], [140.0, 60.0], [132.0, 70.0], [148.0, 70.0]],
    };
    let person = Detection { rect: Rect::new(100.0, 30.0, 180.0, 230.0), score: 0.9, class: 0 };
    let seen = Seen { objects: vec![person], faces: vec![face], ..Seen::default() };
    (Input(Arc::new(Captured { message, picture: Some(picture), quality: 90 })), seen)
}

/// How many chips are cut of faces of these widths, frame by frame, and whether the frame is kept.
fn chips(on: bool, widths: &[f32]) -> Vec<(usize, bool)> {
    let mut harness =
        Harness::new(Detector::new(Config { chips: on, ..Config::default() }, None), Tables::default());
    let look = |(n, width): (usize, &f32)| {
        let (input, seen) = frame(n as u64 + 1, *width);
        harness.apply("c", &input, seen);
        let out = harness.take();
        let seen = &out.published::<v1::Detections>()[0];
        assert!(!seen.fired, "a cut face is no alert");
        (out.published::<CutChip>().len(), seen.keep)
    };
    widths.iter().enumerate().map(look).collect()
}

#[test]
fn nothing_is_cut_out_until_recognition_is_on() {
    assert!(!Config::default().chips);
    assert_eq!(chips(false, &[20.0, 60.0]), [(0, false), (0, false)]);
}

#[test]
fn only_a_better_view_is_cut_out() {
    let cut = chips(true, &[20.0, 21.0, 60.0, 40.0]);
    assert_eq!(cut, [(1, true), (0, false), (1, true), (0, false)]);
}
