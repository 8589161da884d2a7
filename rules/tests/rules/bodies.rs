//! Fall, lying, hands up, climbing: drawn bodies of 17 joints, 0.2 high. No footage with truth exists for them.

use cortex_proto::v1;

use crate::story::{Story, measured, person, rule};

/// How a body is drawn.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    Stands,
    Sits,
    Bends,
    Crawls,
    Lies,
    HandsUp,
    Waves,
}

/// Nose, shoulders, wrists (left, right), hips, knees, ankles: from the foot point, in hundredths of the picture.
type Figure = [(f32, f32); 7];

fn figure(held: Held) -> Figure {
    match held {
        Held::Stands => [(0., -18.), (0., -16.), (-3., -9.), (3., -9.), (0., -10.), (0., -5.), (0., 0.)],
        Held::Sits => [(0., -14.), (0., -12.), (3., -7.), (4., -7.), (0., -5.), (5., -5.), (5., 0.)],
        Held::Bends => [(9., -10.), (6., -11.), (7., -5.), (6., -5.), (0., -10.), (0., -5.), (0., 0.)],
        Held::Crawls => [(9., -7.), (6., -6.), (6., 0.), (7., 0.), (0., -6.), (0., -1.), (-5., 0.)],
        Held::Lies => [(-9., -1.), (-6., -2.), (-2., -1.), (-2., -2.), (1., -2.), (5., -2.), (10., -1.)],
        Held::HandsUp => [(0., -18.), (0., -16.), (-3., -22.), (3., -22.), (0., -10.), (0., -5.), (0., 0.)],
        Held::Waves => [(0., -18.), (0., -16.), (-3., -22.), (3., -9.), (0., -10.), (0., -5.), (0., 0.)],
    }
}

fn body(track: u64, x: f32, y: f32, held: Held, joints: bool) -> v1::Object {
    let figure = figure(held).map(|(dx, dy)| (x + dx / 100.0, y + dy / 100.0));
    let [nose, shoulders, left, right, hips, knees, ankles] = figure;
    let place = |(x, y): (f32, f32), score: f32| v1::Joint { at: Some(v1::Point { x, y }), score };
    let pair = |(x, y): (f32, f32)| [place((x - 0.01, y), 0.8), place((x + 0.01, y), 0.8)];
    let mut all = vec![place(nose, 0.8); 3];
    all.extend([place(nose, 0.1), place(nose, 0.1)]);
    all.extend(pair(shoulders));
    all.extend(pair(shoulders));
    all.extend([place(left, 0.7), place(right, 0.7)]);
    [hips, knees, ankles].into_iter().for_each(|joints| all.extend(pair(joints)));
    let (xs, ys) = (figure.map(|(x, _)| x), figure.map(|(_, y)| y));
    let least = |values: &[f32]| values.iter().copied().fold(f32::MAX, f32::min);
    let most = |values: &[f32]| values.iter().copied().fold(f32::MIN, f32::max);
    v1::Object {
        r#box: Some(v1::Box {
            x1: least(&xs) - 0.02,
            y1: least(&ys) - 0.015,
            x2: most(&xs) + 0.02,
            y2: most(&ys).max(y),
        }),
        pose: joints.then_some(v1::Pose { joints: all }),
        ..person(track, x, y)
    }
}

impl Story {
    /// Ten frames a second, joints in every fourth.
    fn hold(&mut self, held: Held, seconds: f32) -> Vec<v1::Anomaly> {
        let frames = (seconds * 10.0) as u64;
        (0..frames)
            .flat_map(|_| self.look(vec![body(1, 0.5, 0.5, held, self.frame.is_multiple_of(4))]))
            .collect()
    }
}

#[test]
fn a_fall_is_told_once_when_nobody_gets_up() {
    let mut story = Story::new(rule("fall", "square", &[]));
    assert!(story.hold(Held::Stands, 3.0).is_empty());
    assert!(story.hold(Held::Bends, 0.4).is_empty(), "on the way down");
    story.restart();
    let found = story.hold(Held::Lies, 8.0);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].track), ("fall", 1));
    let (down, threshold) = measured(&found[0], "down_s");
    assert!((3.0..3.6).contains(&down) && threshold == 3.0, "{down}");
    assert!(measured(&found[0], "fall_s").0 <= 2.0 && measured(&found[0], "tilt_deg").0 > 80.0);
    assert!(found[0].why.contains("fell in zone square"), "{}", found[0].why);
    assert!(story.hold(Held::Stands, 3.0).is_empty());
    assert_eq!(story.hold(Held::Lies, 5.0).len(), 1, "and again after getting up");
}

#[test]
fn who_gets_up_sits_down_bends_crawls_or_lay_before_has_not_fallen() {
    let fall = || Story::new(rule("fall", "", &[]));
    let mut story = fall();
    story.hold(Held::Stands, 3.0);
    assert!(story.hold(Held::Lies, 2.0).is_empty());
    assert!(story.hold(Held::Stands, 5.0).is_empty(), "slipped and got up");
    for held in [Held::Sits, Held::Bends, Held::Crawls] {
        let mut story = fall();
        story.hold(Held::Stands, 3.0);
        assert!(story.hold(held, 8.0).is_empty());
    }
    assert!(fall().hold(Held::Lies, 8.0).is_empty(), "was lying when seen first");
    let mut story = fall();
    story.hold(Held::Stands, 3.0);
    story.hold(Held::Sits, 4.0);
    story.hold(Held::Crawls, 3.0);
    assert!(story.hold(Held::Lies, 8.0).is_empty(), "lay down slowly");
    let mut story = fall();
    story.hold(Held::Stands, 3.0);
    let blind = (0..80).flat_map(|_| story.look(vec![body(1, 0.5, 0.5, Held::Lies, false)])).count();
    assert_eq!(blind, 0, "without joints nothing is claimed");
    let explained = story.engine.explain(&story.message(vec![body(1, 0.5, 0.5, Held::Lies, false)]));
    assert_eq!(explained[0].stopped, Some("cue not computed"));
}

#[test]
fn lying_counts_from_the_first_sight_and_survives_breaks_in_the_joints() {
    let mut story = Story::new(rule("lying", "square", &[("seconds", 5.0)]));
    assert!(story.hold(Held::Lies, 3.0).is_empty());
    assert!(story.nobody(10).is_empty(), "somebody passed in front");
    let found = story.hold(Held::Lies, 4.0);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].began.as_ref().unwrap().seq, 0);
    for held in [Held::Stands, Held::Sits, Held::Bends, Held::Crawls] {
        assert!(Story::new(rule("lying", "", &[("seconds", 2.0)])).hold(held, 6.0).is_empty());
    }
    let mut elsewhere = Story::new(rule("lying", "square", &[("seconds", 2.0)]));
    let away = (0..60).flat_map(|n| elsewhere.look(vec![body(1, 0.2, 0.5, Held::Lies, n % 4 == 0)])).count();
    assert_eq!(away, 0, "outside the zone");
}

#[test]
fn hands_up_needs_both_hands_for_a_while() {
    let hands_up = || Story::new(rule("hands_up", "", &[]));
    let mut story = hands_up();
    story.hold(Held::Stands, 1.0);
    assert!(story.hold(Held::HandsUp, 1.2).is_empty(), "stretches");
    story.hold(Held::Stands, 2.0);
    assert_eq!(story.hold(Held::HandsUp, 5.0).len(), 1);
    assert!(hands_up().hold(Held::Waves, 5.0).is_empty(), "waves with one hand");
    assert!(hands_up().hold(Held::Lies, 5.0).is_empty());
}

#[test]
fn climbing_goes_up_over_the_line_and_walking_away_does_not() {
    // The top of the fence at y = 0.4.
    let climbing = || rule("climbing", "fence", &[]);
    let mut story = Story::new(climbing());
    let stand = |y: f32| (0..20).map(move |_| (0.5, y, 0.2));
    let way = |to: (f32, f32, f32), frames: i32| {
        (1..=frames).map(move |n| {
            let part = n as f32 / frames as f32;
            (0.5 + (to.0 - 0.5) * part, 0.5 + (to.1 - 0.5) * part, 0.2 + (to.2 - 0.2) * part)
        })
    };
    let run = |story: &mut Story, steps: &mut dyn Iterator<Item = (f32, f32, f32)>| -> Vec<v1::Anomaly> {
        steps
            .flat_map(|(x, y, height)| {
                let place = v1::Box { x1: x - 0.03, y1: y - height, x2: x + 0.03, y2: y };
                story.look(vec![v1::Object { r#box: Some(place), ..person(1, x, y) }])
            })
            .collect()
    };
    let found = run(&mut story, &mut stand(0.5).chain(way((0.52, 0.36, 0.2), 15)).chain(stand(0.36)));
    assert_eq!(found.len(), 1);
    assert!(measured(&found[0], "rise_heights").0 >= 0.5);
    let mut story = Story::new(climbing());
    let away = run(&mut story, &mut stand(0.5).chain(way((0.5, 0.3, 0.1), 40)));
    assert!(away.is_empty(), "walks away and grows smaller");
    let mut story = Story::new(climbing());
    let along = run(&mut story, &mut stand(0.5).chain(way((0.9, 0.36, 0.2), 20)));
    assert!(along.is_empty(), "goes up a ramp");
    let mut story = Story::new(climbing());
    assert!(
        run(&mut story, &mut stand(0.5).chain(way((0.5, 0.42, 0.2), 10))).is_empty(),
        "not above the line"
    );
}
