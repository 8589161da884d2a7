//! Metres where the ground is calibrated, heights elsewhere.

use cortex_proto::v1;

use crate::story::{Story, measured, person, rule, tables};

/// A camera that looks down: the picture's lower half is 10 m wide at the lower edge, 20 m at the middle.
fn ground() -> v1::Ground {
    let point = |x, y, x_m, y_m| v1::GroundPoint { at: Some(v1::Point { x, y }), x_m, y_m };
    v1::Ground {
        points: vec![
            point(0.0, 1.0, -5.0, 10.0),
            point(1.0, 1.0, 5.0, 10.0),
            point(0.0, 0.5, -10.0, 20.0),
            point(1.0, 0.5, 10.0, 20.0),
        ],
        people: Vec::new(),
    }
}

fn story(ground: v1::Ground, rule: v1::Rule) -> Story {
    let mut tables = tables(vec![rule]);
    tables.take_camera(&v1::Camera { id: "c".into(), ground: Some(ground), ..Default::default() });
    Story::with(tables)
}

#[test]
fn a_calibrated_camera_measures_metres() {
    let mut story = story(ground(), rule("running", "", &[("speed", 3.0)]));
    // At y = 0.5 the picture is 20 m wide: 0.02 a frame is 4 m/s.
    let found = story.walk(1, (0..30).map(|n| 0.1 + 0.02 * n as f32));
    let (speed, threshold) = measured(&found[0], "speed_mps");
    assert!((speed - 4.0).abs() < 0.05 && threshold == 3.0, "{speed}");
    assert_eq!(found[0].scale, "metres");
}

#[test]
fn two_people_of_known_height_calibrate_as_well() {
    // Seen from 3 m above the ground by a camera that is tilted down by 0.2, with the focal length that is assumed.
    let (tilt, camera, focal) = (0.2_f64, 3.0, 1.2);
    let row = |distance: f64, height: f64| {
        let fall = (camera - height) / distance;
        let angle = fall.atan() - tilt;
        (0.5 + focal * angle.tan()) as f32
    };
    let person = |distance: f64| v1::GroundPerson {
        foot: Some(v1::Point { x: 0.5, y: row(distance, 0.0) }),
        head: Some(v1::Point { x: 0.5, y: row(distance, 1.8) }),
        height_m: 1.8,
    };
    let ground = v1::Ground { points: Vec::new(), people: vec![person(6.0), person(14.0)] };
    let mut story = story(ground, rule("running", "", &[("speed", 0.5)]));
    // Towards the camera from 14 m to 6 m at 2 m/s: 0.2 m a frame.
    let walk = (0..40).map(|n| (1, 0.5, row(14.0 - 0.2 * f64::from(n), 0.0)));
    let found: Vec<v1::Anomaly> = walk.flat_map(|at| story.people(&[at])).collect();
    let (speed, _) = measured(&found[0], "speed_mps");
    assert!((speed - 2.0).abs() < 0.1, "{speed}");
}

#[test]
fn a_ground_that_cannot_be_is_left_out() {
    let mut mad = ground();
    mad.points[3] = mad.points[2];
    let mut story = story(mad, rule("running", "", &[("speed", 3.0)]));
    let found = story.walk(1, (0..30).map(|n| 0.1 + 0.04 * n as f32).take_while(|x| *x < 0.95));
    assert_eq!(found[0].scale, "heights");
}

#[test]
fn heights_are_learned_from_the_people_seen_there() {
    // People are half as high at y = 0.4 as at y = 0.8: what goes as fast in the picture is twice as fast there.
    let mut story = Story::new(rule("running", "", &[("speed", 3.0)]));
    let high = |y: f32| 0.5 * (y - 0.0);
    let upright = |track, x: f32, y: f32| {
        let mut person = person(track, x, y);
        let half = high(y) / 5.0;
        person.r#box = Some(v1::Box { x1: x - half, y1: y - high(y), x2: x + half, y2: y });
        person
    };
    for n in 0..100_u16 {
        let x = 0.2 + 0.004 * f32::from(n);
        story.look(vec![upright(1, x, 0.4), upright(2, x, 0.6), upright(3, x, 0.8)]);
    }
    // Somebody who crouches, so that the own box says nothing: 0.02 a frame at y = 0.4, one height a second.
    let small = |track, x: f32, y: f32| {
        let mut person = person(track, x, y);
        person.r#box = Some(v1::Box { x1: x - 0.05, y1: y - 0.1, x2: x + 0.05, y2: y });
        person
    };
    let mut run = |track, y: f32, speed: f32| -> Vec<v1::Anomaly> {
        let xs = (0..35).map(|n| 0.15 + 0.1 * speed * high(y) * n as f32).take_while(|x| *x < 0.9);
        xs.flat_map(|x| story.look(vec![small(track, x, y)])).collect()
    };
    assert!(run(4, 0.8, 1.0).is_empty());
    let far = run(5, 0.4, 2.0);
    let (speed, _) = measured(&far[0], "speed_heights_s");
    assert!((speed - 2.0).abs() < 0.2, "{speed}");
}
