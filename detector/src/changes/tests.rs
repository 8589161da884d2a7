//! Rendered scenes: textured ground with sensor noise, five pictures a second.

use super::*;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// Where the bag stands: 36 x 28 pixels.
const BAG: Rect = Rect { x1: 180.0, y1: 130.0, x2: 216.0, y2: 158.0 };

/// A number that looks random, 0..1.
fn hash(a: usize, b: usize, c: usize) -> f32 {
    let mut h =
        (a as u64).wrapping_mul(0x9e37_79b9) ^ (b as u64).wrapping_mul(0x85eb_ca6b) ^ (c as u64) << 17;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d_9e37_79b1);
    ((h >> 33) & 0xffff) as f32 / 65_535.0
}

struct Scene {
    changes: Changes,
    frame: usize,
    time_us: i64,
    bags: Vec<Bag>,
}

impl Scene {
    fn new() -> Self {
        let mut scene =
            Self { changes: Changes::default(), frame: 0, time_us: 1_000_000_000, bags: Vec::new() };
        assert!(scene.play(10.0, &[], |_, _, ground| ground).is_empty(), "an empty scene");
        scene
    }

    /// So many seconds of a scene painted over the ground: x, y, the ground's luma there.
    fn play(
        &mut self,
        seconds: f32,
        moving: &[(u64, Rect)],
        paint: impl Fn(f32, f32, f32) -> f32,
    ) -> Vec<v1::Change> {
        self.paint((seconds * 5.0) as usize, 200_000, moving, paint)
    }

    fn paint(
        &mut self,
        frames: usize,
        step_us: i64,
        moving: &[(u64, Rect)],
        paint: impl Fn(f32, f32, f32) -> f32,
    ) -> Vec<v1::Change> {
        for _ in 0..frames {
            self.frame += 1;
            self.time_us += step_us;
            let mut pixels = vec![0_u8; WIDTH * HEIGHT * 3];
            for (at, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                let (x, y) = (at % WIDTH, at / WIDTH);
                // Slabs of eight pixels, some darker, with grain.
                let ground = 105.0 + 30.0 * hash(x / 8, y / 8, 1) + 8.0 * hash(x, y, 2);
                let luma = paint(x as f32, y as f32, ground) + 6.0 * (hash(x, y, 100 + self.frame) - 0.5);
                pixel.fill(luma.clamp(0.0, 255.0) as u8);
            }
            let picture = Picture::rgb(WIDTH, HEIGHT, pixels).unwrap();
            let frame = v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: self.frame as u64 };
            let moment = Moment { frame: &frame, time_us: self.time_us };
            self.changes.look(&picture, moment, &Present { moving, bags: &self.bags });
        }
        self.changes.told()
    }
}

fn within(rect: Rect, x: f32, y: f32) -> bool {
    x >= rect.x1 && x < rect.x2 && y >= rect.y1 && y < rect.y2
}

/// A dark bag with a brighter flap.
fn bag(x: f32, y: f32, ground: f32) -> f32 {
    match within(BAG, x, y) {
        true if y < BAG.y1 + 8.0 => 90.0,
        true => 50.0,
        false => ground,
    }
}

fn overlap(change: &v1::Change) -> f32 {
    let place = change.r#box.as_ref().unwrap();
    let (w, h) = (WIDTH as f32, HEIGHT as f32);
    Rect::new(place.x1 * w, place.y1 * h, place.x2 * w, place.y2 * h).iou(&BAG)
}

#[test]
fn a_bag_is_left_stays_the_same_while_people_pass_and_is_fetched() {
    let mut scene = Scene::new();
    let left = scene.play(6.0, &[], bag);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!left[0].removed && overlap(&left[0]) > 0.6, "{left:?}");
    let placed = 1_000_000_000 + 51 * 200_000;
    assert!((left[0].since_us - placed).abs() < 2_000_000, "{} {placed}", left[0].since_us);
    let passer = Rect::new(170.0, 60.0, 210.0, 180.0);
    let during =
        scene.play(
            5.0,
            &[(1, passer)],
            |x, y, ground| {
                if within(passer, x, y) { 200.0 } else { bag(x, y, ground) }
            },
        );
    assert_eq!(during[0].id, left[0].id, "held while somebody hides it");
    let after = scene.play(5.0, &[], bag);
    assert_eq!((after.len(), after[0].id), (1, left[0].id));
    // A picture a second for five minutes.
    let later = scene.paint(300, 1_000_000, &[], bag);
    assert_eq!((later.len(), later[0].id), (1, left[0].id), "the scene does not get used to it");
    assert!(scene.play(6.0, &[], |_, _, ground| ground).is_empty(), "fetched");
}

#[test]
fn what_stood_there_from_the_beginning_is_removed() {
    let mut scene = Scene { changes: Changes::default(), frame: 0, time_us: 1_000_000_000, bags: Vec::new() };
    assert!(scene.play(10.0, &[], bag).is_empty());
    let gone = scene.play(6.0, &[], |_, _, ground| ground);
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert!(gone[0].removed && overlap(&gone[0]) > 0.6, "{gone:?}");
}

#[test]
fn shadow_and_light_are_nothing() {
    let mut scene = Scene::new();
    let shade = Rect::new(60.0, 60.0, 140.0, 120.0);
    let shaded = scene.play(8.0, &[], |x, y, ground| if within(shade, x, y) { ground * 0.6 } else { ground });
    assert!(shaded.is_empty(), "a shadow with hard edges: {shaded:?}");
    let later = scene.paint(
        200,
        1_000_000,
        &[],
        |x, y, ground| if within(shade, x, y) { ground * 0.6 } else { ground },
    );
    assert!(later.is_empty(), "that stays: {later:?}");
    assert!(scene.play(8.0, &[], |_, _, ground| ground * 1.5).is_empty(), "the light switched on");
    let mut scene = Scene::new();
    let lamp = scene.play(8.0, &[], |x, y, ground| {
        ground * (1.0 + 0.8 * (-((x - 160.0).powi(2) + (y - 120.0).powi(2)) / 3000.0).exp())
    });
    assert!(lamp.is_empty(), "a lamp's pool of light: {lamp:?}");
    let left = scene.play(6.0, &[], |x, y, ground| 1.3 * bag(x, y, ground));
    assert_eq!(left.len(), 1, "and under another light a bag is still a bag: {left:?}");
}

#[test]
fn who_stands_still_and_is_lost_by_the_tracker_is_no_thing() {
    let mut scene = Scene::new();
    let body = Rect::new(100.0, 60.0, 140.0, 180.0);
    let stand = |x: f32, y: f32, ground: f32| {
        if within(body, x, y) { 40.0 + 100.0 * hash(x as usize / 6, y as usize / 6, 7) } else { ground }
    };
    assert!(scene.play(10.0, &[(7, body)], stand).is_empty());
    let lost = scene.play(20.0, &[], stand);
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn another_scene_is_learnt_anew() {
    let mut scene = Scene::new();
    let other = |x: f32, y: f32, _: f32| 60.0 + 120.0 * hash(x as usize / 10, y as usize / 10, 9);
    assert!(scene.play(12.0, &[], other).is_empty(), "the camera was turned");
    let left = scene.play(6.0, &[], |x, y, ground| bag(x, y, other(x, y, ground)));
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_bag_that_the_detector_knows_is_one_where_the_ground_was_never_seen() {
    let mut scene = Scene { changes: Changes::default(), frame: 0, time_us: 1_000_000_000, bags: Vec::new() };
    scene.bags = vec![Bag { track: 5, rect: BAG, present: false }];
    let known = scene.play(8.0, &[], bag);
    assert_eq!(known.len(), 1, "{known:?}");
    assert!(known[0].id == 5 && !known[0].removed && overlap(&known[0]) > 0.9);
    scene.bags[0].rect = Rect::new(20.0, 130.0, 56.0, 158.0);
    assert!(scene.play(2.0, &[], bag).is_empty(), "it is carried on");
    scene.bags = vec![Bag { track: 6, rect: BAG, present: true }];
    assert!(scene.play(8.0, &[], bag).is_empty(), "there from the beginning");
}
