//! Tracks: who is who from frame to frame.
//!
//! Association in stages after ByteTrack (Zhang et al. 2022): confident detections first, then the weak ones for
//! tracks that are left, so that a half-hidden person keeps its track and a weak double begins none. Overlap is taken
//! between buffered boxes after C-BIoU (Yang et al. 2023), mixed with how alike the two look. Between detector calls a
//! track is carried by motion measured in the picture; a hidden one goes on at its own speed, since the picture there
//! shows whoever hides it. What moves the whole view moves every track.

pub(crate) mod assign;
mod flow;
mod kalman;
mod look;
mod patch;
mod subject;
mod view;

use cortex_models::{Detection, Picture, Rect, group_of};
use serde::{Deserialize, Serialize};

pub(crate) use self::subject::{Birth, State, Track};
use self::{assign::assign, look::Look};

/// The tracks of one camera, in pixels of the analysed picture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tracker {
    pub(crate) tracks: Vec<Track>,
    /// Stream time of the last picture.
    time_us: i64,
    /// Width and height that the boxes are in.
    size: (usize, usize),
    #[serde(skip)]
    before: Option<Picture>,
}

/// What is asked of a tracker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Lowest score that begins a track.
    pub(crate) activation: f32,
    /// How long a track is kept that no picture shows, in seconds of pictures.
    pub(crate) hidden_s: f32,
}

/// One attempt at pairing: which tracks, which detections, the highest cost, and whether looks count.
type Attempt<'a> = (&'a dyn Fn(&Track) -> bool, &'a dyn Fn(&Detection) -> bool, f32, bool);

/// Detections from here on are tried first.
const CONFIDENT: f32 = 0.5;
/// Detections from here on may keep a track alive.
const WEAK: f32 = 0.1;
/// Highest cost of a pair of confident detections, and of weak ones, which must lie where the track is expected.
const SURE: f32 = 0.75;
const DOUBTFUL: f32 = 0.4;
/// Most tracks of one camera; more is a flood of false ones.
const MOST: usize = 100;
/// Without pictures for this long the tracks have lost sight; speeds mean nothing any more.
const SIGHT_LOST_S: f32 = 2.0;
/// Who was not seen for so long keeps no camera awake; when something moves it wakes by itself.
const GONE_S: f32 = 0.5;
/// Without pictures for this long every track ends.
const BLIND_US: i64 = 30_000_000;

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
        let dt = self.advance(picture, time_us);
        let confident = |one: &Detection| one.score >= CONFIDENT;
        let look = |one: &Detection| confident(one).then(|| Look::of(picture, one.rect)).flatten();
        let looks: Vec<Option<Look>> = found.iter().map(look).collect();
        let mut owner: Vec<Option<usize>> = vec![None; found.len()];
        let mut free: Vec<usize> = (0..self.tracks.len()).collect();
        // Confirmed tracks with confident detections; then what is left with weak ones; then new tracks.
        let stages: [Attempt<'_>; 3] = [
            (&|track| track.confirmed, &confident, SURE, true),
            (
                &|track| track.confirmed && track.state != State::Hidden,
                &|one| one.score >= WEAK,
                DOUBTFUL,
                false,
            ),
            (&|track| !track.confirmed, &confident, SURE, true),
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
            self.tracks[index].miss(dt);
        }
        let ids = self.born(found, looks, &mut owner, time_us, birth, settings);
        self.end(settings, ended);
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
        let before = self.before.clone();
        let starts: Vec<Rect> = self.tracks.iter().map(Track::rect).collect();
        let dt = self.advance(picture, time_us);
        for (track, start) in self.tracks.iter_mut().zip(starts) {
            if track.state == State::Hidden {
                track.miss(dt);
                continue;
            }
            let expected = track.rect();
            let guess = (expected.x1 - start.x1, expected.y1 - start.y1);
            let found = before.as_ref().and_then(|before| flow::carry(before, picture, start, guess));
            track.carry(found, time_us);
        }
        self.end(settings, ended);
        self.before = Some(picture.clone());
    }

    /// Time passes without a picture. Who was there is still there, as far as anybody knows, for a while.
    pub(crate) fn wait(&mut self, time_us: i64, ended: &mut Vec<u64>) {
        if time_us - self.time_us > BLIND_US {
            self.clear(ended);
        }
    }

    /// A new epoch: what was there is kept hidden, to be found again by place and look.
    pub(crate) fn reconnect(&mut self, time_us: i64) {
        self.before = None;
        self.time_us = time_us;
        self.tracks.iter_mut().for_each(Track::lose_sight);
    }

    /// The camera looks at something else now, or another time: every track ends.
    pub(crate) fn clear(&mut self, ended: &mut Vec<u64>) {
        self.before = None;
        ended.extend(self.confirmed().map(|track| track.id));
        self.tracks.clear();
    }

    /// Whether anything was seen just now but what stands parked.
    pub(crate) fn is_alive(&self) -> bool {
        self.tracks.iter().any(|track| track.unseen_s < GONE_S && !track.is_parked(self.time_us))
    }

    /// Tracks that are certain.
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| track.confirmed)
    }

    /// Takes every track to the time of a picture, with the view. Answers the seconds since the picture before.
    fn advance(&mut self, picture: &Picture, time_us: i64) -> f32 {
        let dt = (time_us - self.time_us) as f32 / 1e6;
        self.time_us = time_us;
        let size = (picture.width(), picture.height());
        if self.size != size {
            // Another resolution of the same view: a camera was set, or its other stream is taken.
            let by = (size.0 as f32 / self.size.0.max(1) as f32, size.1 as f32 / self.size.1.max(1) as f32);
            self.tracks.iter_mut().for_each(|track| track.scale(by));
            (self.before, self.size) = (None, size);
        }
        if dt > SIGHT_LOST_S {
            self.before = None;
            self.tracks.iter_mut().for_each(Track::lose_sight);
        }
        let dt = dt.clamp(0.0, SIGHT_LOST_S);
        self.tracks.iter_mut().for_each(|track| track.motion.predict(dt));
        if let Some(before) = self.before.as_ref().filter(|_| !self.tracks.is_empty()) {
            let moving: Vec<Rect> = self.tracks.iter().map(Track::rect).collect();
            let shift = view::shift(before, picture, &moving);
            self.tracks.iter_mut().for_each(|track| track.motion.shift(shift));
        }
        dt
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
                        && track.rect().iou(&one.rect) > 0.7
                })
            };
            if owner[index].is_none()
                && one.score >= settings.activation
                && self.tracks.len() < MOST
                && !doubled()
            {
                owner[index] = Some(self.tracks.len());
                self.tracks.push(Track::new(birth, index, one, look, time_us));
            }
        }
        owner
            .iter()
            .map(|track| {
                track.map(|index| &self.tracks[index]).filter(|track| track.confirmed).map(|track| track.id)
            })
            .collect()
    }

    fn end(&mut self, settings: Settings, ended: &mut Vec<u64>) {
        let size = (self.size.0 as f32, self.size.1 as f32);
        self.tracks.retain(|track| {
            let (x, y) = track.rect().centre();
            let gone = x < 0.0 || y < 0.0 || x > size.0 || y > size.1;
            // What left the picture is over soon; it would only be re-used for somebody else who comes in.
            let keep = if gone { settings.hidden_s.min(0.5) } else { settings.hidden_s };
            let lives = track.state != State::Hidden || (track.confirmed && track.unseen_s <= keep);
            if !lives && track.confirmed {
                ended.push(track.id);
            }
            lives
        });
    }
}

#[cfg(test)]
mod tests;
