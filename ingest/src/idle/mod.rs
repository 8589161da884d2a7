//! Which coded frames of a camera are decoded: of one in whose picture nothing moves the key frames alone.
//!
//! While it rests, the frames since the last decoded one are held as they came. Their sizes, the luma of the next key
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

use self::{
    hold::{Held, Hold, Sight},
    scene::Scene,
    sizes::Sizes,
};
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
    /// Nothing moved in it.
    Unchanged(When),
    /// It was decoded for others' sake.
    Void,
}

/// What a picture is of that was looked at, or held.
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
    /// When something moved last, and when the scene was looked at last; while it rests, since then.
    moved_us: Option<i64>,
    looked_us: Option<i64>,
    /// Key frames given to the decoder that did not come out.
    owed: usize,
    left_out: u64,
    late: u64,
    /// Sizes woke it, and nothing was seen to move yet.
    unsure: bool,
    /// Something woke it, and the picture in which it began to move did not come yet.
    still: bool,
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
    /// A look at a key frame.
    Look(When),
    /// It was held, and goes out.
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
            still: false,
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
        let may_rest = match self.state {
            State::Awake => true,
            State::Joining { .. } => frame.key,
            State::Resting => false,
        };
        if may_rest && self.is_quiet(frame.pts_us) {
            self.rest(frame, body);
            return false;
        }
        match self.state {
            State::Awake | State::Joining { .. } if frame.key => {
                self.state = State::Awake;
                return true;
            }
            State::Awake if frame.late_us <= LATE_US => return true,
            State::Awake => {
                self.state = State::Joining { late: true };
                self.late += 1;
            }
            State::Joining { late: true } => self.late += 1,
            State::Joining { late: false } => self.left_out += 1,
            State::Resting => {
                self.hold(frame, body);
                self.unsure = surge;
                if surge || self.owed > OWED {
                    self.wake(frame.pts_us, true);
                } else if self.demand.tracked(Instant::now()) {
                    self.wake(frame.pts_us, false);
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
            Some(Due::Look(when)) => {
                self.owed = 0;
                if self.state != State::Resting {
                    return Fate::Void; // it comes again
                }
                let moved = self.watch(pts_us, picture);
                if moved || self.demand.tracked(Instant::now()) {
                    // A key frame with nothing around it goes out as it is; else it comes again, in its turn.
                    let alone = self.held.is_key_alone();
                    self.wake(pts_us, moved && !alone);
                    return if alone { Fate::Deliver(Some(when)) } else { Fate::Void };
                }
                self.left_out += self.held.forget_before(pts_us);
                Fate::Unchanged(when)
            }
            due => {
                let when = match due {
                    Some(Due::Deliver(when)) => Some(when),
                    _ => None,
                };
                let pts_us = when.map_or(pts_us, |when| when.pts_us);
                let far = self.looked_us.is_none_or(|at| !(0..WATCH_US).contains(&(pts_us - at)));
                if self.still || (far && self.quiet_us.is_some()) {
                    self.looked_us = Some(pts_us);
                    let moved = self.watch(pts_us, picture);
                    if let Some(when) = when.filter(|_| self.still && !moved) {
                        return Fate::Unchanged(when);
                    }
                    self.still = false;
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

    /// From this frame on nothing is decoded but what is looked at.
    fn rest(&mut self, frame: Coded, body: B) {
        if std::mem::take(&mut self.unsure) {
            self.sizes.were_right(false);
        }
        self.sizes.forget_before(self.moved_us.unwrap_or(frame.pts_us));
        self.held.begin();
        (self.state, self.owed, self.looked_us) = (State::Resting, 0, None);
        self.hold(frame, body);
    }

    /// Keeps a frame while it rests. Key frames are looked at besides, unless every frame is one.
    fn hold(&mut self, frame: Coded, body: B) {
        let far = self.looked_us.is_none_or(|at| !(0..LOOK_US).contains(&(frame.pts_us - at)));
        if !frame.key || !far {
            self.left_out += self.held.push(frame, body);
            return;
        }
        let Coded { pts_us, came_us, .. } = frame;
        self.looked_us = Some(pts_us);
        self.owed += 1;
        self.due(pts_us, Due::Look(When { pts_us, came_us }));
        self.given_us = pts_us;
        self.out.push_back((pts_us, body.clone()));
        self.held.push_key(frame, body);
    }

    fn due(&mut self, pts_us: i64, due: Due) {
        if self.due.len() == DUE {
            self.due.pop_front();
        }
        self.due.push_back((pts_us, due));
    }

    fn watch(&mut self, pts_us: i64, picture: &Picture) -> bool {
        let moved = Grid::of(picture).is_none_or(|grid| {
            let moved = self.scene.differs(&grid);
            // The picture that wakes it is looked at again in its turn, after those that were held.
            if !moved || self.state != State::Resting {
                self.scene.take_in(&grid, pts_us);
            }
            moved
        });
        if moved {
            self.moved_us = self.moved_us.max(Some(pts_us));
            if std::mem::take(&mut self.unsure) {
                self.sizes.were_right(true);
            }
        }
        moved
    }

    /// What is held is decoded through, and goes out: when something `moved`, from the picture on in which it began to.
    fn wake(&mut self, pts_us: i64, moved: bool) {
        (self.moved_us, self.still) = (Some(pts_us), moved);
        self.state = if self.held.is_broken() { State::Joining { late: false } } else { State::Awake };
        if self.held.is_key_alone() {
            self.held.clear();
        }
        for Held { frame: Coded { pts_us, came_us, .. }, body, sight } in self.held.take() {
            // Decoders put a picture that is earlier than the one before at the time of that one.
            self.given_us = pts_us.max(self.given_us + 1);
            let seen = sight == Sight::Still;
            self.due(self.given_us, if seen { Due::Void } else { Due::Deliver(When { pts_us, came_us }) });
            self.out.push_back((self.given_us, body));
        }
    }
}

#[cfg(test)]
mod tests;
