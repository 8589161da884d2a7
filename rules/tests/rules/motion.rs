//! Running, wrong way in a zone, stopped.

use cortex_proto::v1;

use crate::story::{Story, car, measured, person, rule};

/// A straight walk at so many heights a second, from x = 0.1.
fn at(speed: f32) -> impl Iterator<Item = f32> {
    (0..40).map(move |n| 0.1 + 0.02 * speed * n as f32).take_while(|x| *x < 0.95)
}

#[test]
fn running_is_faster_than_walking_and_jitter_is_neither() {
    let running = || rule("running", "", &[("speed", 3.0)]);
    let found = Story::new(running()).walk(1, at(2.2));
    assert_eq!(found.len(), 1);
    let (speed, threshold) = measured(&found[0], "speed_heights_s");
    assert!((speed - 2.2).abs() < 0.1 && (threshold - 3.0 / 1.7).abs() < 1e-6, "{speed} {threshold}");
    assert_eq!(found[0].scale, "heights");
    assert!(found[0].samples.len() >= 2);
    assert!(Story::new(running()).walk(1, at(1.2)).is_empty(), "a brisk walk");
    let jitter = (0..40).map(|n| if n % 2 == 0 { 0.48 } else { 0.55 });
    assert!(Story::new(running()).walk(1, jitter).is_empty(), "a box that jitters by a third of a height");
}

#[test]
fn wrong_way_is_off_the_allowed_heading() {
    let allowed = |heading| rule("wrong_way", "wide", &[("heading", heading)]);
    assert_eq!(Story::new(allowed(180.0)).walk(1, at(0.8)).len(), 1, "leftwards is allowed");
    assert!(Story::new(allowed(0.0)).walk(1, at(0.8)).is_empty());
    assert!(Story::new(allowed(90.0)).walk(1, at(0.8)).is_empty(), "across is not against");
    assert!(
        Story::new(allowed(180.0)).walk(1, at(0.1)).is_empty(),
        "who shifts from foot to foot goes nowhere"
    );
}

#[test]
fn stopped_is_a_vehicle_that_came_and_stands() {
    let stopped = |moved| rule("stopped", "wide", &[("seconds", 3.0), ("moved", moved)]);
    let stand = |x| std::iter::repeat_n(x, 60);
    let run = |moved, xs: &mut dyn Iterator<Item = f32>| -> Vec<v1::Anomaly> {
        let mut story = Story::new(stopped(moved));
        xs.flat_map(|x| story.look(vec![car(1, x)])).collect()
    };
    let found = run(2.0, &mut at(2.0).take(20).chain(stand(0.86)));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].class.as_str(), found[0].kind.as_str()), ("car", "stopped"));
    assert!(run(2.0, &mut stand(0.5)).is_empty(), "parked when the camera looked first");
    assert_eq!(run(0.0, &mut stand(0.5)).len(), 1, "unless asked for");
    assert!(run(2.0, &mut at(0.4).chain(at(0.4))).is_empty(), "slow is not stopped");
    let mut story = Story::new(stopped(0.0));
    assert!((0..60).all(|_| story.look(vec![person(1, 0.5, 0.5)]).is_empty()), "people are no vehicles");
}
