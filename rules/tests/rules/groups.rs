//! Crowd, density, congestion, dispersal.

use cortex_proto::v1;

use crate::story::{Story, measured, rule};

#[test]
fn crowd_needs_enough_for_long_enough_and_is_told_until_it_disperses() {
    let mut story = Story::new(rule("crowd", "square", &[("count", 3.0), ("seconds", 1.0)]));
    let three = [(1, 0.45), (2, 0.5), (3, 0.55)];
    assert!((0..30).all(|_| story.frame(&three[..2]).is_empty()), "two are no crowd");
    let found: Vec<v1::Anomaly> = (0..40).flat_map(|_| story.frame(&three)).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].why.contains("3 are in zone square"), "{}", found[0].why);
    (0..10).for_each(|_| drop(story.frame(&three[..1])));
    assert_eq!((0..40).map(|_| story.frame(&three).len()).sum::<usize>(), 1, "it gathered again");
}

#[test]
fn density_is_people_by_the_area_of_the_zone() {
    // The square is 0.2 by 0.6 of the picture, 1 by 3 heights: 3 square heights, 8.7 square metres.
    let five = [(1, 0.42, 0.4), (2, 0.45, 0.5), (3, 0.5, 0.6), (4, 0.55, 0.5), (5, 0.58, 0.7)];
    let run = |per_m2| -> Vec<v1::Anomaly> {
        let mut story = Story::new(rule("density", "square", &[("per_m2", per_m2), ("seconds", 1.0)]));
        (0..30).flat_map(|_| story.people(&five)).collect()
    };
    let found = run(0.5);
    assert_eq!(found.len(), 1);
    let (density, threshold) = measured(&found[0], "per_height2");
    assert!((density - 5.0 / 3.0).abs() < 0.05 && (threshold - 0.5 * 2.89).abs() < 1e-6, "{density}");
    assert!(found[0].scale == "heights" && run(0.65).is_empty());
}

#[test]
fn congestion_is_many_who_hardly_move() {
    let run = |speed: f32| -> Vec<v1::Anomaly> {
        let mut story = Story::new(rule("congestion", "wide", &[("count", 3.0), ("seconds", 2.0)]));
        let at = |n: i32, k: u64| (k, 0.1 + 0.2 * k as f32 + speed * n as f32, 0.5);
        (0..60).flat_map(|n| story.people(&[at(n, 1), at(n, 2), at(n, 3)])).collect()
    };
    assert_eq!(run(0.001).len(), 1);
    assert!(run(0.008).is_empty(), "0.4 heights a second");
}

#[test]
fn dispersal_is_people_who_move_apart_at_once() {
    let run = |from: i32, toward: fn(usize) -> (f32, f32)| -> Vec<v1::Anomaly> {
        let mut story = Story::new(rule("dispersal", "wide", &[("count", 4.0)]));
        (0..40)
            .flat_map(|n| {
                let far = 0.03 * (n - 20).max(from) as f32;
                let people: Vec<(u64, f32, f32)> = (0..5)
                    .map(|k| {
                        let (sin, cos) = (k as f32 * 1.2566).sin_cos();
                        let (x, y) = toward(k);
                        (k as u64 + 1, 0.5 + 0.08 * cos + far * x, 0.5 + 0.08 * sin + far * y)
                    })
                    .filter(|(_, x, y)| (0.0..1.0).contains(x) && (0.0..1.0).contains(y))
                    .collect();
                story.people(&people)
            })
            .collect()
    };
    let apart = |k: usize| {
        let (sin, cos) = (k as f32 * 1.2566).sin_cos();
        (cos, sin)
    };
    let found = run(0, apart);
    assert_eq!(found.len(), 1);
    assert!(measured(&found[0], "outward").0 >= 4.0, "{}", found[0].why);
    assert!(run(0, |_| (1.0, 0.0)).is_empty(), "all go one way");
    assert!(run(-20, |k| if k % 2 == 0 { (1.0, 0.0) } else { (-1.0, 0.0) }).is_empty(), "two streams");
}
