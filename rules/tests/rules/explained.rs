//! Why nothing fired.

use cortex_proto::v1;
use cortex_rules::Explained;

use crate::story::{Story, car, person, rule, steps};

/// What stopped the rule, and how near it came, were this the next frame.
fn asked(story: &Story, objects: Vec<v1::Object>) -> (Option<&'static str>, f64) {
    let track = objects[0].track;
    let all = story.engine.explain(&story.message(objects));
    let Explained { stopped, near, .. } = all.into_iter().find(|one| one.track == track).unwrap();
    (stopped, near)
}

#[test]
fn each_rule_says_what_stopped_it_and_how_near_it_came() {
    let dwell = || rule("dwell", "square", &[("seconds", 4.0)]);
    let mut story = Story::new(dwell());
    story.walk(1, [0.5; 20]);
    let (stopped, near) = asked(&story, vec![person(1, 0.5, 0.5)]);
    assert!(stopped == Some("not enough") && (near - 0.5).abs() < 0.03, "{stopped:?} {near}");
    assert_eq!(asked(&story, vec![person(1, 0.63, 0.5)]).0, Some("gap"));
    assert_eq!(asked(&story, vec![car(2, 0.5)]).0, Some("class"));
    story.walk(1, [0.5; 30]);
    assert_eq!(asked(&story, vec![person(1, 0.5, 0.5)]).0, Some("already told"));
    assert_eq!(asked(&story, vec![person(3, 0.9, 0.5)]).0, Some("outside the zone"));
    let mut story = Story::new(v1::Rule { schedule: "02:00-03:00".into(), ..dwell() });
    story.walk(1, [0.5; 50]);
    assert_eq!(asked(&story, vec![person(1, 0.5, 0.5)]).0, Some("schedule"));
    let story = Story::new(v1::Rule { min_height: 0.3, ..dwell() });
    assert_eq!(asked(&story, vec![person(1, 0.5, 0.5)]).0, Some("too small"));
    let mut story = Story::new(v1::Rule { cooldown_s: 60.0, ..rule("entry", "square", &[]) });
    story.walk(1, steps(0.3, 0.5).chain([0.3; 8]));
    assert_eq!(asked(&story, vec![person(1, 0.42, 0.5)]).0, Some("cool-down"));
}

#[test]
fn asking_changes_nothing() {
    let mut story = Story::new(rule("entry", "square", &[]));
    story.walk(1, [0.3, 0.32]);
    let before = story.engine.state().clone();
    assert_eq!(asked(&story, vec![person(1, 0.42, 0.5)]), (None, 1.0), "it would fire");
    assert_eq!(*story.engine.state(), before);
    assert_eq!(story.frame(&[(1, 0.42)]).len(), 1, "and does");
}
