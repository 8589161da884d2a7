//! Crossing, tailgating, wrong way at a line.

use cortex_proto::v1;

use crate::story::{Story, measured, option, rule, steps};

#[test]
fn crossing_has_a_direction_and_jitter_is_no_crossing() {
    let mut story = Story::new(rule("crossing", "line", &[]));
    let there = story.walk(1, steps(0.3, 0.7));
    let back = story.walk(1, steps(0.7, 0.3));
    assert_eq!((there.len(), back.len()), (1, 1));
    assert_eq!((there[0].direction.as_str(), back[0].direction.as_str()), ("left", "right"));
    let jitter = [0.47, 0.498, 0.501, 0.499, 0.502, 0.497, 0.503, 0.48];
    assert!(story.walk(1, jitter).is_empty(), "a foot on the line");
    let mut story = Story::new(option(rule("crossing", "line", &[]), "direction", "right"));
    assert!(story.walk(1, steps(0.3, 0.7)).is_empty());
    assert_eq!(story.walk(1, steps(0.7, 0.3)).len(), 1);
}

#[test]
fn who_comes_straight_back_has_not_crossed_again() {
    let mut story = Story::new(rule("crossing", "line", &[]));
    // Over the line, back for a moment, and on: one crossing.
    assert_eq!(story.walk(1, [0.48, 0.515, 0.485, 0.515, 0.54, 0.57, 0.6, 0.6, 0.6]).len(), 1);
    // Over the line and back for good: two, the second as soon as the gap window is over.
    let mut story = Story::new(rule("crossing", "line", &[]));
    let found = story.walk(1, [0.48, 0.515, 0.485, 0.47, 0.45, 0.43, 0.41, 0.4, 0.4, 0.4]);
    assert_eq!(found.iter().map(|one| one.direction.as_str()).collect::<Vec<_>>(), ["left", "right"]);
}

#[test]
fn crossings_are_counted_in_both_directions_by_hour() {
    let mut story = Story::new(option(rule("crossing", "line", &[]), "direction", "left"));
    story.walk(1, steps(0.3, 0.7));
    story.walk(1, steps(0.7, 0.3));
    story.restart();
    let found = story.walk(1, steps(0.3, 0.7));
    let counts = |found: &v1::Anomaly| {
        ["left_today", "right_today", "left_this_hour", "right_this_hour"].map(|name| measured(found, name).0)
    };
    assert_eq!(counts(&found[0]), [2.0, 1.0, 2.0, 1.0]);
    story.walk(1, steps(0.7, 0.3));
    // An hour later, by heartbeats, so that it is the same scene.
    story.shift_us = 3_600_000_000;
    let found = story.walk(2, steps(0.3, 0.7));
    assert_eq!(counts(&found[0]), [3.0, 2.0, 1.0, 0.0]);
}

#[test]
fn tailgating_is_told_of_the_second_and_needs_another_subject() {
    let tailgating = || rule("tailgating", "line", &[("seconds", 1.0)]);
    let both = |story: &mut Story, lag: f32| -> Vec<v1::Anomaly> {
        let walk = |n: i32| 0.3 + 0.02 * n as f32;
        (0..30).flat_map(|n| story.frame(&[(1, walk(n)), (2, walk(n) - lag)])).collect()
    };
    let found = both(&mut Story::new(tailgating()), 0.1);
    assert_eq!(found.iter().map(|one| one.track).collect::<Vec<_>>(), [2]);
    let (behind, allowed) = measured(&found[0], "behind_s");
    assert!((behind - 0.5).abs() < 0.11 && allowed == 1.0, "{behind}");
    assert!(both(&mut Story::new(tailgating()), 0.25).is_empty(), "1.25 s behind");
    let mut story = Story::new(tailgating());
    assert!(story.walk(1, steps(0.3, 0.7).chain(steps(0.7, 0.3)).chain(steps(0.3, 0.7))).is_empty());
}

#[test]
fn wrong_way_at_a_line_is_the_other_side() {
    let mut story = Story::new(option(rule("wrong_way", "line", &[]), "allowed", "left"));
    assert!(story.walk(1, steps(0.3, 0.7)).is_empty());
    let found = story.walk(1, steps(0.7, 0.3));
    assert!(found.len() == 1 && found[0].direction == "right" && found[0].why.contains("wrong way"));
}
