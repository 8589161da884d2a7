//! Stories with drawn people: coloured rectangles on a textured ground, ten pictures a second unless said otherwise.

use cortex_models::{Format, Matrix, Plane};
use proptest::prelude::*;

use super::*;

const SIZE: (usize, usize) = (320, 240);
const SETTINGS: Settings = Settings { activation: 0.6, hidden_s: 3.0 };
/// Clothes: luma and two chroma values.
const RED: [u8; 3] = [90, 100, 190];
const BLUE: [u8; 3] = [60, 180, 110];

/// Somebody: left edge, clothes, score of the detection (0 for none).
type Somebody = (f32, [u8; 3], f32);

fn rect(x: f32) -> Rect {
    Rect::new(x, 90.0, x + 30.0, 180.0)
}

/// The ground with people on it, seen from `by` pixels further to the right.
fn draw(people: &[Somebody], by: i32) -> Picture {
    let (width, height) = SIZE;
    let mut planes =
        [vec![0_u8; width * height], vec![128; width * height / 4], vec![128; width * height / 4]];
    for y in 0..height {
        for x in 0..width {
            let ground = 150.0 + 40.0 * (((x as i32 + by) as f32) / 6.0 + (y as f32 / 15.0).sin()).sin();
            planes[0][y * width + x] = ground as u8;
        }
    }
    for (x, clothes, _) in people {
        let place = rect(*x - by as f32).clip(width as f32, height as f32);
        for y in place.y1 as usize..place.y2 as usize {
            for x in place.x1 as usize..place.x2 as usize {
                planes[0][y * width + x] = clothes[0];
                planes[1][y / 2 * (width / 2) + x / 2] = clothes[1];
                planes[2][y / 2 * (width / 2) + x / 2] = clothes[2];
            }
        }
    }
    let strides = [width, width / 2, width / 2];
    let planes = planes.into_iter().zip(strides).map(|(data, stride)| Plane { data: data.into(), stride });
    Picture::new(width, height, Format::I420(Matrix::Bt601), planes.collect()).unwrap()
}

#[derive(Default)]
struct Story {
    tracker: Tracker,
    time_us: i64,
    seq: u64,
    ended: Vec<u64>,
}

impl Story {
    /// One picture `after` seconds after the last: the track of each person that was detected.
    fn see(&mut self, people: &[Somebody], after: f32, by: i32) -> Vec<Option<u64>> {
        self.time_us += (after * 1e6) as i64;
        self.seq += 1;
        let detection =
            |(x, _, score): &Somebody| Detection { rect: rect(*x - by as f32), score: *score, class: 0 };
        let found: Vec<Detection> = people.iter().filter(|one| one.2 > 0.0).map(detection).collect();
        let birth = Birth { camera: "c", epoch: 1, seq: self.seq, present: false, first: false };
        self.tracker.update(&draw(people, by), self.time_us, &found, &birth, SETTINGS, &mut self.ended)
    }

    /// Somebody walks: the track at the end.
    fn walk(&mut self, xs: impl IntoIterator<Item = f32>, clothes: [u8; 3]) -> Option<u64> {
        xs.into_iter().map(|x| self.see(&[(x, clothes, 0.9)], 0.1, 0)[0]).last().flatten()
    }
}

fn steps(from: f32, count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |n| from + 3.0 * n as f32)
}

#[test]
fn an_id_survives_a_short_occlusion_and_ends_after_a_long_one() {
    let mut story = Story::default();
    let id = story.walk(steps(20.0, 20), RED);
    assert!(id.is_some());
    steps(80.0, 15).for_each(|x| drop(story.see(&[(x, RED, 0.0)], 0.1, 0)));
    assert_eq!(story.walk(steps(125.0, 5), RED), id, "1.5 s behind something");
    (0..40).for_each(|_| drop(story.see(&[], 0.1, 0)));
    assert_eq!(story.ended, [id.unwrap()]);
    assert_ne!(story.walk(steps(140.0, 10), RED), id, "4 s later it is somebody else");
}

#[test]
fn an_id_survives_another_size_of_the_picture() {
    let mut story = Story::default();
    let id = story.walk(steps(20.0, 20), RED);
    let small = |rect: Rect| Rect::new(rect.x1 / 2.0, rect.y1 / 4.0, rect.x2 / 2.0, rect.y2 / 4.0);
    let picture = cortex_models::Preprocessor::default().scale(&draw(&[(80.0, RED, 0.9)], 0), 160, 60);
    let found = [Detection { rect: small(rect(80.0)), score: 0.9, class: 0 }];
    let birth = Birth { camera: "c", epoch: 1, seq: 99, present: false, first: false };
    let seen =
        story.tracker.update(&picture, story.time_us + 100_000, &found, &birth, SETTINGS, &mut story.ended);
    assert_eq!((seen, story.ended), (vec![id], vec![]), "half as wide and a quarter as high");
}

#[test]
fn what_is_parked_keeps_no_camera_awake_and_people_do() {
    for (class, alive) in [(0, true), (2, false)] {
        let mut tracker = Tracker::default();
        let birth = Birth { camera: "c", epoch: 1, seq: 1, present: false, first: true };
        let found = [Detection { rect: rect(100.0), score: 0.9, class }];
        let picture = draw(&[(100.0, RED, 0.9)], 0);
        for second in 0..40 {
            tracker.update(&picture, second * 1_000_000, &found, &birth, SETTINGS, &mut Vec::new());
            assert!(tracker.is_alive() || second > 20, "{class} {second}");
        }
        assert_eq!(tracker.is_alive(), alive, "class {class}");
    }
}

#[test]
fn two_who_cross_keep_their_ids_by_their_looks() {
    let mut story = Story::default();
    let mut ids = Vec::new();
    for n in 0..60 {
        let (a, b) = (20.0 + 4.0 * n as f32, 260.0 - 4.0 * n as f32);
        // Where they overlap the detector sees only the one in front.
        let behind = if (a - b).abs() < 20.0 { 0.0 } else { 0.9 };
        ids.push(story.see(&[(a, RED, 0.9), (b, BLUE, behind)], 0.1, 0));
    }
    assert_eq!(ids[10], *ids.last().unwrap());
    assert!(ids[10][0].is_some() && ids[10][1].is_some() && ids[10][0] != ids[10][1]);
}

#[test]
fn a_weak_double_begins_no_track_and_a_weak_sight_keeps_one() {
    let mut story = Story::default();
    let id = story.walk(steps(20.0, 10), RED);
    for n in 0..20 {
        let x = 50.0 + 3.0 * n as f32;
        let seen = story.see(&[(x, RED, 0.3), (x + 200.0, BLUE, 0.3)], 0.1, 0);
        assert_eq!(seen, [id, None]);
    }
}

#[test]
fn a_picture_every_two_seconds_is_enough_though_time_passes_between() {
    let mut story = Story::default();
    let ids: Vec<Option<u64>> = (0..6)
        .map(|n| {
            let seen = story.see(&[(100.0 + 2.0 * n as f32, RED, 0.9)], 2.0, 0)[0];
            story.tracker.wait(story.time_us + 1_000_000, &mut story.ended);
            seen
        })
        .collect();
    assert!(ids[1].is_some() && ids[1..].iter().all(|id| *id == ids[1]), "{ids:?}");
}

#[test]
fn after_an_outage_the_same_look_at_the_same_place_is_the_same_track() {
    let mut story = Story::default();
    let id = story.walk(steps(80.0, 10), RED);
    story.tracker.wait(story.time_us + 19_000_000, &mut story.ended);
    story.tracker.reconnect(story.time_us + 20_000_000);
    story.time_us += 20_000_000;
    let (other, same) = (story.see(&[(112.0, BLUE, 0.9)], 0.1, 0), story.see(&[(110.0, RED, 0.9)], 0.1, 0));
    assert_eq!((other, same), (vec![None], vec![id]));
    story.tracker.wait(story.time_us + 31_000_000, &mut story.ended);
    assert!(story.ended.contains(&id.unwrap()), "blind for half a minute");
}

#[test]
fn a_view_that_shakes_takes_its_tracks_along() {
    let mut story = Story::default();
    let id = story.walk([100.0; 10], RED);
    for by in [0, 14, -2, 14, 0, 14, 0] {
        assert_eq!(story.see(&[(100.0, RED, 0.9)], 0.1, by), [id], "shaken by {by}");
        let speed = story.tracker.tracks[0].velocity().0.abs();
        assert!(speed < 50.0, "the pole moved, not the person: {speed} pixels a second");
    }
}

#[test]
fn a_hidden_track_coasts_and_a_visible_one_is_carried_by_the_picture() {
    let mut story = Story::default();
    let id = story.walk(steps(20.0, 20), RED);
    for x in steps(80.0, 4) {
        story.time_us += 100_000;
        story.tracker.carry(&draw(&[(x, RED, 0.0)], 0), story.time_us, SETTINGS, &mut story.ended);
    }
    let carried = &story.tracker.tracks[0];
    assert!((carried.rect().x1 - 89.0).abs() < 3.0 && carried.state == State::Carried, "{carried:?}");
    assert_eq!(story.walk(steps(92.0, 1), RED), id);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is detected: no id is given twice in a frame, and none comes back once it has ended.
    #[test]
    fn ids_are_unique_and_never_come_back(frames in proptest::collection::vec(
        proptest::collection::vec((0.0..280.0_f32, 0.0..1.0_f32, any::<bool>()), 0..6), 1..25)) {
        let mut story = Story::default();
        for people in frames {
            let people: Vec<Somebody> =
                people.into_iter().map(|(x, score, red)| (x, if red { RED } else { BLUE }, score)).collect();
            let over = story.ended.clone();
            let ids: Vec<u64> = story.see(&people, 0.25, 0).into_iter().flatten().collect();
            let unique: std::collections::BTreeSet<u64> = ids.iter().copied().collect();
            prop_assert_eq!(unique.len(), ids.len());
            prop_assert!(ids.iter().all(|id| !over.contains(id)));
        }
    }
}
