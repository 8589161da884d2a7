//! Abandoned, removed: drawn people, and changes as the scene's memory reports them. Its own stories are rendered, see
//! `src/changes/tests.rs`.

use cortex_proto::v1;

use crate::story::{START, Story, measured, person, rule};

/// A change at x, first seen in this frame, with its foot at y = 0.5.
fn change(id: u64, x: f32, since_frame: i64, removed: bool) -> v1::Change {
    v1::Change {
        id,
        r#box: Some(v1::Box { x1: x - 0.02, y1: 0.46, x2: x + 0.02, y2: 0.5 }),
        since_us: START + since_frame * 100_000,
        removed,
    }
}

impl Story {
    fn scene(&mut self, people: &[(u64, f32)], changes: &[v1::Change]) -> Vec<v1::Anomaly> {
        let people = people.iter().map(|(track, x)| person(*track, *x, 0.5)).collect();
        let message = v1::Detections { changes: changes.to_vec(), ..self.message(people) };
        self.frame += 1;
        self.engine.look(&message)
    }

    fn scenes(&mut self, frames: usize, people: &[(u64, f32)], changes: &[v1::Change]) -> Vec<v1::Anomaly> {
        (0..frames).flat_map(|_| self.scene(people, changes)).collect()
    }

    /// Somebody puts a bag down at x = 0.5 and stands by.
    fn puts_down(&mut self) -> v1::Change {
        assert!(self.scenes(20, &[(1, 0.52)], &[]).is_empty());
        change(9, 0.5, self.frame as i64 - 20, false)
    }

    /// The owner goes to the right, half a height in ten frames, and out of the picture.
    fn leaves(&mut self, bag: &v1::Change) -> Vec<v1::Anomaly> {
        let way = (0..45).flat_map(|n| self.scene(&[(1, 0.52 + n as f32 * 0.01)], std::slice::from_ref(bag)));
        way.collect()
    }
}

fn abandoned() -> v1::Rule {
    // Three metres are 1.76 heights, 0.35 of the picture.
    v1::Rule { gap_s: 2.0, ..rule("abandoned", "square", &[("seconds", 10.0)]) }
}

#[test]
fn a_bag_whose_owner_has_left_is_told_once_after_its_time() {
    let mut story = Story::new(abandoned());
    let bag = story.puts_down();
    assert!(story.leaves(&bag).is_empty());
    let alone = std::slice::from_ref(&bag);
    assert!(story.scenes(40, &[], alone).is_empty());
    assert!(story.scenes(8, &[(2, 0.45)], alone).is_empty(), "somebody passes within the gap window");
    let found = story.scenes(100, &[], alone);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, "abandoned");
    assert!((10.0..10.2).contains(&measured(&found[0], "unattended_s").0), "{:?}", found[0].measures);
    assert!(found[0].why.contains("left in zone square"), "{}", found[0].why);
    assert_eq!(found[0].r#box, bag.r#box);
}

#[test]
fn a_bag_with_somebody_near_or_that_nobody_brought_is_left_alone() {
    let mut story = Story::new(abandoned());
    let bag = story.puts_down();
    let still = std::slice::from_ref(&bag);
    assert!(story.scenes(300, &[(1, 0.55)], still).is_empty(), "its owner stands by");
    let mut story = Story::new(abandoned());
    let bag = story.puts_down();
    let still = std::slice::from_ref(&bag);
    story.leaves(&bag);
    story.scenes(50, &[], still);
    assert!(story.scenes(60, &[(1, 0.55)], still).is_empty(), "the owner came back");
    assert!(story.scenes(60, &[], &[]).is_empty(), "and took it");
    let mut story = Story::new(abandoned());
    story.scenes(20, &[(1, 0.02)], &[]);
    let lamp = change(9, 0.5, 0, false);
    assert!(
        story.scenes(300, &[], std::slice::from_ref(&lamp)).is_empty(),
        "nobody was near when it appeared"
    );
    let mut story = Story::new(abandoned());
    story.puts_down();
    let elsewhere = change(9, 0.7, 0, false);
    assert!(story.scenes(200, &[], std::slice::from_ref(&elsewhere)).is_empty(), "outside the zone");
}

#[test]
fn what_is_gone_from_the_zone_is_told_after_its_time() {
    let mut story = Story::new(rule("removed", "square", &[("seconds", 5.0)]));
    let gone = change(9, 0.5, 0, true);
    assert!(story.scenes(49, &[], std::slice::from_ref(&gone)).is_empty());
    let found = story.scenes(60, &[], std::slice::from_ref(&gone));
    assert_eq!(found.len(), 1);
    assert!(measured(&found[0], "gone_s").0 >= 5.0 && found[0].why.contains("gone from zone square"));
    let mut story = Story::new(rule("removed", "square", &[("seconds", 5.0)]));
    assert!(story.scenes(90, &[], &[change(9, 0.5, 0, false)]).is_empty(), "left is not removed");
    assert!(story.scenes(90, &[], &[change(9, 0.8, 0, true)]).is_empty(), "outside the zone");
}
