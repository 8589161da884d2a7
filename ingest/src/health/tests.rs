//! Each fault on a drawn camera, found within ten seconds; and what is none.

use super::*;
use crate::grid::tests::drawn;

/// A drawn camera of five pictures a second: a textured yard with noise, seen for so many seconds.
struct Yard {
    health: Health,
    frame: i64,
}

/// How a picture is changed: its place, its luma, its number.
type Change = fn(usize, usize, i32, i64) -> i32;

const RATE: i64 = 5;

fn texture(x: usize, y: usize) -> i32 {
    let hash = (x / 16).wrapping_mul(2_654_435_761) ^ (y / 16).wrapping_mul(40_503);
    60 + (hash % 97) as i32 + ((x * 7 + y * 3) % 16) as i32
}

fn noise(x: usize, y: usize, frame: i64) -> i32 {
    let hash = (x as u64).wrapping_mul(73_856_093) ^ (y as u64).wrapping_mul(19_349_663);
    ((hash ^ (frame as u64).wrapping_mul(83_492_791)) % 5) as i32 - 2
}

impl Yard {
    fn known() -> Self {
        let mut yard = Self { health: Health::default(), frame: 0 };
        assert_eq!(yard.run(20, |_, _, luma, _| luma), []);
        yard
    }

    fn run(&mut self, seconds: i64, change: Change) -> Vec<(Fault, bool)> {
        self.show(seconds, |x, y, frame| change(x, y, texture(x, y) + noise(x, y, frame), frame))
    }

    fn show(&mut self, seconds: i64, luma: impl Fn(usize, usize, i64) -> i32) -> Vec<(Fault, bool)> {
        let mut all = Vec::new();
        for _ in 0..seconds * RATE {
            let picture = drawn(320, 180, |x, y| luma(x, y, self.frame).clamp(16, 235) as u8);
            let news = self.health.look(&picture, self.frame * 1_000_000 / RATE);
            all.extend(news.into_iter().map(|news| {
                assert!(!news.why.is_empty());
                (news.fault, news.over)
            }));
            self.frame += 1;
        }
        all
    }
}

#[test]
fn each_fault_is_found_and_is_over_when_it_is() {
    let faults: [(Fault, Change); 5] = [
        (Fault::Covered, |_, _, _, frame| 30 + (frame % 2) as i32),
        (Fault::Overexposed, |_, _, luma, _| luma + 160),
        (Fault::Moved, |x, y, _, frame| texture(x + 90, y + 40) + noise(x, y, frame)),
        (Fault::Noisy, |x, y, luma, frame| luma + 25 * noise(x + 1, y, frame)),
        (Fault::Defocused, |x, y, _, frame| {
            let around = |by: usize| texture((x + by).saturating_sub(8), y);
            (0..16).map(around).sum::<i32>() / 16 + noise(x, y, frame)
        }),
    ];
    for (fault, change) in faults {
        let mut yard = Yard::known();
        assert_eq!(yard.run(10, change), [(fault, false)], "{fault:?}");
        assert_eq!(yard.run(10, |_, _, luma, _| luma), [(fault, true)], "{fault:?}");
    }
}

#[test]
fn a_picture_that_stands_and_one_that_is_replayed_are_no_live_camera() {
    let mut yard = Yard::known();
    assert_eq!(yard.show(10, |x, y, _| texture(x, y)), [(Fault::Frozen, false)]);
    let mut yard = Yard::known();
    // Four seconds again and again; the first round is live.
    let again = |x: usize, y: usize, frame: i64| texture(x, y) + noise(x, y, frame % (4 * RATE));
    assert_eq!(yard.show(8, again), [(Fault::Looped, false)]);
}

#[test]
fn light_night_and_a_lorry_are_no_faults() {
    let mut yard = Yard::known();
    let lamp: Change = |_, _, luma, _| luma * 6 / 10;
    assert_eq!(yard.run(30, lamp), [], "a lamp went out");
    assert_eq!(yard.run(30, |_, _, luma, _| luma), []);
    let night: Change = |x, y, luma, frame| luma / 2 + 20 + 2 * noise(x, y, frame + 1);
    assert_eq!(yard.run(60, night), [], "infrared, more noise");
    let lorry: Change = |x, y, luma, _| if x > 60 && y > 30 { 90 + (x % 7) as i32 } else { luma };
    assert_eq!(yard.run(5, lorry), []);
    assert_eq!(yard.run(10, |_, _, luma, _| luma), []);
    let dark: Change = |x, y, _, frame| texture(x, y) / 4 + noise(x, y, frame);
    assert_eq!(yard.run(60, dark), [], "most of it is black, and black has no noise");
}
