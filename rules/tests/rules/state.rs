//! What is remembered: little, without loss, and not for ever.

use cortex_proto::v1;
use cortex_runtime::Snapshot;

use crate::story::{Story, option, person, rule, steps};

#[test]
fn a_hundred_and_fifty_tracks_and_twenty_rules_fit_into_a_snapshot() {
    let kinds = || {
        [
            rule("entry", "wide", &[]),
            rule("exit", "square", &[]),
            rule("dwell", "square", &[("seconds", 600.0)]),
            rule("crossing", "line", &[]),
            rule("crowd", "wide", &[("count", 200.0)]),
            rule("running", "", &[]),
            rule("wrong_way", "wide", &[("heading", 0.0)]),
            option(rule("tailgating", "line", &[]), "direction", "left"),
            rule("dispersal", "", &[]),
            rule("dwell", "wide", &[("seconds", 900.0)]),
        ]
    };
    let mut story = Story::of(kinds().into_iter().chain(kinds()).collect());
    for n in 0..600 {
        let crowd = (0..150_u64).map(|k| {
            let phase = k as f32 * 0.7 + n as f32 * 0.01;
            let id = (k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            person(id, 0.5 + 0.4 * phase.sin(), 0.3 + 0.004 * k as f32)
        });
        let crowd = crowd.collect();
        story.look(crowd);
    }
    let bytes = postcard_len(&story);
    assert!(bytes < 48 * 1024, "{bytes} bytes");
    story.restart();
}

fn postcard_len(story: &Story) -> usize {
    Snapshot::of(story.engine.state()).0.len()
}

#[test]
fn who_is_gone_is_forgotten_after_the_gap_window() {
    let mut story = Story::new(rule("entry", "square", &[]));
    let empty = postcard_len(&story);
    story.walk(1, steps(0.2, 0.5));
    let full = postcard_len(&story);
    story.end(&[1]);
    story.nobody(70);
    let after = postcard_len(&story);
    assert!(after < empty + 32 && full > after + 32, "{empty} {full} {after}");
    // The same id again is somebody else.
    assert_eq!(story.walk(1, [0.5; 3]).len(), 1);
}

#[test]
fn a_clock_jump_ends_everything_silently() {
    let dwell = || rule("dwell", "square", &[("seconds", 3.0)]);
    let jump = |shift_us| {
        let mut story = Story::new(dwell());
        story.walk(1, [0.5; 20]);
        (story.epoch, story.shift_us) = (2, shift_us);
        let at = story.frame;
        let found: Vec<v1::Anomaly> = story.walk(1, [0.5; 40]);
        found.iter().map(|one| one.frame.as_ref().unwrap().seq - at).collect::<Vec<u64>>()
    };
    assert_eq!(jump(3_600_000_000), [30], "counted from the jump");
    assert_eq!(jump(-3_600_000_000), [30]);
    assert_eq!(jump(200_000), [8], "a reconnect within the gap window goes on");
}

#[test]
fn what_was_taken_is_not_taken_again() {
    let mut story = Story::new(rule("crossing", "line", &[]));
    let there = story.message(vec![person(1, 0.4, 0.5)]);
    story.walk(1, steps(0.3, 0.7));
    assert!(story.engine.look(&there).is_empty(), "an earlier frame");
    assert!(story.walk(1, [0.7, 0.72]).is_empty());
}
