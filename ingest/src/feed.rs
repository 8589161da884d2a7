//! Numbers and times of a camera's frames: which are published, under which names.

use std::{collections::BTreeMap, time::Instant};

use cortex_models::Picture;
use cortex_proto::{epoch, v1};
use cortex_runtime::Captured;

/// Stream time of the first frame of footage that is played fast: 2000-01-01T00:00:00Z, since recorded footage has no
/// date of its own and every run must give the same times.
pub const RECORDED_US: i64 = 946_684_800_000_000;

/// A camera clock that is further off than this begins a new epoch on this machine's clock.
const OFF_US: i64 = 2_000_000;

/// How frames are chosen and timed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many a second, on the clock of this machine.
    Live { rate: f64 },
    /// Every frame, on the clock of the footage; models run on every so many-th.
    Recorded { detect_every: u64 },
}

/// One camera's numbering, shared by the pipeline and who supervises it.
pub(crate) struct Feed {
    camera: v1::Camera,
    term: u64,
    counter: u32,
    pace: Pace,
    seq: u64,
    n: u64,
    /// A time in the stream, and the same on the clock of stream time.
    first: Option<(i64, i64)>,
    last_us: i64,
    due_us: i64,
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
    /// Clocks found off, since the start.
    pub(crate) jumps: u64,
}

impl Feed {
    pub(crate) fn new(camera: v1::Camera, term: u64, pace: Pace) -> Self {
        Self {
            camera,
            term,
            counter: 0,
            pace,
            seq: 0,
            n: 0,
            first: None,
            last_us: 0,
            due_us: i64::MIN,
            skipped: BTreeMap::new(),
            source: (0, 0),
            seen: None,
            told: Instant::now(),
            received: 0,
            published: 0,
            jumps: 0,
        }
    }

    /// A connect, a loop or a clock jump.
    pub(crate) fn begin_epoch(&mut self) {
        self.counter += 1;
        (self.seq, self.n, self.first, self.due_us) = (0, 0, None, i64::MIN);
        self.skipped.clear();
    }

    /// A picture came. `pts_us` is its time in the stream, `now_us` this machine's clock. Answers the frame to publish,
    /// without its picture; `None` when the rate leaves it out.
    pub(crate) fn deliver(&mut self, pts_us: i64, now_us: i64, size: (usize, usize)) -> Option<v1::Frame> {
        self.seen = Some(Instant::now());
        self.received += 1;
        self.source = size;
        let mut time_us = self.time(pts_us, now_us);
        if matches!(self.pace, Pace::Live { .. }) {
            if (time_us - now_us).abs() > OFF_US {
                self.jumps += 1;
                self.begin_epoch();
                time_us = self.time(pts_us, now_us);
            } else if time_us > now_us {
                // No picture comes before it was made: the quickest one so far tells best what the clocks differ by.
                self.first = Some((pts_us, now_us));
                time_us = self.time(pts_us, now_us);
            }
        }
        let seq = self.seq;
        self.seq += 1;
        let plan = match self.pace {
            Pace::Recorded { detect_every } if !seq.is_multiple_of(detect_every.max(1)) => v1::Plan::Carry,
            Pace::Recorded { .. } => v1::Plan::Detect,
            Pace::Live { rate } => {
                let interval = (1e6 / rate) as i64;
                if time_us < self.due_us {
                    *self.skipped.entry("rate").or_default() += 1;
                    return None;
                }
                // Keeps the average rate, without a burst after a pause.
                let first = if self.due_us == i64::MIN { time_us + interval } else { i64::MIN };
                self.due_us = self.due_us.saturating_add(interval).max(time_us + interval / 2).max(first);
                v1::Plan::Detect
            }
        };
        self.last_us = time_us;
        let mut frame = self.frame(seq, now_us);
        frame.plan = plan as i32;
        self.n += 1;
        self.published += 1;
        self.told = Instant::now();
        Some(frame)
    }

    /// A sign of life without a picture.
    pub(crate) fn heartbeat(&mut self, kind: v1::Heartbeat, now_us: i64) -> Captured {
        self.told = Instant::now();
        let mut frame = self.frame(self.seq, now_us);
        frame.heartbeat = kind as i32;
        frame.time_us = self.last_us.max(now_us);
        Captured { message: frame, picture: None }
    }

    /// The name of the latest frame.
    pub(crate) fn latest(&self) -> v1::FrameId {
        self.id(self.seq.saturating_sub(1))
    }

    /// Stream time of the latest frame.
    pub(crate) fn time_us(&self) -> i64 {
        self.last_us
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

    fn time(&mut self, pts_us: i64, now_us: i64) -> i64 {
        let base = if matches!(self.pace, Pace::Live { .. }) { now_us } else { RECORDED_US + pts_us };
        let (first_pts, first_us) = *self.first.get_or_insert((pts_us, base));
        // Monotone within the epoch, whatever the camera says.
        (first_us + pts_us - first_pts).max(self.last_us + i64::from(self.seq > 0))
    }

    fn id(&self, seq: u64) -> v1::FrameId {
        v1::FrameId {
            camera: self.camera.id.clone(),
            role: v1::Role::Main as i32,
            epoch: epoch(self.term, self.counter),
            seq,
        }
    }

    fn frame(&self, seq: u64, now_us: i64) -> v1::Frame {
        v1::Frame {
            id: Some(self.id(seq)),
            n: self.n,
            time_us: self.last_us,
            received_us: now_us,
            source_width: self.source.0 as u32,
            source_height: self.source.1 as u32,
            skipped: self.skipped(),
            camera_version: self.camera.version,
            ..Default::default()
        }
    }
}

/// A frame with its picture.
pub(crate) fn with_picture(mut frame: v1::Frame, picture: Picture) -> Captured {
    (frame.width, frame.height) = (picture.width() as u32, picture.height() as u32);
    Captured { message: frame, picture: Some(picture) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(pace: Pace) -> Feed {
        let mut feed = Feed::new(v1::Camera { id: "c".into(), ..Default::default() }, 7, pace);
        feed.begin_epoch();
        feed
    }

    #[test]
    fn the_rate_leaves_frames_out_and_counts_them() {
        let mut feed = feed(Pace::Live { rate: 5.0 });
        let frames: Vec<v1::Frame> =
            (0..25).filter_map(|i| feed.deliver(i * 40_000, 1_000_000 + i * 40_000, (64, 48))).collect();
        assert_eq!(frames.len(), 5);
        let last = frames.last().unwrap();
        assert_eq!((last.n, last.id.as_ref().unwrap().seq), (4, 20));
        assert_eq!(last.skipped[0].count, 20 - 4, "seq - n is what ingest left out");
        assert_eq!(last.id.as_ref().unwrap().epoch, epoch(7, 1));
    }

    #[test]
    fn time_is_monotone_and_a_jump_begins_an_epoch() {
        let mut feed = feed(Pace::Live { rate: 60.0 });
        let one = feed.deliver(0, 5_000_000, (1, 1)).unwrap();
        let two = feed.deliver(100_000, 5_100_000, (1, 1)).unwrap();
        assert!(two.time_us > one.time_us);
        let early = feed.deliver(200_000, 5_150_000, (1, 1)).unwrap();
        assert_eq!(early.time_us, 5_150_000, "stream time is never ahead of the clock");
        let jumped = feed.deliver(9_000_000, 5_200_000, (1, 1)).unwrap();
        assert_eq!((jumped.id.unwrap().epoch, jumped.n, feed.jumps), (epoch(7, 2), 0, 1));
    }

    #[test]
    fn recorded_footage_is_the_same_every_time() {
        let run = || {
            let mut feed = feed(Pace::Recorded { detect_every: 3 });
            (0..7)
                .map(|i| feed.deliver(i * 100_000, 999 * i, (1, 1)).unwrap())
                .map(|f| (f.time_us, f.n, f.plan))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert_eq!(run()[3], (RECORDED_US + 300_000, 3, v1::Plan::Detect as i32));
        assert_eq!(run()[4].2, v1::Plan::Carry as i32);
    }
}
