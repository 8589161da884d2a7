//! Frames and results meet: only a frame with a result leaves, in order, and without results one picture says so.
//!
//!     frames  1 2 3 4 ...      answers  2 3 ...      out  2 3 ...
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::sync::Arc;

use cortex_cloaker::{Cloaker, Config, Input, Style};
use cortex_models::Picture;
use cortex_proto::v1;
use cortex_runtime::{Captured, StreamTime, Tables, runner::wall_clock, still, testkit::Harness};
use proptest::prelude::*;
use prost::Message as _;

const START: i64 = 1_000_000_000_000_000;
const STEP: i64 = 200_000;

fn id(n: u64) -> v1::FrameId {
    v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: n }
}

fn frame(n: u64) -> Input {
    later(n, 1, 0)
}

/// A frame of another epoch, this many seconds later than the first one's clock says.
fn later(n: u64, epoch: u64, seconds: i64) -> Input {
    let message = v1::Frame {
        id: Some(v1::FrameId { epoch, ..id(n) }),
        n,
        time_us: START + n as i64 * STEP + seconds * 1_000_000,
        width: 64,
        height: 48,
        source_width: 64,
        source_height: 48,
        ..Default::default()
    };
    Input::Frame(Arc::new(Captured {
        message,
        picture: Some(Picture::rgb(64, 48, vec![200; 64 * 48 * 3]).unwrap()),
        quality: 90,
    }))
}

fn answer(n: u64, outcome: v1::Outcome, keep: bool) -> Input {
    Input::Detections(Arc::new(v1::Detections {
        frame: Some(id(n)),
        n,
        time_us: START + n as i64 * STEP,
        source_width: 64,
        source_height: 48,
        outcome: outcome as i32,
        keep,
        ..Default::default()
    }))
}

/// The answer to such a frame.
fn answer_later(n: u64, epoch: u64, seconds: i64) -> Input {
    let Input::Detections(seen) = answer(n, v1::Outcome::Analysed, false) else { unreachable!() };
    Input::Detections(Arc::new(v1::Detections {
        frame: Some(v1::FrameId { epoch, ..id(n) }),
        time_us: seen.time_us + seconds * 1_000_000,
        ..(*seen).clone()
    }))
}

fn watched() -> Harness<Cloaker> {
    let mut harness = Harness::new(Cloaker::new(Config::default()), Tables::default());
    watch(&mut harness);
    harness
}

fn watch(harness: &mut Harness<Cloaker>) {
    let demand = v1::Demand {
        camera: "c".into(),
        asker: "viewer/1".into(),
        viewer: true,
        time_us: wall_clock(),
        ..Default::default()
    };
    harness.feed("c", Input::Demand(Arc::new(demand)));
}

/// Frames and answers until pictures are clear.
fn warm() -> Harness<Cloaker> {
    let mut harness = watched();
    for n in 0..20 {
        harness.feed("c", frame(n));
        harness.feed("c", answer(n, v1::Outcome::Analysed, false));
    }
    assert_eq!(shown(&harness).last().unwrap().1, "");
    harness.take();
    harness
}

fn restart(harness: &mut Harness<Cloaker>) {
    harness.hand_over("c", Cloaker::new(Config::default()), Tables::default());
    watch(harness);
}

fn shown(harness: &Harness<Cloaker>) -> Vec<(u64, String)> {
    let pictures = harness.out.published::<v1::Cloaked>();
    pictures.iter().map(|picture| (picture.frame.as_ref().unwrap().seq, picture.blanked.clone())).collect()
}

#[test]
fn an_answer_lets_go_of_everything_below_it() {
    let mut harness = watched();
    (1..=4).for_each(|n| harness.feed("c", frame(n)));
    harness.feed("c", answer(3, v1::Outcome::Analysed, false));
    harness.feed("c", answer(2, v1::Outcome::Analysed, false));
    harness.feed("c", answer(4, v1::Outcome::Analysed, false));
    assert_eq!(shown(&harness).iter().map(|(n, _)| *n).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn the_first_three_seconds_are_redacted_whole() {
    let mut harness = watched();
    for n in 0..20 {
        harness.feed("c", frame(n));
        harness.feed("c", answer(n, v1::Outcome::Analysed, false));
    }
    let whole: Vec<u64> =
        shown(&harness).into_iter().filter(|(_, why)| !why.is_empty()).map(|(n, _)| n).collect();
    assert_eq!(whole, (0..15).collect::<Vec<_>>(), "3 s are 15 frames");
}

#[test]
fn without_results_one_picture_says_so() {
    let mut harness = watched();
    for n in 0..30 {
        harness.feed("c", frame(n));
    }
    harness.tick("c", StreamTime(START + 40 * STEP));
    let shown = shown(&harness);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].1.contains("does not answer"));
}

#[test]
fn a_skipped_frame_never_leaves() {
    let mut harness = watched();
    harness.feed("c", frame(1));
    harness.feed("c", answer(1, v1::Outcome::Skipped, false));
    assert!(shown(&harness).is_empty());
}

#[test]
fn a_still_is_kept_without_a_viewer() {
    let mut harness = Harness::new(Cloaker::new(Config::default()), Tables::default());
    harness.feed("c", frame(1));
    harness.feed("c", answer(1, v1::Outcome::Analysed, true));
    assert!(shown(&harness).is_empty());
    let stills: Vec<_> = harness.out.stored().iter().filter(|row| row.table == "stills").collect();
    assert_eq!(stills.len(), 1);
}

#[test]
fn a_still_is_redacted_as_the_live_picture_is() {
    let solid = Config { style: Style::Solid, ..Config::default() };
    let mut harness = Harness::new(Cloaker::new(solid), Tables::default());
    watch(&mut harness);
    for n in 0..20 {
        harness.feed("c", frame(n));
        harness.feed("c", answer(n, v1::Outcome::Analysed, false));
    }
    harness.take();
    let Input::Detections(seen) = answer(20, v1::Outcome::Analysed, true) else { unreachable!() };
    let face = v1::Face {
        r#box: Some(v1::Box { x1: 0.25, y1: 0.25, x2: 0.75, y2: 0.75 }),
        score: 0.9,
        ..Default::default()
    };
    harness.feed("c", frame(20));
    harness.feed("c", Input::Detections(Arc::new(v1::Detections { faces: vec![face], ..(*seen).clone() })));
    let row = harness.out.stored().iter().find(|row| row.table == "stills").unwrap();
    let still = v1::Still::decode(row.body.as_slice()).unwrap();
    let live = harness.out.published::<v1::Cloaked>();
    for jpeg in [&still.jpeg, &live[0].jpeg] {
        let picture = still::decode(jpeg, still::Limits::default()).unwrap();
        let plane = &picture.planes()[0];
        let luma = |x: usize, y: usize| plane.data[y * plane.stride + x * 3];
        assert!((90..130).contains(&luma(32, 24)) && luma(2, 2) > 180, "{} {}", luma(32, 24), luma(2, 2));
    }
}

#[test]
fn a_restart_keeps_covering() {
    let mut harness = watched();
    for n in 0..20 {
        harness.feed("c", frame(n));
        let person = v1::Object {
            class: "person".into(),
            score: 0.9,
            r#box: Some(v1::Box { x1: 0.4, y1: 0.2, x2: 0.5, y2: 0.8 }),
            ..Default::default()
        };
        let Input::Detections(seen) = answer(n, v1::Outcome::Analysed, false) else { unreachable!() };
        harness.feed(
            "c",
            Input::Detections(Arc::new(v1::Detections { objects: vec![person], ..(*seen).clone() })),
        );
    }
    harness.take();
    restart(&mut harness);
    harness.feed("c", frame(21));
    harness.feed("c", answer(21, v1::Outcome::Analysed, false));
    let pictures = harness.out.published::<v1::Cloaked>();
    assert_eq!(
        (pictures[0].redacted, pictures[0].blanked.as_str()),
        (1, ""),
        "the head of a moment ago is still covered"
    );
}

#[test]
fn a_stale_snapshot_is_a_cold_start() {
    for (epoch, seconds) in [(1, 7200), (2, 7200), (2, -7200)] {
        let mut harness = warm();
        restart(&mut harness);
        for n in [21, 36, 37] {
            harness.feed("c", later(n, epoch, seconds));
            harness.feed("c", answer_later(n, epoch, seconds));
        }
        let whole: Vec<bool> = shown(&harness).iter().map(|(_, why)| !why.is_empty()).collect();
        assert_eq!(whole, [true, false, false], "{epoch} {seconds}: two hours down, then 3 s whole");
    }
}

#[test]
fn a_new_epoch_is_cold_after_a_gap_only() {
    for (epoch, seconds, cold) in [(2, 0, false), (2, 60, true), (1, 60, false), (2, -60, true)] {
        let mut harness = warm();
        // Heartbeats in between see nobody.
        let Input::Detections(seen) = answer_later(20, 1, seconds) else { unreachable!() };
        let time = v1::Detections { outcome: v1::Outcome::Time as i32, ..(*seen).clone() };
        harness.feed("c", Input::Detections(Arc::new(time)));
        harness.feed("c", later(21, epoch, seconds));
        harness.feed("c", answer_later(21, epoch, seconds));
        let shown = shown(&harness);
        assert_eq!(!shown[0].1.is_empty(), cold, "epoch {epoch}, {seconds} s later: {shown:?}");
    }
}

#[test]
fn a_frame_that_waited_too_long_is_let_go() {
    let mut harness = warm();
    harness.feed("c", frame(20));
    // Frame 20 is 4.2 s old when its answer comes, frame 21 is 4 s old.
    harness.feed("c", frame(21));
    harness.feed("c", frame(41));
    harness.take();
    harness.feed("c", answer(20, v1::Outcome::Analysed, true));
    assert!(harness.out.stored().iter().all(|row| row.table != "stills"), "clear pictures are not hoarded");
    harness.feed("c", answer(21, v1::Outcome::Analysed, true));
    assert!(harness.out.stored().iter().any(|row| row.table == "stills"));
    // Heartbeats let go too.
    harness.feed("c", frame(42));
    harness.tick("c", StreamTime(START + 80 * STEP));
    harness.take();
    harness.feed("c", answer(42, v1::Outcome::Analysed, true));
    assert!(harness.out.stored().iter().all(|row| row.table != "stills"));
}

proptest! {
    /// However frames and answers interleave and get lost: what leaves has a result, and leaves once, in order.
    #[test]
    fn only_frames_with_a_result_leave(order in proptest::collection::vec((any::<bool>(), 0..12_u64), 0..60)) {
        let mut harness = watched();
        let (mut put, mut said) = (-1_i64, std::collections::BTreeSet::new());
        for (is_frame, n) in order {
            if is_frame {
                if n as i64 > put {
                    put = n as i64;
                    harness.feed("c", frame(n));
                }
            } else {
                said.insert(n);
                harness.feed("c", answer(n, v1::Outcome::Analysed, false));
            }
        }
        let shown: Vec<u64> = shown(&harness).into_iter().filter(|(_, why)| !why.contains("does not answer")).map(|(n, _)| n).collect();
        prop_assert!(shown.iter().all(|n| said.contains(n)));
        prop_assert!(shown.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", shown);
    }
}
