//! What no rule may depend on: which id the tracker gives, a frame that is lost, the side from which one looks.

use cortex_proto::v1;
use proptest::prelude::*;

use crate::story::{Story, option, person, rule};

/// Rules of every kind that looks at single tracks.
fn rules() -> Vec<v1::Rule> {
    scaled(1.0)
}

/// The same with windows and durations that are so many times as long.
fn scaled(by: f64) -> Vec<v1::Rule> {
    let rules = [
        rule("entry", "square", &[]),
        rule("exit", "square", &[]),
        rule("dwell", "square", &[("seconds", 2.0 * by)]),
        rule("crossing", "line", &[]),
        rule("running", "", &[]),
    ];
    rules.into_iter().map(|rule| v1::Rule { gap_s: 0.6 * by as f32, ..rule }).collect()
}

/// A walk of straight legs: where it begins, and for each leg its speed in heights a second and its frames. People
/// neither turn round at the very line nor run back and forth, so legs are a second at least.
fn walks() -> impl Strategy<Value = Vec<f32>> {
    (0.1..0.9_f32, proptest::collection::vec((-1.2..1.2_f32, 10..30_usize), 1..6)).prop_map(
        |(start, legs)| {
            let mut x = start;
            let mut walk = Vec::new();
            for (speed, frames) in legs {
                for _ in 0..frames {
                    x = (x + 0.02 * speed).clamp(0.1, 0.9);
                    walk.push(x);
                }
            }
            walk
        },
    )
}

/// What was found: rule and kind of event, without ids and times.
fn events(found: &[v1::Anomaly]) -> Vec<(String, String)> {
    found.iter().map(|one| (one.rule.clone(), one.direction.clone())).collect()
}

fn sorted(found: &[v1::Anomaly]) -> Vec<(String, String)> {
    let mut events = events(found);
    events.sort();
    events
}

fn whole(walk: &[f32]) -> Vec<v1::Anomaly> {
    under(rules(), walk)
}

fn under(rules: Vec<v1::Rule>, walk: &[f32]) -> Vec<v1::Anomaly> {
    let mut story = Story::of(rules);
    let mut found = story.walk(1, walk.iter().copied());
    found.extend(story.nobody(20));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_id_switch_changes_nothing(walk in walks(), at in 0.0..1.0_f64, gap in 0..4_usize) {
        let at = 1 + ((walk.len() - 1) as f64 * at) as usize;
        let run = |second: u64| {
            let mut story = Story::of(rules());
            let mut found = story.walk(1, walk[..at].iter().copied());
            // The tracker needs some frames for the new track.
            found.extend(story.nobody(gap.min(walk.len() - at)));
            found.extend(story.walk(second, walk[(at + gap).min(walk.len())..].iter().copied()));
            found.extend(story.nobody(20));
            found.into_iter().map(|one| (one.id, one.began_us, one.measures)).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(1), run(2));
    }

    #[test]
    fn two_who_swap_ids_keep_their_timers(at in 5..35_usize) {
        let mut story = Story::of(vec![rule("dwell", "square", &[("seconds", 3.0)])]);
        let mut found = Vec::new();
        for n in 0..60 {
            let (first, second) = if n < at { (1, 2) } else { (2, 1) };
            found.extend(story.people(&[(first, 0.5, 0.5), (second, 0.8, 0.5)]));
        }
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(found[0].began.as_ref().map(|frame| frame.seq), Some(0));
    }

    #[test]
    fn lost_frames_within_the_gap_window_change_nothing(
        walk in walks(), every in 8..20_usize, lost in 1..4_usize, phase in 0..20_usize
    ) {
        // Where a frame more or less or a step to the side decides, nobody can know what the lost frames held.
        let events = sorted(&whole(&walk));
        let beside = |by: f32| walk.iter().map(|x| x + by).collect::<Vec<f32>>();
        prop_assume!([0.5, 1.5].iter().all(|by| sorted(&under(scaled(*by), &walk)) == events));
        prop_assume!([-0.07, 0.07].iter().all(|by| sorted(&whole(&beside(*by))) == events));
        let mut story = Story::of(rules());
        let mut found = Vec::new();
        for (n, x) in walk.iter().enumerate() {
            let kept = n == 0 || n + 1 == walk.len() || (n + phase) % every >= lost;
            if kept {
                found.extend(story.frame(&[(1, *x)]));
            } else {
                story.frame += 1;
            }
        }
        found.extend(story.nobody(20));
        prop_assert_eq!(sorted(&found), events);
    }

    #[test]
    fn a_mirrored_walk_gives_mirrored_answers(walk in walks()) {
        let mirrored: Vec<f32> = walk.iter().map(|x| 1.0 - x).collect();
        let turn = |direction: String| match direction.as_str() {
            "left" => "right".to_owned(),
            "right" => "left".to_owned(),
            _ => direction,
        };
        let turned: Vec<_> = events(&whole(&mirrored)).into_iter().map(|(rule, way)| (rule, turn(way))).collect();
        prop_assert_eq!(turned, events(&whole(&walk)));
    }

    #[test]
    fn from_a_stored_state_it_goes_on_byte_for_byte(walk in walks(), at in 0.0..1.0_f64) {
        let at = (walk.len() as f64 * at) as usize;
        let mut story = Story::of(rules());
        let mut found = story.walk(1, walk[..at].iter().copied());
        story.restart();
        found.extend(story.walk(1, walk[at..].iter().copied()));
        found.extend(story.nobody(20));
        prop_assert_eq!(found, whole(&walk));
    }
}

#[test]
fn somebody_else_who_comes_by_does_not_take_over() {
    // One vanishes inside; another comes from far away into the zone within the gap window.
    let mut story = Story::new(v1::Rule { gap_s: 3.0, ..rule("entry", "square", &[]) });
    story.walk(1, [0.45; 5]);
    let found = story.walk(2, (0..15).map(|n| 0.75 - 0.015 * n as f32));
    assert_eq!(found.len(), 1, "the other has entered");
    // A taller one at the same place is another as well.
    let mut story = Story::new(rule("entry", "square", &[]));
    story.walk(1, [0.5; 5]);
    let mut tall = person(2, 0.5, 0.5);
    tall.r#box = Some(v1::Box { x1: 0.4, y1: 0.0, x2: 0.6, y2: 0.5 });
    assert_eq!(story.look(vec![tall]).len(), 1);
}

#[test]
fn who_was_hidden_comes_back_beside_the_one_in_front() {
    // Track 2 goes on with track 1; when 1 is seen again beside it, both are there, and nobody is told twice.
    let mut story = Story::new(option(rule("dwell", "square", &[("seconds", 2.0)]), "motion", "any"));
    let mut found = story.walk(1, [0.5; 10]);
    found.extend(story.walk(2, [0.5; 5]));
    for _ in 0..10 {
        found.extend(story.frame(&[(1, 0.47), (2, 0.5)]));
    }
    assert_eq!(found.len(), 1);
}

#[test]
fn who_is_found_again_does_not_enter_again() {
    // One enters and is lost; another goes on with him. Then he is found again beside the other, and goes out and in.
    let mut story = Story::new(rule("entry", "square", &[]));
    assert_eq!(story.walk(1, [0.5; 5]).len(), 1);
    assert_eq!(story.walk(2, [0.52; 3]).len(), 0);
    let there = (0..5).flat_map(|_| story.frame(&[(1, 0.5), (2, 0.56)])).count();
    assert_eq!(there, 0);
    let out = (0..15).flat_map(|_| story.frame(&[(1, 0.3), (2, 0.56)])).count();
    assert_eq!((out, story.frame(&[(1, 0.5), (2, 0.56)]).len()), (0, 1));
}

#[test]
fn lost_frames_are_no_time_outside() {
    // Inside, three frames lost, three clearly outside, inside: 0.7 s, of which 0.3 s were seen outside.
    let mut story = Story::new(rule("entry", "square", &[]));
    let mut found = story.walk(1, [0.5; 5]).len();
    story.frame += 3;
    found += story.walk(1, [0.37, 0.37, 0.37, 0.45, 0.45]).len();
    assert_eq!(found, 1);
}

#[test]
fn who_comes_out_of_a_door_is_not_who_went_in() {
    // One walks into the square and vanishes there; half a second later another walks out of the same place.
    let mut story = Story::new(v1::Rule { gap_s: 2.0, ..rule("entry", "square", &[]) });
    assert_eq!(story.walk(1, (0..15).map(|n| 0.25 + 0.015 * n as f32)).len(), 1);
    story.nobody(5);
    let out = |x: f32| v1::Object { velocity_x: -0.15, ..person(2, x, 0.5) };
    let found: usize = (0..5).map(|n| story.look(vec![out(0.46 - 0.015 * n as f32)]).len()).sum();
    assert_eq!(found, 1, "the other was born inside");
    // One walks out of the picture, another comes in there.
    let mut story = Story::new(v1::Rule { gap_s: 2.0, ..rule("entry", "edge", &[]) });
    assert_eq!(story.walk(1, (0..20).map(|n| 0.7 + 0.015 * n as f32)).len(), 1);
    story.nobody(5);
    assert_eq!(story.walk(2, [0.98, 0.97, 0.96]).len(), 1);
}
