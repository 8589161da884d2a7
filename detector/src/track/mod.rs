//! Tracks: who is who from frame to frame.
//!
//! Association in stages after ByteTrack (Zhang et al. 2022): confident detections first, then the weak ones for
//! tracks that are left, so that a half-hidden person keeps its track and a weak double begins none. Overlap is taken
//! between buffered boxes after C-BIoU (Yang et al. 2023), mixed with how alike the two look. Between detector calls a
//! track is carried by motion measured in the picture.

pub(crate) mod assign;
mod flow;
mod kalman;
mod look;

use cortex_models::{Detection, Group, Picture, Rect, group_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::{assign::assign, kalman::Motion, look::Look};

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
    /// Stream time at which it was last seen, in microseconds.
    pub(crate) seen_us: i64,
    /// It was there when a cold start or a new epoch began.
    pub(crate) present: bool,
    /// Quality of the best chip sent.
    pub(crate) best_shot: f32,
    hits: u32,
    confirmed: bool,
    motion: Motion,
    look: Option<Look>,
}

/// The tracks of one camera, in pixels of the analysed picture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tracker {
    pub(crate) tracks: Vec<Track>,
    time_us: i64,
    /// Width and height that the boxes are in.
    size: (usize, usize),
    #[serde(skip)]
    before: Option<Picture>,
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

/// What is asked of a tracker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) activation: f32,
    pub(crate) hidden_s: f32,
}

/// One attempt at pairing: which tracks, which detections, the highest cost, and whether looks count.
type Attempt<'a> = (&'a dyn Fn(&Track) -> bool, &'a dyn Fn(&Detection) -> bool, f32, bool);

/// Detections from here on are tried first.
const CONFIDENT: f32 = 0.5;
/// Detections from here on may keep a track alive.
const WEAK: f32 = 0.1;
/// Sights that confirm a track.
const HITS: u32 = 3;
/// Share of its size by which a box is grown before overlap is taken.
const BUFFER: f32 = 0.3;
/// Most tracks of one camera; more is a flood of false ones.
const MOST: usize = 100;

impl Tracker {
    /// Takes the detections of a frame. Answers for each the track it belongs to, or `None`; ids of tracks that ended
    /// are pushed to `ended`.
    pub(crate) fn update(
        &mut self,
        picture: &Picture,
        time_us: i64,
        found: &[Detection],
        birth: &Birth<'_>,
        settings: Settings,
        ended: &mut Vec<u64>,
    ) -> Vec<Option<u64>> {
        self.advance(picture, time_us);
        let looks: Vec<Option<Look>> = found.iter().map(|one| Look::of(picture, one.rect)).collect();
        let mut owner: Vec<Option<usize>> = vec![None; found.len()];
        let mut free: Vec<usize> = (0..self.tracks.len()).collect();
        // Confirmed tracks with confident detections; then what is left with weak ones; then new tracks.
        let confident = |one: &Detection| one.score >= CONFIDENT;
        let stages: [Attempt<'_>; 3] = [
            (&|track| track.confirmed, &confident, 0.85, true),
            (&|track| track.confirmed && track.state != State::Hidden, &|one| one.score >= WEAK, 0.6, false),
            (&|track| !track.confirmed, &confident, 0.75, true),
        ];
        for (takes, offers, limit, looked_at) in stages {
            let rows: Vec<usize> = free.iter().copied().filter(|index| takes(&self.tracks[*index])).collect();
            let columns: Vec<usize> =
                (0..found.len()).filter(|index| owner[*index].is_none() && offers(&found[*index])).collect();
            let cost: Vec<Vec<f32>> = rows
                .iter()
                .map(|row| {
                    let track = &self.tracks[*row];
                    let price = |column: &usize| {
                        track.cost(&found[*column], looks[*column].as_ref().filter(|_| looked_at), time_us)
                    };
                    columns.iter().map(price).collect()
                })
                .collect();
            for (row, column) in assign(&cost, limit) {
                owner[columns[column]] = Some(rows[row]);
                free.retain(|index| *index != rows[row]);
            }
        }
        for (index, track) in owner.iter().enumerate().filter_map(|(index, track)| Some((index, (*track)?))) {
            self.tracks[track].see(&found[index], looks[index].as_ref(), time_us);
        }
        for index in free {
            self.tracks[index].miss(time_us);
        }
        let ids = self.born(found, looks, &mut owner, time_us, birth, settings);
        self.end(time_us, settings, ended);
        self.before = Some(picture.clone());
        ids
    }

    /// Carries every track that was visible to a frame on which no model ran.
    pub(crate) fn carry(
        &mut self,
        picture: &Picture,
        time_us: i64,
        settings: Settings,
        ended: &mut Vec<u64>,
    ) {
        let before = self.before.take();
        let starts: Vec<Rect> = self.tracks.iter().map(|track| track.motion.rect()).collect();
        self.advance(picture, time_us);
        for (track, start) in self.tracks.iter_mut().zip(starts) {
            if track.state == State::Hidden {
                continue;
            }
            let predicted = track.motion.rect();
            let guess = (predicted.x1 - start.x1, predicted.y1 - start.y1);
            if let Some(moved) = before.as_ref().and_then(|before| flow::carry(before, picture, start, guess))
            {
                track.motion.correct(moved, 0.7);
            }
            track.state = State::Carried;
            track.seen_us = time_us;
        }
        self.end(time_us, settings, ended);
        self.before = Some(picture.clone());
    }

    /// Time passes without a picture.
    pub(crate) fn wait(&mut self, time_us: i64, settings: Settings, ended: &mut Vec<u64>) {
        for track in &mut self.tracks {
            track.state = State::Hidden;
        }
        self.end(time_us, settings, ended);
    }

    /// A new epoch: what was there is kept hidden, to be found again by place and look.
    pub(crate) fn reconnect(&mut self, time_us: i64) {
        self.before = None;
        self.time_us = time_us;
        for track in &mut self.tracks {
            track.state = State::Hidden;
            track.motion.slow_down(0.0);
            track.seen_us = time_us;
        }
    }

    /// The camera looks at something else now, or another time: every track ends.
    pub(crate) fn clear(&mut self) -> Vec<u64> {
        self.before = None;
        let ids = self.confirmed().map(|track| track.id).collect();
        self.tracks.clear();
        ids
    }

    /// Tracks that are certain.
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| track.confirmed)
    }

    fn advance(&mut self, picture: &Picture, time_us: i64) {
        let dt = ((time_us - self.time_us) as f32 / 1e6).clamp(0.0, 2.0);
        self.time_us = time_us;
        let size = (picture.width(), picture.height());
        if self.size != size {
            // Another resolution: boxes in pixels mean nothing any more.
            if self.size != (0, 0) {
                self.tracks.clear();
            }
            self.size = size;
            self.before = None;
        }
        self.tracks.iter_mut().for_each(|track| track.motion.predict(dt));
    }

    fn born(
        &mut self,
        found: &[Detection],
        looks: Vec<Option<Look>>,
        owner: &mut [Option<usize>],
        time_us: i64,
        birth: &Birth<'_>,
        settings: Settings,
    ) -> Vec<Option<u64>> {
        for (index, (one, look)) in found.iter().zip(looks).enumerate() {
            let doubled = || {
                self.tracks.iter().any(|track| {
                    track.state == State::Detected
                        && track.group() == group_of(one.class)
                        && track.motion.rect().iou(&one.rect) > 0.7
                })
            };
            if owner[index].is_none()
                && one.score >= settings.activation
                && self.tracks.len() < MOST
                && !doubled()
            {
                owner[index] = Some(self.tracks.len());
                self.tracks.push(Track {
                    id: id(birth, index),
                    class: one.class,
                    score: one.score,
                    state: State::Detected,
                    born_us: time_us,
                    seen_us: time_us,
                    present: birth.present,
                    best_shot: 0.0,
                    hits: 1,
                    confirmed: birth.first,
                    motion: Motion::new(one.rect),
                    look,
                });
            }
        }
        owner
            .iter()
            .map(|track| {
                track.map(|index| &self.tracks[index]).filter(|track| track.confirmed).map(|track| track.id)
            })
            .collect()
    }

    fn end(&mut self, time_us: i64, settings: Settings, ended: &mut Vec<u64>) {
        let size = (self.size.0 as f32, self.size.1 as f32);
        self.tracks.retain(|track| {
            let hidden = (time_us - track.seen_us) as f32 / 1e6;
            let (x, y) = track.motion.rect().centre();
            let gone = x < 0.0 || y < 0.0 || x > size.0 || y > size.1;
            // What left the picture is over soon; it would only be re-used for somebody else who comes in.
            let keep = if gone { settings.hidden_s.min(0.5) } else { settings.hidden_s };
            let lives = track.state != State::Hidden || (track.confirmed && hidden <= keep);
            if !lives && track.confirmed {
                ended.push(track.id);
            }
            lives
        });
    }
}

impl Track {
    /// Where it is, in pixels of the analysed picture.
    pub(crate) fn rect(&self) -> Rect {
        self.motion.rect()
    }

    /// Velocity of its centre in pixels per second.
    pub(crate) fn velocity(&self) -> (f32, f32) {
        self.motion.velocity()
    }

    fn group(&self) -> Group {
        group_of(self.class)
    }

    /// 0 for the same place and look, 1 for nothing in common.
    fn cost(&self, one: &Detection, look: Option<&Look>, time_us: i64) -> f32 {
        if self.group() != group_of(one.class) {
            return f32::INFINITY;
        }
        let hidden = ((time_us - self.seen_us) as f32 / 1e6).min(3.0);
        // The longer it was away, the wider it is looked for.
        let buffer = 1.0 + 2.0 * (BUFFER + 0.25 * (hidden - 0.2).max(0.0));
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
                // Found again after a while only when it looks the same.
                if hidden > 1.0 && alike < 0.75 {
                    return f32::INFINITY;
                }
                1.0 - 0.7 * overlap * size - 0.3 * ((alike - 0.5) * 2.0).clamp(0.0, 1.0)
            }
            _ => 1.0 - overlap * size,
        }
    }

    fn see(&mut self, one: &Detection, look: Option<&Look>, time_us: i64) {
        let back = self.state == State::Hidden && (time_us - self.seen_us) > 500_000;
        if back {
            self.motion = Motion::new(one.rect);
        } else {
            self.motion.correct(one.rect, one.score.clamp(0.4, 1.0));
        }
        (self.class, self.score, self.state, self.seen_us) = (one.class, one.score, State::Detected, time_us);
        self.hits += 1;
        self.confirmed |= self.hits >= HITS;
        if let Some(newer) = look.filter(|_| one.score >= CONFIDENT) {
            match &mut self.look {
                Some(look) => look.blend(newer),
                None => self.look = Some(newer.clone()),
            }
        }
    }

    fn miss(&mut self, time_us: i64) {
        let hidden = (time_us - self.seen_us) as f32 / 1e6;
        self.state = State::Hidden;
        if hidden > 1.0 {
            self.motion.slow_down(0.9);
        }
    }
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
