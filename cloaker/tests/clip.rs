//! Somebody sees an alert and asks what led to it: the seconds before and after are there, and nobody's face is.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::sync::Arc;

use cortex_cloaker::{Cloaker, Config, Input, Style};
use cortex_models::Picture;
use cortex_proto::v1;
use cortex_runtime::{Captured, Tables, runner::wall_clock, still, testkit::Harness};
use prost::Message as _;

const START: i64 = 1_000_000_000_000_000;
const STEP: i64 = 200_000;
/// Frames before the first alert: a cold start is over, and 20 s have passed.
const WARM: u64 = 100;

fn config() -> Config {
    Config { style: Style::Solid, clip_before_s: 4.0, clip_after_s: 2.0, ..Config::default() }
}

fn id(n: u64) -> v1::FrameId {
    v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: n }
}

/// A white picture and what is seen in it: one person in the middle, tracked or not.
fn see(harness: &mut Harness<Cloaker>, n: u64, track: u64, fired: bool) {
    let time_us = START + n as i64 * STEP;
    let message = v1::Frame { id: Some(id(n)), n, time_us, ..Default::default() };
    let picture = Some(Picture::rgb(64, 48, vec![220; 64 * 48 * 3]).unwrap());
    harness.feed("c", Input::Frame(Arc::new(Captured { message, picture, quality: 90 })));
    let person = v1::Object {
        class: "person".into(),
        score: 0.9,
        r#box: Some(v1::Box { x1: 0.25, y1: 0.25, x2: 0.75, y2: 0.75 }),
        track,
        state: v1::ObjectState::Detected as i32,
        ..Default::default()
    };
    let seen = v1::Detections {
        frame: Some(id(n)),
        n,
        time_us,
        source_width: 64,
        source_height: 48,
        outcome: v1::Outcome::Analysed as i32,
        objects: vec![person],
        keep: fired,
        fired,
        ..Default::default()
    };
    harness.feed("c", Input::Detections(Arc::new(seen)));
}

fn harness() -> Harness<Cloaker> {
    Harness::new(Cloaker::new(config()), Tables::default())
}

fn clips(harness: &Harness<Cloaker>) -> Vec<v1::Clip> {
    let rows = harness.out.stored().iter().filter(|row| row.table == "clips");
    rows.map(|row| v1::Clip::decode(row.body.as_slice()).unwrap()).collect()
}

fn pictures(harness: &Harness<Cloaker>) -> Vec<v1::Cloaked> {
    let rows = harness.out.stored().iter().filter(|row| row.table == "clip_pictures");
    rows.map(|row| v1::Cloaked::decode(row.body.as_slice()).unwrap()).collect()
}

fn numbers(harness: &Harness<Cloaker>) -> Vec<u64> {
    pictures(harness).iter().map(|picture| picture.frame.as_ref().unwrap().seq).collect()
}

#[test]
fn the_clip_of_an_alert_shows_what_led_to_it_and_nobodys_face() {
    let mut harness = harness();
    (0..WARM).for_each(|n| see(&mut harness, n, 7, false));
    assert!(harness.out.stored().is_empty(), "nothing is kept of who merely passes");
    see(&mut harness, WARM, 7, true);
    (WARM + 1..WARM + 40).for_each(|n| see(&mut harness, n, 7, false));
    assert_eq!(numbers(&harness), (WARM - 20..=WARM + 10).collect::<Vec<_>>());
    let clip = &clips(&harness)[0];
    assert_eq!((clip.frame.clone(), clip.until_us - clip.from_us), (Some(id(WARM)), 6_000_000));
    for picture in pictures(&harness) {
        assert_eq!((picture.redacted, picture.objects.len(), picture.blanked.as_str()), (1, 1, ""));
        let shown = still::decode(&picture.jpeg, still::Limits::default()).unwrap();
        let plane = &shown.planes()[0];
        let luma = |x: usize, y: usize| plane.data[y * plane.stride + x * 3];
        assert!((90..130).contains(&luma(32, 14)), "the head is covered: {}", luma(32, 14));
        assert!(luma(2, 2) > 190);
    }
}

#[test]
fn after_a_cold_start_clips_are_redacted_whole() {
    let mut harness = harness();
    (0..10).for_each(|n| see(&mut harness, n, 7, n == 9));
    assert_eq!(numbers(&harness), (0..10).collect::<Vec<_>>());
    assert!(pictures(&harness).iter().all(|picture| picture.blanked.starts_with("just started")));
}

#[test]
fn nothing_waits_for_an_alert_while_nothing_is_tracked() {
    let mut harness = harness();
    (0..WARM).for_each(|n| see(&mut harness, n, 0, false));
    see(&mut harness, WARM, 0, true);
    (WARM + 1..WARM + 40).for_each(|n| see(&mut harness, n, 0, false));
    assert_eq!(
        numbers(&harness),
        (WARM..=WARM + 10).collect::<Vec<_>>(),
        "what follows is recorded all the same"
    );
}

#[test]
fn a_restart_in_a_clip_goes_on_with_it() {
    let mut harness = harness();
    (0..=WARM).for_each(|n| see(&mut harness, n, 7, n == WARM));
    harness.take();
    harness.hand_over("c", Cloaker::new(config()), Tables::default());
    (WARM + 3..WARM + 40).for_each(|n| see(&mut harness, n, 7, false));
    assert_eq!(numbers(&harness), (WARM + 3..=WARM + 10).collect::<Vec<_>>());
}

#[test]
fn an_alert_of_another_stage_asks_for_its_clip() {
    let mut harness = harness();
    (0..WARM).for_each(|n| see(&mut harness, n, 7, false));
    let began_us = START + (WARM - 15) as i64 * STEP;
    let told = v1::Anomaly {
        id: "a".into(),
        camera: "c".into(),
        frame: Some(id(WARM - 15)),
        began_us,
        ..Default::default()
    };
    harness.feed("c", Input::Demand(Arc::new(v1::Demand::clip("recognizer", &told))));
    (WARM..WARM + 40).for_each(|n| see(&mut harness, n, 7, false));
    assert_eq!(numbers(&harness), (WARM - 35..=WARM - 5).collect::<Vec<_>>());
    assert_eq!(clips(&harness)[0].frame, Some(id(WARM - 15)));
}

#[test]
fn a_picture_that_is_shown_live_is_not_encoded_again() {
    let mut harness = harness();
    let viewer = v1::Demand { camera: "c".into(), viewer: true, time_us: wall_clock(), ..Default::default() };
    harness.feed("c", Input::Demand(Arc::new(viewer)));
    (0..=WARM).for_each(|n| see(&mut harness, n, 7, n == WARM));
    let live = harness.out.published::<v1::Cloaked>();
    let last = pictures(&harness).pop().unwrap();
    assert_eq!(**live.last().unwrap(), last);
}

#[test]
fn clips_can_be_off() {
    let off = Config { clip_before_s: 0.0, clip_after_s: 0.0, ..config() };
    let mut harness = Harness::new(Cloaker::new(off), Tables::default());
    (0..WARM).for_each(|n| see(&mut harness, n, 7, n == 50));
    assert_eq!((numbers(&harness), clips(&harness)), (vec![], vec![]));
}
