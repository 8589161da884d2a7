//! Numbers and times of a camera's frames: which are published, under which names.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use cortex_models::Picture;
use cortex_proto::{epoch, v1};
use cortex_runtime::Captured;

use crate::clock::{Clock, Reading, Stamp};

/// Stream time of the first frame of footage that is played fast: 2000-01-01T00:00:00Z, since recorded footage has no
/// date of its own and every run must give the same times.
pub const RECORDED_US: i64 = 946_684_800_000_000;

/// Without a picture of the main stream for this long, those of the sub-stream are taken again.
const DETAILED: Duration = Duration::from_secs(1);

/// So long a clock that jumped is told.
const TOLD: Duration = Duration::from_secs(60);

/// How frames are chosen and timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many a second, on the clock of this machine.
    Live { rate: f64 },
    /// Every frame, on the clock of the footage.
    Recorded,
}

/// A picture that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The stream that it is of.
    pub(crate) role: v1::Role,
    pub(crate) stamp: Stamp,
    /// This machine's clock, in Unix microseconds.
    pub(crate) now_us: i64,
    /// Width and height in pixels.
    pub(crate) size: (usize, usize),
    /// It is the only one for long, of a camera that rests.
    pub(crate) rare: bool,
}

/// One camera's numbering, shared by the pipeline and who supervises it.
pub(crate) struct Feed {
    camera: v1::Camera,
    term: u64,
    counter: u32,
    pace: Pace,
    /// Models run on every so many-th frame that is published.
    detect_every: u64,
    seq: u64,
    n: u64,
    /// Of the stream that is always open.
    clock: Clock,
    /// Of the main stream beside a sub-stream.
    detail: Clock,
    /// When a picture of that last came.
    pub(crate) detail_seen: Option<Instant>,
    due_us: i64,
    /// Pictures that are due by a rate that is lowered.
    owed: f64,
    skipped: BTreeMap<&'static str, u64>,
    source: (usize, usize),
    /// When a picture last came.
    pub(crate) seen: Option<Instant>,
    /// When a message was last published.
    pub(crate) told: Instant,
    /// Pictures since the start.
    pub(crate) received: u64,
    /// Pictures published since the start.
    pub(crate) published: u64,
    /// Clocks found off, since the start, and when last.
    jumps: u64,
    jumped: Option<Instant>,
}

impl Feed {
    pub(crate) fn new(camera: v1::Camera, term: u64, pace: Pace, detect_every: u64) -> Self {
        Self {
            camera,
            term,
            counter: 0,
            pace,
            detect_every: detect_every.max(1),
            seq: 0,
            n: 0,
            clock: Clock::default(),
            detail: Clock::default(),
            detail_seen: None,
            due_us: i64::MIN,
            owed: 0.0,
            skipped: BTreeMap::new(),
            source: (0, 0),
            seen: None,
            told: Instant::now(),
            received: 0,
            published: 0,
            jumps: 0,
            jumped: None,
        }
    }

    /// A connect, a loop or a clock jump.
    pub(crate) fn begin_epoch(&mut self) {
        self.counter += 1;
        (self.seq, self.n, self.clock, self.detail) = (0, 0, Clock::default(), Clock::default());
        (self.due_us, self.owed) = (i64::MIN, 0.0);
        self.skipped.clear();
    }

    /// The main stream is opened beside the sub-stream. Their pictures are one row of numbers and times.
    pub(crate) fn begin_detail(&mut self) {
        (self.detail, self.detail_seen) = (Clock::default(), None);
    }

    /// Pictures of the main stream come, so those of the sub-stream are not needed.
    pub(crate) fn is_detailed(&self, now: Instant) -> bool {
        self.detail_seen.is_some_and(|seen| now.saturating_duration_since(seen) < DETAILED)
    }

    /// A picture came; `share` of those that are due are wanted. Answers the frame to
    /// publish, without its picture, or the reason why it is left out.
    pub(crate) fn deliver(&mut self, arrival: Arrival, share: f32) -> Result<v1::Frame, &'static str> {
        let Arrival { role, stamp, now_us, size, rare } = arrival;
        self.seen = Some(Instant::now());
        self.received += 1;
        self.source = size;
        let read = match self.pace {
            Pace::Recorded => Reading::At(self.clock.pass(RECORDED_US + stamp.pts_us)),
            Pace::Live { .. } => match self.read(role, stamp, now_us) {
                Reading::Jump => {
                    self.jump();
                    self.read(role, stamp, now_us)
                }
                read => read,
            },
        };
        if role != self.role() {
            self.detail_seen = self.seen;
        }
        let seq = self.seq;
        self.seq += 1;
        let Reading::At(time_us) = read else { return Err(self.skip("late")) };
        if let Pace::Live { rate } = self.pace {
            let interval = (1e6 / rate) as i64;
            if time_us < self.due_us {
                return Err(self.skip("rate"));
            }
            // Keeps the average rate, without a burst after a pause.
            let first = if self.due_us == i64::MIN { time_us + interval } else { i64::MIN };
            self.due_us = self.due_us.saturating_add(interval).max(time_us + interval / 2).max(first);
            self.owed += f64::from(share);
            if self.owed < 1.0 {
                return Err(self.skip("overload"));
            }
            self.owed -= 1.0;
        }
        let models = rare || self.n.is_multiple_of(self.detect_every);
        let plan = if models { v1::Plan::Detect } else { v1::Plan::Carry };
        let mut frame = self.frame(role, seq, time_us, now_us);
        frame.plan = plan as i32;
        self.n += 1;
        self.published += 1;
        self.told = Instant::now();
        Ok(frame)
    }

    /// Pictures that were not taken in, for one reason.
    pub(crate) fn leave_out(&mut self, reason: &'static str, count: u64) {
        self.seq += count;
        self.received += count;
        *self.skipped.entry(reason).or_default() += count;
    }

    /// The stream that is always open.
    pub(crate) fn role(&self) -> v1::Role {
        if self.camera.sub_url.is_empty() || matches!(self.pace, Pace::Recorded) {
            v1::Role::Main
        } else {
            v1::Role::Sub
        }
    }

    fn read(&mut self, role: v1::Role, stamp: Stamp, now_us: i64) -> Reading {
        let (base, latest_us) = (self.role(), self.time_us());
        let clock = if role == base { &mut self.clock } else { &mut self.detail };
        clock.follow(latest_us);
        clock.read(stamp, now_us)
    }

    /// A picture of this size was decoded, and is left out.
    pub(crate) fn see(&mut self, size: (usize, usize)) {
        self.seen = Some(Instant::now());
        self.source = size;
    }

    /// Recorded footage was read to this time, in microseconds from its beginning.
    pub(crate) fn reach(&mut self, pts_us: i64) {
        if matches!(self.pace, Pace::Recorded) {
            self.clock.pass(RECORDED_US + pts_us);
        }
    }

    /// A sign of life without a picture.
    pub(crate) fn heartbeat(&mut self, kind: v1::Heartbeat, now_us: i64) -> Captured {
        self.told = Instant::now();
        self.clock.follow(self.detail.latest());
        let time_us = self.clock.idle(now_us).unwrap_or_else(|| {
            self.jump();
            self.clock.pass(now_us)
        });
        let mut frame = self.frame(self.role(), self.seq, time_us, now_us);
        frame.heartbeat = kind as i32;
        Captured { message: frame, picture: None, quality: 100 }
    }

    fn jump(&mut self) {
        self.jumps += 1;
        self.jumped = Some(Instant::now());
        self.begin_epoch();
    }

    fn skip(&mut self, reason: &'static str) -> &'static str {
        *self.skipped.entry(reason).or_default() += 1;
        reason
    }

    /// What is wrong with the clocks, in words; empty when nothing is, or was a minute ago.
    pub(crate) fn clock_trouble(&self, now: Instant) -> String {
        let fresh = |jumped: Instant| now.saturating_duration_since(jumped) < TOLD;
        match (self.clock.off_us, self.jumped.filter(|jumped| fresh(*jumped)).map_or(0, |_| self.jumps)) {
            (Some(off_us), _) => format!(
                "the camera's clock is {:.0} s {}; this machine's is taken",
                off_us.unsigned_abs() as f64 / 1e6,
                if off_us > 0 { "ahead" } else { "behind" }
            ),
            (None, 0) => String::new(),
            (None, jumps) => format!("the clock jumped {jumps} times"),
        }
    }

    /// How far the camera's own clock is ahead, when it is too far to be believed.
    pub(crate) fn clock_off_us(&self) -> Option<i64> {
        self.clock.off_us
    }

    /// The name of the latest frame.
    pub(crate) fn latest(&self) -> v1::FrameId {
        self.id(self.role(), self.seq.saturating_sub(1))
    }

    /// Stream time of the latest frame of this epoch; `None` before the first.
    pub(crate) fn time_us(&self) -> Option<i64> {
        self.clock.latest().max(self.detail.latest())
    }

    pub(crate) fn source(&self) -> (usize, usize) {
        self.source
    }

    pub(crate) fn skipped(&self) -> Vec<v1::Skipped> {
        self.skipped
            .iter()
            .map(|(reason, count)| v1::Skipped { reason: (*reason).to_owned(), count: *count })
            .collect()
    }

    fn id(&self, role: v1::Role, seq: u64) -> v1::FrameId {
        v1::FrameId {
            camera: self.camera.id.clone(),
            role: role as i32,
            epoch: epoch(self.term, self.counter),
            seq,
        }
    }

    fn frame(&self, role: v1::Role, seq: u64, time_us: i64, now_us: i64) -> v1::Frame {
        v1::Frame {
            id: Some(self.id(role, seq)),
            n: self.n,
            time_us,
            received_us: now_us,
            source_width: self.source.0 as u32,
            source_height: self.source.1 as u32,
            skipped: self.skipped(),
            camera_version: self.camera.version,
            ..Default::default()
        }
    }
}

pub(crate) fn lock(feed: &Mutex<Feed>) -> MutexGuard<'_, Feed> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A frame with its picture, and the JPEG quality in which it leaves the process.
pub(crate) fn with_picture(mut frame: v1::Frame, picture: Picture, quality: u8) -> Captured {
    (frame.width, frame.height) = (picture.width() as u32, picture.height() as u32);
    Captured { message: frame, picture: Some(picture), quality }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(pace: Pace) -> Feed {
        every(1, pace)
    }

    fn every(detect_every: u64, pace: Pace) -> Feed {
        let mut feed = Feed::new(v1::Camera { id: "c".into(), ..Default::default() }, 7, pace, detect_every);
        feed.begin_epoch();
        feed
    }

    fn at(pts_us: i64, now_us: i64) -> Arrival {
        let stamp = Stamp { pts_us, camera_us: None };
        Arrival { role: v1::Role::Main, stamp, now_us, size: (1, 1), rare: false }
    }

    #[test]
    fn the_rate_leaves_frames_out_and_counts_them() {
        let mut feed = feed(Pace::Live { rate: 5.0 });
        let frames: Vec<v1::Frame> =
            (0..25).filter_map(|i| feed.deliver(at(i * 40_000, 1_000_000 + i * 40_000), 1.0).ok()).collect();
        assert_eq!(frames.len(), 5);
        let last = frames.last().unwrap();
        assert_eq!((last.n, last.id.as_ref().unwrap().seq), (4, 20));
        assert_eq!(last.skipped[0].count, 20 - 4, "seq - n is what ingest left out");
        assert_eq!(last.id.as_ref().unwrap().epoch, epoch(7, 1));
    }

    #[test]
    fn models_run_on_every_so_many_th_of_what_is_published() {
        let mut feed = every(5, Pace::Live { rate: 10.0 });
        let plans: Vec<i32> = (0..30)
            .filter_map(|i| feed.deliver(at(i * 50_000, 1_000_000 + i * 50_000), 1.0).ok())
            .map(|frame| frame.plan)
            .collect();
        let detect = |n: usize| if n.is_multiple_of(5) { v1::Plan::Detect } else { v1::Plan::Carry } as i32;
        assert_eq!(plans, (0..15).map(detect).collect::<Vec<_>>());
        let mut rare =
            |i: i64| feed.deliver(Arrival { rare: true, ..at(i * 50_000, 1_000_000 + i * 50_000) }, 1.0);
        let plans = [rare(40), rare(240), rare(440)].map(|frame| frame.unwrap().plan);
        assert_eq!(plans, [v1::Plan::Detect as i32; 3], "what stands there must be seen");
    }

    #[test]
    fn time_is_monotone_and_a_jump_begins_an_epoch() {
        let mut feed = feed(Pace::Live { rate: 60.0 });
        let one = feed.deliver(at(0, 5_000_000), 1.0).unwrap();
        let two = feed.deliver(at(100_000, 5_100_000), 1.0).unwrap();
        assert!(two.time_us > one.time_us);
        let early = feed.deliver(at(200_000, 5_150_000), 1.0).unwrap();
        assert_eq!(early.time_us, 5_150_000, "stream time is never ahead of the clock");
        let jumped = feed.deliver(at(9_000_000, 5_200_000), 1.0).unwrap();
        assert_eq!((jumped.id.unwrap().epoch, jumped.n, feed.jumps), (epoch(7, 2), 0, 1));
    }

    #[test]
    fn a_clock_set_back_is_one_jump_and_keeps_the_rate() {
        let mut feed = feed(Pace::Live { rate: 5.0 });
        let hour = 3_600_000_000;
        feed.deliver(at(0, 2 * hour), 1.0).unwrap();
        let after: Vec<v1::Frame> =
            (1..=50).filter_map(|i| feed.deliver(at(i * 40_000, hour + i * 40_000), 1.0).ok()).collect();
        assert_eq!((feed.jumps, after.len()), (1, 10), "two seconds at five a second");
        assert_eq!(after[0].time_us, hour + 40_000, "on the new clock at once");
        assert!(after.iter().all(|frame| frame.id.as_ref().unwrap().epoch == epoch(7, 2)));
        // The same while no picture comes.
        let beat = feed.heartbeat(v1::Heartbeat::Offline, 5_000_000).message;
        assert_eq!((beat.time_us, beat.id.unwrap().epoch, feed.jumps), (5_000_000, epoch(7, 3), 2));
        let now = Instant::now();
        assert_eq!(feed.clock_trouble(now), "the clock jumped 2 times");
        assert_eq!(feed.clock_trouble(now + TOLD), "");
    }

    #[test]
    fn late_pictures_are_counted_and_leave_no_gap_in_n() {
        let mut feed = feed(Pace::Live { rate: 60.0 });
        let second = 1_000_000;
        feed.deliver(at(0, 9 * second), 1.0).unwrap();
        for i in 1..4 {
            assert_eq!(feed.deliver(at(i * second, 15 * second), 1.0).unwrap_err(), "late");
        }
        let thawed = feed.deliver(at(5 * second, 15 * second), 1.0).unwrap();
        assert_eq!((thawed.n, thawed.id.unwrap().seq, feed.published), (1, 4, 2));
        assert_eq!((thawed.skipped[0].reason.as_str(), thawed.skipped[0].count), ("late", 3));
    }

    #[test]
    fn two_streams_are_one_row_of_numbers_and_times() {
        let camera = v1::Camera { id: "c".into(), sub_url: "rtsp://c/sub".into(), ..Default::default() };
        let mut feed = Feed::new(camera, 7, Pace::Live { rate: 60.0 }, 1);
        feed.begin_epoch();
        let mut take = |role, pts_us, now_us| {
            let frame = feed.deliver(Arrival { role, ..at(pts_us, now_us) }, 1.0).unwrap();
            let now = Instant::now();
            (frame.id.unwrap(), frame.time_us, feed.is_detailed(now), feed.is_detailed(now + DETAILED))
        };
        let sub = take(v1::Role::Sub, 0, 5_000_000);
        let main = take(v1::Role::Main, 77_000_000, 5_200_000);
        let again = take(v1::Role::Sub, 1_500_000, 6_500_000);
        assert_eq!((sub.0.role(), main.0.role(), main.0.seq), (v1::Role::Sub, v1::Role::Main, 1));
        assert_eq!((sub.0.epoch, main.0.epoch), (again.0.epoch, again.0.epoch), "no jump between them");
        assert_eq!((sub.1, main.1, again.1), (5_000_000, 5_200_000, 6_500_000));
        assert_eq!((sub.2, main.2, main.3, again.2), (false, true, false, true), "who is preferred when");
    }

    #[test]
    fn a_lowered_share_leaves_out_evenly_and_says_why() {
        let mut feed = feed(Pace::Live { rate: 10.0 });
        let taken: Vec<bool> =
            (0..40).map(|i| feed.deliver(at(i * 100_000, 1_000_000 + i * 100_000), 0.25).is_ok()).collect();
        assert_eq!(taken[36..], [false, false, false, true]);
        assert_eq!(
            (feed.published, feed.skipped()[0].reason.as_str(), feed.skipped()[0].count),
            (10, "overload", 30)
        );
    }

    #[test]
    fn recorded_footage_is_the_same_every_time() {
        let run = || {
            let mut feed = every(3, Pace::Recorded);
            (0..7)
                .map(|i| feed.deliver(at(i * 100_000, 999 * i), 1.0).unwrap())
                .map(|f| (f.time_us, f.n, f.plan))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert_eq!(run()[3], (RECORDED_US + 300_000, 3, v1::Plan::Detect as i32));
        assert_eq!(run()[4].2, v1::Plan::Carry as i32);
    }
}
