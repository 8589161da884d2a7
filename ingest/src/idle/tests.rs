//! A still camera, one that moves, and a decoder as real ones are.

use super::*;
use crate::grid::tests::drawn;

/// A camera of 25 frames a second with a key frame every two seconds, and a decoder that answers at once.
struct Plant {
    idle: Idle<i64>,
    demand: Arc<Demand>,
    /// What reached the decoder, and what became of its pictures.
    decoded: Vec<i64>,
    fates: Vec<(i64, Fate)>,
    /// From this frame on something moves.
    moves: i64,
    /// From this frame on coded frames are larger.
    grows: i64,
    /// Time of the decoder's last picture; none is earlier.
    out_us: i64,
    /// While they wait: how long the next one did.
    busy: Option<i64>,
}

const GOP: i64 = 50;
/// Where a camera that is still from the beginning comes to rest: three seconds are enough.
const RESTS: i64 = 75;
const NEVER: i64 = i64::MAX;

fn pts(frame: i64) -> i64 {
    frame * 40_000
}

impl Plant {
    fn new(hold_mib: f32) -> Self {
        let demand = Arc::<Demand>::default();
        let config = Config { idle_hold_mib: hold_mib, ..Config::default() };
        let terms = Terms { rests: true, live: Some(v1::Priority::Normal) };
        let idle = Idle::new(&config, terms, Arc::clone(&demand));
        Self {
            idle,
            demand,
            busy: None,
            out_us: 0,
            decoded: Vec::new(),
            fates: Vec::new(),
            moves: NEVER,
            grows: NEVER,
        }
    }

    fn run(&mut self, frames: std::ops::Range<i64>) {
        for frame in frames {
            let bytes = if frame >= self.grows { 9000 } else { 1000 + (frame * 7919 % 200) as usize };
            let (key, pts_us) = (frame % GOP == 0, pts(frame));
            let coded =
                Coded { key, bytes, pts_us, came_us: pts_us + 7, late_us: self.busy.unwrap_or_default() };
            let goes_on = self.idle.coded(coded, frame);
            if goes_on {
                self.decode(frame, pts_us);
            }
            // A decoder that needs twice the time; what it is not given costs nothing.
            let waits = |late: i64| if goes_on { late + pts(1) } else { (late - pts(1)).max(0) };
            self.busy = self.busy.map(waits);
            while let Some((given_us, next)) = self.idle.next() {
                self.decode(next, given_us);
            }
        }
    }

    fn decode(&mut self, frame: i64, given_us: i64) {
        let at = if frame >= self.moves { (frame - self.moves) as usize * 10 % 300 } else { usize::MAX };
        let picture = drawn(320, 180, |x, y| {
            if at != usize::MAX && (at..at + 30).contains(&x) && (60..120).contains(&y) { 200 } else { 90 }
        });
        self.decoded.push(frame);
        self.out_us = self.out_us.max(given_us);
        let fate = self.idle.decoded(self.out_us, &picture);
        if let Fate::Deliver(when) = fate {
            assert_eq!(when.map_or(self.out_us, |when| when.pts_us), pts(frame));
        }
        self.fates.push((frame, fate));
    }

    fn delivered(&self) -> Vec<i64> {
        let out = |(frame, fate): &(i64, Fate)| matches!(fate, Fate::Deliver(_)).then_some(*frame);
        self.fates.iter().filter_map(out).collect()
    }
}

#[test]
fn a_still_camera_is_decoded_at_its_key_frames_and_all_is_counted() {
    let mut plant = Plant::new(4.0);
    plant.run(0..1000);
    assert_eq!(plant.delivered(), (0..RESTS).collect::<Vec<_>>());
    assert_eq!(plant.decoded[RESTS as usize..], (2..20).map(|key| key * GOP).collect::<Vec<_>>());
    let [(_, count), _] = plant.idle.left_out();
    assert_eq!(plant.fates.len() as u64 + count, 1000 - 49, "and 49 are held");
    assert_eq!(plant.idle.settled_us(), Some(pts(950) + 7));
    plant.idle.end();
    assert_eq!(plant.idle.left_out(), [("idle", 49), ("late", 0)]);
}

#[test]
fn larger_frames_wake_it_and_what_was_held_is_decoded_through() {
    let mut plant = Plant::new(4.0);
    (plant.moves, plant.grows) = (520, 520);
    plant.run(0..530);
    // The key frame at 500 was seen; of what came since, nothing is for anybody before it moves.
    let when = |frame| When { pts_us: pts(frame), came_us: pts(frame) + 7 };
    assert!((501..520).all(|frame| plant.fates.contains(&(frame, Fate::Unchanged(when(frame))))));
    assert_eq!(plant.delivered()[RESTS as usize..], (520..530).collect::<Vec<_>>());
    assert!(plant.fates.contains(&(520, Fate::Deliver(Some(when(520))))), "as of when it came");
    let unchanged = plant.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Unchanged(_))).count();
    let [(_, count), _] = plant.idle.left_out();
    assert_eq!(RESTS as u64 + 10 + unchanged as u64 + count, 530, "each frame counts once");
}

#[test]
fn what_follows_the_last_decoded_frame_needs_no_key_frame() {
    let mut plant = Plant::new(4.0);
    (plant.moves, plant.grows) = (90, 90);
    plant.run(0..99);
    assert_eq!(plant.decoded, (0..99).collect::<Vec<_>>(), "nothing is missing in between");
    assert_eq!(plant.delivered()[RESTS as usize..], (90..99).collect::<Vec<_>>());
}

#[test]
fn a_key_frame_in_which_something_moved_wakes_it() {
    let mut plant = Plant::new(4.0);
    plant.moves = 520; // sizes say nothing: the encoder keeps to its bit rate
    plant.run(0..560);
    assert_eq!(plant.delivered()[RESTS as usize..], (520..560).collect::<Vec<_>>());
    // And it comes to rest again after it was still.
    plant.moves = NEVER;
    plant.run(560..1200);
    let rests_from = plant.delivered().iter().max().copied().unwrap();
    let looked = 560 - WATCH_US / pts(1) - 1;
    assert!((looked + RESTS - 1..looked + RESTS + 400).contains(&rests_from), "{rests_from}");
}

#[test]
fn who_tracks_wakes_it_and_keeps_it_awake() {
    let mut plant = Plant::new(4.0);
    plant.run(0..520);
    let tracked = v1::Demand { tracked: true, ..Default::default() };
    plant.demand.hear(&tracked, Instant::now());
    plant.run(520..1000);
    assert_eq!(plant.delivered()[RESTS as usize..], (501..1000).collect::<Vec<_>>());
}

#[test]
fn without_a_hold_it_wakes_at_the_next_key_frame() {
    let mut plant = Plant::new(0.0);
    (plant.moves, plant.grows) = (520, 520);
    plant.run(0..560);
    assert_eq!(plant.delivered()[RESTS as usize..], (550..560).collect::<Vec<_>>(), "sizes");
    let mut plant = Plant::new(0.0);
    plant.moves = 520;
    plant.run(0..560);
    assert_eq!(plant.delivered()[RESTS as usize..], (550..560).collect::<Vec<_>>(), "luma");
}

#[test]
fn what_comes_too_late_gives_way_up_to_the_next_key_frame_and_rest_comes_all_the_same() {
    let mut plant = Plant::new(4.0);
    plant.busy = Some(0);
    plant.moves = 0;
    plant.run(0..500);
    let decoded = plant.decoded.len() as u64;
    assert!((0..10).all(|key| plant.decoded.contains(&(key * GOP))), "every key frame");
    let whole = plant.decoded.windows(2).all(|two| two[1] == two[0] + 1 || two[1] % GOP == 0);
    assert!(whole, "nothing is decoded whose reference is gone");
    assert_eq!(plant.idle.left_out(), [("idle", 0), ("late", 500 - decoded)]);
    assert!((200..=300).contains(&decoded), "what it can do: {decoded}");
    assert!(plant.busy.is_some_and(|late| late <= LATE_US + pts(1)), "and no later than it may be");
    plant.moves = NEVER;
    plant.run(500..1000);
    assert!(plant.idle.rests());
}

#[test]
fn a_decoder_that_gives_nothing_is_no_still_camera() {
    let mut plant = Plant::new(4.0);
    plant.run(0..500);
    // Frames arrive, nothing comes out: the supervisor must see that no picture comes.
    for frame in 500..1500 {
        let coded = Coded { key: frame % GOP == 0, bytes: 1000, pts_us: pts(frame), came_us: 0, late_us: 0 };
        plant.idle.coded(coded, frame);
        while plant.idle.next().is_some() {}
    }
    assert!(plant.idle.heard().is_none(), "awake, and not idle again");
}
