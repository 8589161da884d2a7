//! One track: where it is, what it looks like, and what it would cost to call a detection by its name.

use cortex_models::{Detection, Group, Rect, group_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{kalman::Motion, look::Look};

/// How a track's box is known in the latest frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// The model saw it.
    Detected,
    /// Carried by motion in the picture.
    Carried,
    /// Not seen.
    Hidden,
}

/// One thing, followed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Track {
    /// From the frame and the ordinal of its birth; never 0.
    pub(crate) id: u64,
    /// Class of its latest detection.
    pub(crate) class: u16,
    /// Score of its latest detection.
    pub(crate) score: f32,
    /// How its box is known.
    pub(crate) state: State,
    /// Stream time of its birth, in microseconds.
    pub(crate) born_us: i64,
    /// It was there when a cold start or a new epoch began.
    pub(crate) present: bool,
    /// Quality of the best chip sent.
    pub(crate) best_shot: f32,
    /// It was seen often enough to be certain.
    pub(super) confirmed: bool,
    /// Seconds of pictures in which it was not seen, since it last was.
    pub(super) unseen_s: f32,
    pub(super) motion: Motion,
    seen_us: i64,
    hits: u32,
    look: Option<Look>,
    /// Where it stands (left, top, right, bottom), and since when.
    place: [f32; 4],
    place_us: i64,
}

/// What a frame is called, for the ids of tracks born in it.
pub(crate) struct Birth<'a> {
    pub(crate) camera: &'a str,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    /// Tracks born now were there before: not an entry.
    pub(crate) present: bool,
    /// The camera's very first frames: a track needs no second sight.
    pub(crate) first: bool,
}

/// Sights that confirm a track; two are enough when they lie this far apart, in microseconds: chance does not strike
/// the same place twice.
const HITS: u32 = 3;
const APART_US: i64 = 300_000;
/// Share of its size by which a box is grown before overlap is taken, and by how much more for each second unseen.
const BUFFER: f32 = 0.3;
const BUFFER_PER_S: f32 = 0.25;
/// Looks below this have nothing in common, and at this they are as good as the same.
const UNLIKE: f32 = 0.65;
const ALIKE: f32 = 0.95;
/// Found again after a second only when it looks at least this much the same.
const FOUND_AGAIN: f32 = 0.75;
/// Boxes that overlap this much are at the same place, and who is there for so long is parked.
const SAME_PLACE: f32 = 0.6;
const PARKED_US: i64 = 20_000_000;
/// What the place counts against the look.
const PLACE: f32 = 0.55;

impl Track {
    pub(super) fn new(
        birth: &Birth<'_>,
        ordinal: usize,
        one: &Detection,
        look: Option<Look>,
        time_us: i64,
    ) -> Self {
        Self {
            id: id(birth, ordinal),
            class: one.class,
            score: one.score,
            state: State::Detected,
            born_us: time_us,
            present: birth.present,
            best_shot: 0.0,
            confirmed: birth.first,
            unseen_s: 0.0,
            motion: Motion::new(one.rect),
            seen_us: time_us,
            hits: 1,
            look,
            place: corners(one.rect),
            place_us: time_us,
        }
    }

    /// Where it is, in pixels of the analysed picture.
    pub(crate) fn rect(&self) -> Rect {
        self.motion.rect()
    }

    /// Velocity of its centre in pixels per second.
    pub(crate) fn velocity(&self) -> (f32, f32) {
        self.motion.velocity()
    }

    pub(super) fn group(&self) -> Group {
        group_of(self.class)
    }

    /// 0 for the same place and look, 1 for nothing in common.
    pub(super) fn cost(&self, one: &Detection, look: Option<&Look>, time_us: i64) -> f32 {
        if self.group() != group_of(one.class) {
            return f32::INFINITY;
        }
        let hidden = ((time_us - self.seen_us) as f32 / 1e6).min(3.0);
        // The longer it was away, the wider it is looked for.
        let buffer = 1.0 + 2.0 * (BUFFER + BUFFER_PER_S * (hidden - 0.2).max(0.0));
        let grown = |rect: &Rect| rect.grow(buffer, buffer);
        let (mine, other) = (self.motion.rect(), one.rect);
        let overlap = grown(&mine).iou(&grown(&other));
        let size = (mine.height().min(other.height()) / mine.height().max(other.height()).max(1.0)).sqrt();
        if overlap <= 0.0 || size < 0.6 {
            return f32::INFINITY;
        }
        match (&self.look, look) {
            (Some(mine), Some(other)) => {
                let alike = mine.similarity(other);
                if hidden > 1.0 && alike < FOUND_AGAIN {
                    return f32::INFINITY;
                }
                let alike = ((alike - UNLIKE) / (ALIKE - UNLIKE)).clamp(0.0, 1.0);
                1.0 - PLACE * overlap * size - (1.0 - PLACE) * alike
            }
            _ => 1.0 - overlap * size,
        }
    }

    pub(super) fn see(&mut self, one: &Detection, look: Option<&Look>, time_us: i64) {
        let back = self.state == State::Hidden && (time_us - self.seen_us) > 500_000;
        if back {
            self.motion = Motion::new(one.rect);
        } else {
            self.motion.correct(one.rect, one.score.clamp(0.4, 1.0));
        }
        (self.class, self.score, self.state) = (one.class, one.score, State::Detected);
        (self.seen_us, self.unseen_s) = (time_us, 0.0);
        self.hits += 1;
        let [x1, y1, x2, y2] = self.place;
        if Rect::new(x1, y1, x2, y2).iou(&one.rect) < SAME_PLACE {
            (self.place, self.place_us) = (corners(one.rect), time_us);
        }
        self.confirmed |= self.hits >= HITS || time_us - self.born_us >= APART_US;
        match (&mut self.look, look) {
            (Some(look), Some(newer)) => look.blend(newer),
            (look, Some(newer)) => *look = Some(newer.clone()),
            (_, None) => {}
        }
    }

    /// A thing that stood where it is for long. People never are: who stands still is watched.
    pub(super) fn is_parked(&self, time_us: i64) -> bool {
        self.group() != Group::Person && time_us - self.place_us > PARKED_US
    }

    /// The picture has another size.
    pub(super) fn scale(&mut self, by: (f32, f32)) {
        self.motion.scale(by);
        let [x1, y1, x2, y2] = self.place;
        self.place = [x1 * by.0, y1 * by.1, x2 * by.0, y2 * by.1];
    }

    /// No model ran; it was found at `place` in the picture, or is where it was expected.
    pub(super) fn carry(&mut self, place: Option<Rect>, time_us: i64) {
        if let Some(place) = place {
            self.motion.correct(place, 0.7);
        }
        (self.state, self.seen_us) = (State::Carried, time_us);
    }

    /// It was not seen in a picture that came `dt` seconds after the one before.
    pub(super) fn miss(&mut self, dt: f32) {
        self.unseen_s += dt;
        self.state = State::Hidden;
        // It stands behind something, or went another way.
        if self.unseen_s > 1.0 {
            self.motion.slow_down(0.9);
        }
    }

    /// Nobody looked for a while: it may be anywhere near, and is looked for anew.
    pub(super) fn lose_sight(&mut self) {
        self.state = State::Hidden;
        self.motion.slow_down(0.0);
    }
}

fn corners(rect: Rect) -> [f32; 4] {
    [rect.x1, rect.y1, rect.x2, rect.y2]
}

/// From where and as which it was born: the same frame gives the same id in every process.
fn id(birth: &Birth<'_>, ordinal: usize) -> u64 {
    let mut hash = Sha256::new();
    hash.update(birth.camera.as_bytes());
    hash.update(birth.epoch.to_be_bytes());
    hash.update(birth.seq.to_be_bytes());
    hash.update((ordinal as u64).to_be_bytes());
    let digest = hash.finalize();
    u64::from_be_bytes(digest[..8].try_into().expect("a SHA-256 has 32 bytes")).max(1)
}
