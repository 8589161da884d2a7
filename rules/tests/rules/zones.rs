//! Entry, exit, dwell.

use cortex_proto::v1;

use crate::story::{Story, measured, option, person, rule, steps};

#[test]
fn entry_is_told_once_for_who_comes_in_or_is_born_inside() {
    let mut story = Story::new(rule("entry", "square", &[]));
    let found = story.walk(1, steps(0.2, 0.5));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].track, found[0].place.as_str()), ("entry", 1, "square"));
    assert!(found[0].why.contains("person entered zone square") && found[0].path.len() > 2, "{:?}", found[0]);
    // 0.015 a frame is 0.75 heights a second.
    let (speed, _) = measured(&found[0], "speed_heights_s");
    assert!((speed - 0.75).abs() < 0.05 && found[0].scale == "heights", "{speed}");
    assert_eq!(story.people(&[(2, 0.45, 0.75)]).len(), 1, "born inside");
    let present = v1::Object { present: true, ..person(3, 0.55, 0.7) };
    assert!(story.look(vec![present]).is_empty(), "who was there before has not entered");
    let hidden = v1::Object { state: v1::ObjectState::Hidden as i32, ..person(4, 0.5, 0.3) };
    assert!(story.look(vec![hidden]).is_empty());
}

#[test]
fn who_was_present_can_leave_and_enter() {
    let mut story = Story::new(rule("entry", "square", &[]));
    let present = |x| vec![v1::Object { present: true, ..person(1, x, 0.5) }];
    let mut found = 0;
    for x in steps(0.5, 0.8).chain([0.8; 10]).chain(steps(0.8, 0.5)) {
        found += story.look(present(x)).len();
    }
    assert_eq!(found, 1);
}

#[test]
fn who_was_out_of_sight_for_long_has_not_left() {
    let mut story = Story::new(rule("entry", "square", &[]));
    assert_eq!(story.walk(1, steps(0.2, 0.5)).len(), 1);
    assert!((0..50).all(|_| story.frame(&[]).is_empty()), "an outage of five seconds");
    story.epoch += 1;
    assert!(story.walk(1, [0.5; 20]).is_empty(), "nobody saw it leave");
}

#[test]
fn jitter_on_the_edge_enters_once_and_never_leaves() {
    // A hair outside for longer than the gap window: still on the edge.
    let jitter = || (0..60).map(|n| if n % 14 < 8 { 0.399 } else { 0.402 });
    let mut entry = Story::new(rule("entry", "square", &[]));
    assert_eq!(entry.walk(1, jitter()).len(), 1);
    let mut exit = Story::new(rule("exit", "square", &[]));
    assert!(exit.walk(1, jitter()).is_empty());
    // Clearly outside, but only for as long as the gap window lasts.
    let steps = || [0.45; 5].into_iter().chain([0.37; 4]).chain([0.45; 5]);
    assert_eq!(Story::new(rule("entry", "square", &[])).walk(1, steps()).len(), 1);
    assert!(Story::new(rule("exit", "square", &[])).walk(1, steps()).is_empty());
}

#[test]
fn a_pass_between_two_frames_is_an_entry() {
    let mut story = Story::new(rule("entry", "square", &[]));
    assert!(story.walk(1, [0.33, 0.36, 0.39]).is_empty());
    story.frame += 3;
    assert_eq!(story.walk(1, [0.61, 0.64]).len(), 1, "the frames inside were dropped");
    let mut corner = Story::new(rule("entry", "square", &[]));
    assert!(corner.people(&[(1, 0.38, 0.21)]).is_empty());
    assert!(corner.people(&[(1, 0.42, 0.19)]).is_empty(), "a corner that is cut is no visit");
}

#[test]
fn who_is_hidden_in_the_zone_does_not_enter_it_again() {
    let mut story = Story::new(rule("entry", "square", &[]));
    assert_eq!(story.walk(1, [0.38, 0.41, 0.44, 0.47, 0.5, 0.5]).len(), 1);
    story.end(&[1]);
    story.nobody(45);
    assert!(story.walk(2, [0.52, 0.55, 0.58]).is_empty(), "came out where they went in");
    assert_eq!(story.frame(&[(2, 0.61), (3, 0.42)]).len(), 1, "somebody else");
}

#[test]
fn feet_behind_somebody_nearer_are_where_they_must_be() {
    let mut story = Story::new(rule("entry", "square", &[]));
    let mut cut = person(1, 0.5, 0.9);
    assert!(story.look(vec![cut.clone(), person(2, 0.7, 0.95)]).is_empty());
    // Half of the first one is seen, the rest is behind the second.
    cut.r#box.as_mut().unwrap().y2 = 0.78;
    assert!(story.look(vec![cut.clone(), person(2, 0.5, 0.95)]).is_empty());
    assert_eq!(story.look(vec![cut, person(2, 0.7, 0.95)]).len(), 1, "nobody hides those feet");
}

#[test]
fn the_pictures_edge_belongs_to_what_is_drawn_up_to_it() {
    let mut story = Story::new(rule("entry", "floor", &[]));
    assert_eq!(story.people(&[(1, 0.5, 1.0)]).len(), 1);
}

#[test]
fn a_schedule_that_opens_makes_nobody_enter_but_tells_a_dwell() {
    // The stories begin at 01:46:40 UTC.
    let late = |rule| v1::Rule { schedule: "01:47-24:00".into(), ..rule };
    let mut entry = Story::new(late(rule("entry", "square", &[])));
    assert!(entry.walk(1, [0.5; 300]).is_empty());
    let mut dwell = Story::new(late(rule("dwell", "square", &[("seconds", 5.0)])));
    let found = dwell.walk(1, [0.5; 300]);
    assert_eq!(found.len(), 1);
    let (stayed, _) = measured(&found[0], "dwell_s");
    assert!((stayed - 20.0).abs() < 0.11, "since it came, told when the schedule opened: {stayed}");
}

#[test]
fn exit_is_told_when_a_track_stays_outside() {
    let mut story = Story::new(rule("exit", "square", &[]));
    assert!(story.walk(1, steps(0.3, 0.5)).is_empty());
    let found = story.walk(1, steps(0.5, 0.8));
    assert_eq!(found.len(), 1);
    assert!(found[0].why.contains("left zone square after"), "{}", found[0].why);
}

#[test]
fn exit_needs_no_picture_after_the_last_step_but_a_step_outside() {
    let mut story = Story::new(rule("exit", "square", &[]));
    story.walk(1, steps(0.5, 0.635));
    let found: Vec<v1::Anomaly> = (0..10)
        .flat_map(|_| {
            story.shift_us += 100_000;
            story.heartbeat()
        })
        .collect();
    assert_eq!(found.len(), 1, "seen outside, then lost");
    let mut story = Story::new(rule("exit", "square", &[]));
    story.walk(1, steps(0.3, 0.5));
    assert!(story.nobody(30).is_empty(), "lost inside: nobody saw it leave");
    assert!(!story.engine.waits(), "no timer is left running");
}

#[test]
fn dwell_survives_short_gaps_and_a_restart_and_is_told_once() {
    let mut story = Story::new(rule("dwell", "square", &[("seconds", 3.0)]));
    assert!(story.walk(1, [0.5; 10]).is_empty());
    assert!(story.nobody(4).is_empty(), "not seen for 0.4 s");
    assert!(story.walk(1, [0.5; 10]).is_empty());
    story.restart();
    let found = story.walk(1, [0.5; 30]);
    assert_eq!(found.len(), 1, "neither lost nor doubled");
    let (stayed, threshold) = measured(&found[0], "dwell_s");
    assert!(threshold == 3.0 && (stayed - 3.0).abs() < 0.11, "{stayed}");
    assert_eq!(found[0].began.as_ref().unwrap().seq, 0, "it began with the first frame inside");
    let values: Vec<f64> = found[0].samples.iter().map(|sample| sample.value).collect();
    assert!(values.len() > 8 && values.is_sorted() && values[0] < 0.5, "the values until then: {values:?}");
    // Away for longer than the gap: another stay.
    (0..8).for_each(|_| drop(story.frame(&[(1, 0.9)])));
    assert_eq!(story.walk(1, [0.5; 40]).len(), 1);
}

#[test]
fn dwell_tells_standing_from_pacing() {
    let dwell = || rule("dwell", "square", &[("seconds", 3.0)]);
    let there_and_back = || (0..40).map(|n| if n / 10 % 2 == 0 { n % 10 } else { 10 - n % 10 });
    let pacing = || there_and_back().map(|n| 0.42 + 0.016 * n as f32);
    let jitter = || (0..40).map(|n| 0.5 + 0.01 * (n % 3) as f32);
    let found = Story::new(dwell()).walk(1, pacing());
    let (way, threshold) = measured(&found[0], "path_heights");
    assert!(found[0].why.contains("pacing") && (way - 2.2).abs() < 0.4, "{} {way}", found[0].why);
    assert!((threshold - 0.147 * 3.0).abs() < 0.05, "{threshold}");
    assert!(Story::new(dwell()).walk(1, jitter())[0].why.contains("standing"));
    assert!(Story::new(option(dwell(), "motion", "pacing")).walk(1, jitter()).is_empty());
    assert!(Story::new(option(dwell(), "motion", "standing")).walk(1, pacing()).is_empty());
}

#[test]
fn a_cool_down_and_other_classes_are_left_alone() {
    let mut story = Story::new(v1::Rule { cooldown_s: 60.0, ..rule("entry", "square", &[]) });
    assert_eq!(story.walk(1, steps(0.2, 0.5)).len(), 1);
    story.walk(1, steps(0.5, 0.2).chain([0.2; 8]));
    assert!(story.walk(1, steps(0.2, 0.5)).is_empty(), "the same subject within its cool-down");
    assert!(story.look(vec![v1::Object { class: "car".into(), ..person(9, 0.5, 0.3) }]).is_empty());
}

#[test]
fn a_cool_down_does_not_swallow_what_lasts() {
    let cool = v1::Rule { cooldown_s: 5.0, ..rule("dwell", "square", &[("seconds", 1.0)]) };
    let mut story = Story::new(cool);
    assert_eq!(story.walk(1, [0.5; 15]).len(), 1);
    story.walk(1, [0.9; 8]);
    assert_eq!(story.walk(1, [0.5; 60]).len(), 1, "the second stay outlasts the cool-down");
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
