//! The seconds before and after an alert, as cloaked pictures.

use std::collections::VecDeque;

use cortex_proto::v1;
use cortex_runtime::Collector;
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::Config;

/// Records the clips of one camera. Nothing but what is redacted gets here.
///
/// Pictures wait in memory until something is told; then those of the seconds before are stored, and what follows is
/// stored at once. So a picture is stored once however many alerts there are, and the ring never holds what is stored.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Recorder {
    /// What comes until then is stored at once, stream time. Outlives a restart; the ring does not.
    until_us: i64,
    #[serde(skip)]
    ring: VecDeque<v1::Cloaked>,
    /// Bytes of the ring.
    #[serde(skip)]
    bytes: usize,
    /// When the last picture was made that was taken in.
    #[serde(skip)]
    taken_us: i64,
}

/// Pictures are at least this far apart, so 13 or 14 are taken in a second at most: no gesture is lost, and those of a second
/// fit into a partition of the store.
const APART_US: i64 = 75_000;
/// The ring reaches so much further back: this long after its picture something is told at most, as that a camera is
/// offline or covered, or that somebody is on a watch-list.
const LATE_US: i64 = 10_000_000;

impl Recorder {
    /// Whether a picture of this moment is wanted.
    pub(crate) fn wants(&mut self, now_us: i64, tracked: bool, config: &Config) -> bool {
        if !is_on(config) {
            return false;
        }
        // After a clock went back it is not recorded until it was where it had been.
        self.until_us = self.until_us.min(now_us + after_us(config));
        (tracked || now_us <= self.until_us) && !(0..APART_US).contains(&(now_us - self.taken_us))
    }

    /// Takes a picture in.
    pub(crate) fn take(&mut self, picture: v1::Cloaked, config: &Config, out: &mut Collector) {
        let now_us = picture.time_us;
        self.taken_us = now_us;
        if now_us <= self.until_us {
            out.store(&picture);
        } else {
            self.bytes += picture.encoded_len();
            self.ring.push_back(picture);
        }
        self.wait(now_us, config);
    }

    /// Something was told of a picture: the seconds around it are a clip.
    pub(crate) fn tell(&mut self, of: &v1::Clip, config: &Config, out: &mut Collector) {
        if !is_on(config) {
            return;
        }
        let (from_us, until_us) = (of.time_us - before_us(config), of.time_us + after_us(config));
        out.store(&v1::Clip { from_us, until_us, ..of.clone() });
        self.until_us = self.until_us.max(until_us);
        self.bytes = 0;
        for picture in std::mem::take(&mut self.ring) {
            if (from_us..=until_us).contains(&picture.time_us) {
                out.store(&picture);
            } else {
                self.bytes += picture.encoded_len();
                self.ring.push_back(picture);
            }
        }
    }

    /// Time has passed: what no clip can want any more is let go, and the oldest where there is too much.
    pub(crate) fn wait(&mut self, now_us: i64, config: &Config) {
        // What is later than now is from before a clock went back.
        let held = now_us - before_us(config) - LATE_US..=now_us + LATE_US;
        while let Some(oldest) = self.ring.front()
            && (!held.contains(&oldest.time_us) || self.bytes > config.clip_mib << 20)
        {
            self.bytes -= oldest.encoded_len();
            self.ring.pop_front();
        }
    }
}

fn is_on(config: &Config) -> bool {
    config.clip_before_s > 0.0 || config.clip_after_s > 0.0
}

fn before_us(config: &Config) -> i64 {
    (config.clip_before_s * 1e6) as i64
}

fn after_us(config: &Config) -> i64 {
    (config.clip_after_s * 1e6) as i64
}

#[cfg(test)]
mod tests {
    use cortex_runtime::store::{Row, table};

    use super::*;

    const SECOND: i64 = 1_000_000;
    const START: i64 = 1_700_000_000 * SECOND;

    /// Five pictures a second, of so many bytes, on which somebody is tracked.
    struct Camera {
        recorder: Recorder,
        config: Config,
        out: Collector,
        bytes: usize,
    }

    impl Camera {
        fn new(config: Config) -> Self {
            Self { recorder: Recorder::default(), config, out: Collector::default(), bytes: 1000 }
        }

        fn see(&mut self, pictures: std::ops::Range<i64>) {
            for n in pictures {
                let time_us = START + n * SECOND / 5;
                if self.recorder.wants(time_us, true, &self.config) {
                    let frame = Some(v1::FrameId { camera: "c".into(), seq: n as u64, ..Default::default() });
                    let picture =
                        v1::Cloaked { frame, time_us, jpeg: vec![7; self.bytes], ..Default::default() };
                    self.recorder.take(picture, &self.config, &mut self.out);
                }
            }
        }

        fn tell(&mut self, n: i64) {
            let clip = v1::Clip { time_us: START + n * SECOND / 5, ..Default::default() };
            self.recorder.tell(&clip, &self.config, &mut self.out);
        }

        /// The pictures that were stored, in the order in which they were.
        fn stored(&self) -> Vec<u64> {
            let rows = self.out.stored().iter().filter(|row| row.table == table::CLIP_PICTURES.name);
            let pictures = rows.map(|row| v1::Cloaked::decode(row.body.as_slice()).unwrap());
            pictures.map(|picture| picture.frame.unwrap().seq).collect()
        }
    }

    fn seconds(before: f32, after: f32) -> Config {
        Config { clip_before_s: before, clip_after_s: after, ..Config::default() }
    }

    #[test]
    fn the_seconds_before_and_after_are_stored_each_picture_once() {
        let mut camera = Camera::new(seconds(4.0, 2.0));
        camera.see(0..100);
        assert!(camera.out.stored().is_empty(), "nothing is stored without an alert");
        camera.tell(99);
        camera.see(100..104);
        // A second alert while the first is recorded, and a third soon after it.
        camera.tell(103);
        camera.see(104..120);
        camera.tell(119);
        camera.see(120..200);
        assert_eq!(camera.stored(), (79..=129).collect::<Vec<_>>());
        let clips = camera.out.stored().iter().filter(|row| row.table == v1::Clip::TABLE.name);
        assert_eq!(clips.count(), 3);
    }

    #[test]
    fn what_is_told_late_has_its_seconds_before() {
        let mut camera = Camera::new(seconds(4.0, 2.0));
        camera.see(0..100);
        camera.tell(60);
        camera.see(100..110);
        assert_eq!(camera.stored(), (40..=70).collect::<Vec<_>>(), "told eight seconds after its picture");
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut camera = Camera::new(Config { clip_mib: 1, ..seconds(60.0, 0.0) });
        camera.bytes = 100_000;
        camera.see(0..100);
        assert!(camera.recorder.bytes <= 1 << 20);
        camera.tell(99);
        assert_eq!(camera.stored(), (90..=99).collect::<Vec<_>>());
        assert_eq!((camera.recorder.bytes, camera.recorder.ring.len()), (0, 0), "what is stored is not held");
        camera.see(100..102);
        camera.recorder.wait(START + 3600 * SECOND, &camera.config);
        assert_eq!(camera.recorder.bytes, 0, "a camera on which nothing comes any more holds nothing");
    }

    #[test]
    fn a_clock_that_goes_back_does_not_record_for_hours() {
        let mut camera = Camera::new(seconds(1.0, 2.0));
        camera.see(50_000..50_010);
        camera.tell(50_009);
        camera.see(0..100);
        let stored = camera.stored();
        assert!(stored.ends_with(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "{stored:?}");
        camera.tell(99);
        assert_eq!(camera.stored().last(), Some(&99), "and the ring has what is now");
    }
}
