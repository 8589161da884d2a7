//! Which coded frames of a camera are decoded: of one in whose picture nothing moves the key frames alone.
//!
//! While it rests, the frames since the last key frame are held as they came. Their sizes, the luma of the next key
//! frame, or somebody who tracks wake it; then what was held is decoded through, so nothing of it is missed.
//!
//! Where this machine cannot decode all that is awake, frames reach the decoder ever later. A camera whose frames are too
//! late leaves out the rest up to its next key frame, which costs nothing, and is on time again.

mod hold;
mod mask;
mod scene;
mod sizes;
mod slots;
mod terms;
pub(crate) mod valve;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use cortex_models::Picture;
use cortex_proto::v1;

use self::{hold::Hold, scene::Scene, sizes::Sizes};
pub(crate) use self::{mask::Mask, terms::Terms};
use crate::{Config, demand::Demand, grid::Grid};

/// A coded frame as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coded {
    /// It needs no other to be decoded.
    pub(crate) key: bool,
    pub(crate) bytes: usize,
    /// Its time in the stream, in microseconds.
    pub(crate) pts_us: i64,
    /// This machine's clock when it came, in Unix microseconds.
    pub(crate) came_us: i64,
    /// How long it waited for the decoder, in microseconds.
    pub(crate) late_us: i64,
}

/// What becomes of a decoded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is for everybody; it is of then, or of now, as it says itself.
    Deliver(Option<When>),
    /// A key frame in which nothing moved.
    Unchanged(i64),
    /// It was decoded for others' sake.
    Void,
}

/// What a picture is of that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// Its time in the stream, in microseconds.
    pub(crate) pts_us: i64,
    /// This machine's clock when it came, in Unix microseconds.
    pub(crate) came_us: i64,
}

/// One camera's watch, over bodies of coded frames of any type.
pub(crate) struct Idle<B> {
    /// `None` for one that does not rest.
    quiet_us: Option<i64>,
    live: Option<v1::Priority>,
    demand: Arc<Demand>,
    state: State,
    held: Hold<B>,
    sizes: Sizes,
    scene: Scene,
    /// To be decoded next, in this order, each at its time for the decoder, in microseconds.
    out: VecDeque<(i64, B)>,
    /// The latest of those times.
    given_us: i64,
    /// What is to become of pictures that are not decoded yet, by their time for the decoder.
    due: VecDeque<(i64, Due)>,
    /// When something moved last, and when the scene was looked at last.
    moved_us: Option<i64>,
    looked_us: Option<i64>,
    /// Key frames given to the decoder that did not come out.
    owed: usize,
    left_out: u64,
    late: u64,
    /// Sizes woke it, and nothing was seen to move yet.
    unsure: bool,
    /// The latest frame's time in the stream, and when it came.
    latest_us: i64,
    arrived: u64,
    heard: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Every frame is decoded.
    Awake,
    /// Key frames are looked at.
    Resting,
    /// What the next frames refer to is gone, given up while it rested or because it was late: it waits for a key frame.
    Joining { late: bool },
}

#[derive(Clone, Copy, Debug)]
enum Due {
    /// A look, at a key frame that came then.
    Look(i64),
    /// It goes out, as of then.
    Deliver(When),
    Void,
}

/// Key frames nearer than this to the last look are not looked at: every frame of some codecs is a key frame.
const LOOK_US: i64 = 900_000;
/// A scene that is awake is looked at this often.
const WATCH_US: i64 = 180_000;
/// Frames that waited so long for the decoder give way. Well below the two seconds after which a picture is not worth
/// having, and more than it takes to decode what was held.
const LATE_US: i64 = 1_000_000;
/// Decoders that reorder hold a key frame back until the next; one that owes more gives nothing.
const OWED: usize = 3;
/// What is held at most is due at once, and a few more that a decoder reorders.
const DUE: usize = 1100;

impl<B: Clone> Idle<B> {
    pub(crate) fn new(config: &Config, terms: Terms, demand: Arc<Demand>) -> Self {
        Self {
            quiet_us: terms.rests.then_some((config.idle_after_s * 1e6) as i64),
            live: terms.live,
            demand,
            state: State::Awake,
            held: Hold::new((config.idle_hold_mib * 1024.0 * 1024.0) as usize),
            sizes: Sizes::default(),
            scene: Scene::default(),
            out: VecDeque::new(),
            given_us: i64::MIN,
            due: VecDeque::new(),
            moved_us: None,
            looked_us: None,
            owed: 0,
            left_out: 0,
            late: 0,
            unsure: false,
            latest_us: 0,
            arrived: 0,
            heard: None,
        }
    }

    /// From now on nothing that moves there wakes it.
    pub(crate) fn cover(&mut self, mask: Mask) {
        self.scene.cover(mask);
    }

    /// Whose frames are decoded first; `None` for footage that is never late.
    pub(crate) fn live(&self) -> Option<v1::Priority> {
        self.live
    }

    /// Takes a frame. `true` when it goes to the decoder as it is; else what does is in [`Self::next`].
    pub(crate) fn coded(&mut self, frame: Coded, body: B) -> bool {
        (self.latest_us, self.heard) = (frame.pts_us, Some(Instant::now()));
        self.arrived += 1;
        let surge = if frame.key {
            self.sizes.key();
            false
        } else {
            self.sizes.look(frame.pts_us, frame.bytes)
        };
        match self.state {
            State::Awake | State::Joining { .. } if frame.key => {
                if !self.is_quiet(frame.pts_us) {
                    self.state = State::Awake;
                    return true;
                }
                if std::mem::take(&mut self.unsure) {
                    self.sizes.were_right(false);
                }
                self.sizes.forget_before(self.moved_us.unwrap_or(frame.pts_us));
                self.held.clear();
                self.state = State::Resting;
                self.owed = 0;
                self.look(frame, body);
            }
            State::Awake if frame.late_us <= LATE_US => return true,
            State::Awake => {
                self.state = State::Joining { late: true };
                self.late += 1;
            }
            State::Joining { late: true } => self.late += 1,
            State::Joining { late: false } => self.left_out += 1,
            State::Resting => {
                let far = self.looked_us.is_none_or(|at| !(0..LOOK_US).contains(&(frame.pts_us - at)));
                if frame.key && far {
                    self.look(frame, body);
                } else {
                    self.left_out += self.held.push(frame, body);
                }
                self.unsure = surge;
                if surge || self.owed > OWED || self.demand.tracked(Instant::now()) {
                    self.wake(frame.pts_us);
                }
            }
        }
        false
    }

    /// The next frame for the decoder, and at which time it is to have it, in microseconds.
    pub(crate) fn next(&mut self) -> Option<(i64, B)> {
        self.out.pop_front()
    }

    /// A picture came out of the decoder, at the time at which it was given.
    pub(crate) fn decoded(&mut self, pts_us: i64, picture: &Picture) -> Fate {
        let place = self.due.iter().position(|(due_us, _)| *due_us == pts_us);
        let due = place.and_then(|place| self.due.remove(place)).map(|(_, due)| due);
        match due {
            Some(Due::Void) => Fate::Void,
            Some(Due::Look(came_us)) => {
                self.owed = 0;
                if self.state != State::Resting {
                    return Fate::Void; // it comes again
                }
                if self.watch(pts_us, picture) || self.demand.tracked(Instant::now()) {
                    // A key frame with nothing around it goes out as it is; else it comes again, in its turn.
                    let alone = self.held.is_key_alone();
                    self.wake(pts_us);
                    return if alone { Fate::Deliver(Some(When { pts_us, came_us })) } else { Fate::Void };
                }
                self.left_out += self.held.forget_before(pts_us);
                Fate::Unchanged(came_us)
            }
            due => {
                let when = match due {
                    Some(Due::Deliver(when)) => Some(when),
                    _ => None,
                };
                let pts_us = when.map_or(pts_us, |when| when.pts_us);
                let far = self.looked_us.is_none_or(|at| !(0..WATCH_US).contains(&(pts_us - at)));
                if far && self.quiet_us.is_some() {
                    self.looked_us = Some(pts_us);
                    self.watch(pts_us, picture);
                }
                Fate::Deliver(when)
            }
        }
    }

    /// Frames that were never decoded since it was asked last, by reason.
    pub(crate) fn left_out(&mut self) -> [(&'static str, u64); 2] {
        [("idle", std::mem::take(&mut self.left_out)), ("late", std::mem::take(&mut self.late))]
    }

    /// Time in the stream of the latest frame, in microseconds.
    pub(crate) fn latest_us(&self) -> i64 {
        self.latest_us
    }

    /// Nothing moves.
    pub(crate) fn rests(&self) -> bool {
        self.state == State::Resting
    }

    /// Frames that came, whatever becomes of them.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// When a frame came last, while not all are decoded.
    pub(crate) fn heard(&self) -> Option<Instant> {
        self.heard.filter(|_| self.state != State::Awake)
    }

    /// Until when it is known what becomes of frames, by when they came: what is held may be decoded yet. `None` for
    /// now.
    pub(crate) fn settled_us(&self) -> Option<i64> {
        self.held.first().map(|frame| frame.came_us)
    }

    /// The stream ends: what is held is never decoded.
    pub(crate) fn end(&mut self) {
        self.left_out += self.held.clear();
        self.state = State::Awake;
    }

    /// Nothing moved for long enough, and nobody follows anything.
    fn is_quiet(&mut self, pts_us: i64) -> bool {
        let since = *self.moved_us.get_or_insert(pts_us);
        if pts_us < since || self.demand.tracked(Instant::now()) {
            self.moved_us = Some(pts_us);
            return false;
        }
        let Some(quiet_us) = self.quiet_us else { return false };
        // A decoder that gives no pictures says nothing of what moves.
        let sees = self.looked_us.is_some_and(|at| (0..quiet_us).contains(&(pts_us - at)));
        sees && pts_us - since >= quiet_us
    }

    /// Gives a key frame to the decoder, to be looked at.
    fn look(&mut self, frame: Coded, body: B) {
        self.looked_us = Some(frame.pts_us);
        self.owed += 1;
        self.due(frame.pts_us, Due::Look(frame.came_us));
        self.given_us = frame.pts_us;
        self.out.push_back((frame.pts_us, body.clone()));
        self.held.push_key(frame, body);
    }

    fn due(&mut self, pts_us: i64, due: Due) {
        if self.due.len() == DUE {
            self.due.pop_front();
        }
        self.due.push_back((pts_us, due));
    }

    fn watch(&mut self, pts_us: i64, picture: &Picture) -> bool {
        let moved = Grid::of(picture).is_none_or(|grid| self.scene.look(&grid, pts_us));
        if moved {
            self.moved_us = Some(pts_us);
            if std::mem::take(&mut self.unsure) {
                self.sizes.were_right(true);
            }
        }
        moved
    }

    /// Something moved. What is held is decoded through, from the key frame that it begins with.
    fn wake(&mut self, pts_us: i64) {
        self.moved_us = Some(pts_us);
        self.state = if self.held.is_broken() { State::Joining { late: false } } else { State::Awake };
        if self.held.is_key_alone() {
            self.held.clear();
        }
        for (frame, body, seen) in self.held.take() {
            // Decoders put a picture that is earlier than the one before at the time of that one.
            self.given_us = frame.pts_us.max(self.given_us + 1);
            let Coded { pts_us, came_us, .. } = frame;
            self.due(self.given_us, if seen { Due::Void } else { Due::Deliver(When { pts_us, came_us }) });
            self.out.push_back((self.given_us, body));
        }
    }
}

#[cfg(test)]
mod tests {
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
                if at != usize::MAX && (at..at + 30).contains(&x) && (60..120).contains(&y) {
                    200
                } else {
                    90
                }
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
        assert_eq!(plant.delivered(), (0..150).collect::<Vec<_>>(), "awake until it was quiet for 5 s");
        assert_eq!(plant.decoded[150..], (3..20).map(|key| key * GOP).collect::<Vec<_>>());
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
        // The key frame at 500 was seen; everything since is delivered, as of when it came.
        assert_eq!(plant.delivered()[150..], (501..530).collect::<Vec<_>>());
        let when = When { pts_us: pts(501), came_us: pts(501) + 7 };
        assert!(plant.fates.contains(&(501, Fate::Deliver(Some(when)))));
        let unchanged = plant.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Unchanged(_))).count();
        let [(_, count), _] = plant.idle.left_out();
        assert_eq!(150 + 29 + unchanged as u64 + count, 530, "each frame counts once");
    }

    #[test]
    fn a_key_frame_in_which_something_moved_wakes_it() {
        let mut plant = Plant::new(4.0);
        plant.moves = 520; // sizes say nothing: the encoder keeps to its bit rate
        plant.run(0..560);
        assert_eq!(plant.delivered()[150..], (501..560).collect::<Vec<_>>());
        // And it comes to rest again five seconds after it was still.
        plant.moves = NEVER;
        plant.run(560..1200);
        let rests_from = plant.delivered().iter().max().copied().unwrap();
        assert!((560 + 125..560 + 125 + 400).contains(&rests_from), "{rests_from}");
    }

    #[test]
    fn who_tracks_wakes_it_and_keeps_it_awake() {
        let mut plant = Plant::new(4.0);
        plant.run(0..520);
        let tracked = v1::Demand { tracked: true, ..Default::default() };
        plant.demand.hear(&tracked, Instant::now());
        plant.run(520..1000);
        assert_eq!(plant.delivered()[150..], (501..1000).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_hold_it_wakes_at_the_next_key_frame() {
        let mut plant = Plant::new(0.0);
        (plant.moves, plant.grows) = (520, 520);
        plant.run(0..560);
        assert_eq!(plant.delivered()[150..], (550..560).collect::<Vec<_>>(), "sizes");
        let mut plant = Plant::new(0.0);
        plant.moves = 520;
        plant.run(0..560);
        assert_eq!(plant.delivered()[150..], (550..560).collect::<Vec<_>>(), "luma");
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
            let coded =
                Coded { key: frame % GOP == 0, bytes: 1000, pts_us: pts(frame), came_us: 0, late_us: 0 };
            plant.idle.coded(coded, frame);
            while plant.idle.next().is_some() {}
        }
        assert!(plant.idle.heard().is_none(), "awake, and not idle again");
    }
}
