//! Who is followed: a track, or the tracks that follow each other after the tracker lost somebody.

use cortex_proto::v1;

use super::{Moment, Point, Scale, engine::foot};

/// What is known of one subject, whatever the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// The track it is now.
    pub track: u64,
    /// Class of its latest sight.
    pub class: String,
    /// Its first sight.
    pub first: Moment,
    /// Its latest sight.
    pub seen: Moment,
    /// It was there when the camera's connection began.
    pub present: bool,
    /// The tracker has given up the track.
    pub ended: bool,
    /// Foot point of its latest sight, normalised.
    pub foot: Point,
    /// Width and height of its latest box, as shares of the picture's.
    pub size: (f32, f32),
    /// Way it has gone since its first sight, in the scale's unit; steps within the jitter of a box do not count.
    pub way: f32,
    /// Where `way` was measured to.
    pub(super) turn: Point,
    /// The last seconds, a point every [`TRAIL_EVERY_MS`], oldest first; in milliseconds of stream time.
    pub(super) trail: Vec<(i64, Dot)>,
    /// The whole way since the first sight, oldest first, ever coarser.
    pub(super) path: Path,
    /// When it was last measured for the height of people, stream time.
    pub(super) measured_us: i64,
}

/// A way at a resolution that falls as it grows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// Milliseconds between two points.
    pub(super) every_ms: i64,
    pub(super) last_ms: i64,
    pub(super) points: Vec<Dot>,
}

/// A place in 1/65535 of the picture, as it is kept and stored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Dot(pub(super) [u16; 2]);

/// How a subject moved over a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// Metres or heights to the right.
    pub x: f64,
    /// Metres or heights towards the camera, downwards in the picture.
    pub y: f64,
    /// Seconds it took.
    pub seconds: f64,
    /// Where it began, normalised.
    pub from: Point,
}

/// Milliseconds between two points of a trail.
const TRAIL_EVERY_MS: i64 = 300;
/// Points of a trail: two seconds and a half.
const TRAIL: usize = 9;
/// Points of a path.
const PATH: usize = 16;
/// Milliseconds between the first points of a path.
const PATH_EVERY_MS: i64 = 200;
/// A box that stands still jitters by less than this share of a height.
const STEP: f64 = 0.2;

impl Dot {
    fn of(point: Point) -> Self {
        Self([point.x, point.y].map(|value| (value.clamp(0.0, 1.0) * 65535.0).round() as u16))
    }

    pub(super) fn point(self) -> Point {
        let [x, y] = self.0.map(|value| f32::from(value) / 65535.0);
        Point { x, y }
    }
}

impl Default for Path {
    fn default() -> Self {
        Self { every_ms: PATH_EVERY_MS, last_ms: 0, points: Vec::new() }
    }
}

impl Path {
    fn push(&mut self, time_ms: i64, point: Dot) {
        if !self.points.is_empty() && time_ms - self.last_ms < self.every_ms {
            return;
        }
        if self.points.len() == PATH {
            let mut n = 0;
            self.points.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.every_ms *= 2;
        }
        self.points.push(point);
        self.last_ms = time_ms;
    }
}

impl Travel {
    /// Metres or heights a second.
    pub fn speed(&self) -> f64 {
        self.x.hypot(self.y) / self.seconds
    }
}

impl Subject {
    /// Takes in a sight.
    pub(super) fn see(&mut self, class: &str, place: &v1::Box, now: Moment, scale: &Scale) {
        if self.class != class {
            class.clone_into(&mut self.class);
        }
        let foot = foot(place);
        (self.seen, self.foot, self.ended) = (now, foot, false);
        self.size = (place.x2 - place.x1, place.y2 - place.y1);
        if self.trail.is_empty() {
            self.turn = foot;
        }
        if let Some((x, y)) = scale.between(self.turn, foot, self.size.1) {
            let step = x.hypot(y);
            if step >= STEP * scale.height() {
                self.way += step as f32;
                self.turn = foot;
            }
        }
        let time_ms = now.time_us / 1000;
        if self.trail.last().is_none_or(|(last, _)| time_ms - last >= TRAIL_EVERY_MS) {
            if self.trail.len() == TRAIL {
                self.trail.remove(0);
            }
            self.trail.push((time_ms, Dot::of(foot)));
        }
        self.path.push(time_ms, Dot::of(foot));
    }

    /// How it moved over the last `window_s` seconds up to now.
    pub(super) fn travel(&self, now: Moment, window_s: f64, scale: &Scale) -> Option<Travel> {
        let age = |time_ms: i64| (now.time_us / 1000 - time_ms) as f64 / 1e3;
        let (time_ms, from) = self.trail.iter().find(|(time_ms, _)| age(*time_ms) <= window_s + 1e-3)?;
        let (seconds, from) = (age(*time_ms), from.point());
        if seconds < window_s / 2.0 || seconds <= 0.0 {
            return None;
        }
        let (x, y) = scale.between(from, self.foot, self.size.1)?;
        Some(Travel { x, y, seconds, from })
    }

    /// Metres or heights a second over the window of `window_s` seconds before the last one; `None` when it was not
    /// seen then.
    pub(super) fn speed_before(&self, now: Moment, window_s: f64, scale: &Scale) -> Option<f64> {
        let at = |seconds: f64| {
            let until = now.time_us / 1000 - (seconds * 1e3) as i64;
            self.trail.iter().find(|(time_ms, _)| *time_ms >= until)
        };
        let ((begin, from), (end, to)) = (at(2.0 * window_s)?, at(window_s)?);
        let seconds = (end - begin) as f64 / 1e3;
        let (x, y) = scale.between(from.point(), to.point(), self.size.1)?;
        (seconds >= window_s / 2.0).then(|| x.hypot(y) / seconds)
    }

    /// Its way, as messages carry it.
    pub(super) fn way_points(&self) -> Vec<v1::Point> {
        let points = self.path.points.iter().map(|dot| dot.point()).chain([self.foot]);
        points.map(|point| v1::Point { x: point.x, y: point.y }).collect()
    }

    /// Its latest box.
    pub(super) fn place(&self) -> v1::Box {
        let (width, height) = self.size;
        let Point { x, y } = self.foot;
        v1::Box { x1: x - width / 2.0, y1: y - height, x2: x + width / 2.0, y2: y }
    }

    /// How it moved over the second before its latest sight: picture widths and heights a second.
    pub(super) fn velocity(&self) -> (f32, f32) {
        let last = self.seen.time_us / 1000;
        let Some((time_ms, from)) = self.trail.iter().find(|(time_ms, _)| last - time_ms <= 1000) else {
            return (0.0, 0.0);
        };
        let seconds = (last - time_ms) as f32 / 1e3;
        if seconds <= 0.0 {
            return (0.0, 0.0);
        }
        let from = from.point();
        ((self.foot.x - from.x) / seconds, (self.foot.y - from.y) / seconds)
    }

    /// Where it would be at this moment had it gone on as before, normalised.
    pub(super) fn expected(&self, now: Moment) -> Point {
        // Nobody goes straight on for long.
        let ahead = now.since(self.seen).min(1.5) as f32;
        let (x, y) = self.velocity();
        Point { x: self.foot.x + x * ahead, y: self.foot.y + y * ahead }
    }
}
