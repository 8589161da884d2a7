//! Where frames and detections meet, and cloaked pictures leave.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cortex_models::{Picture, Preprocessor};
use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Captured, Collector, Fatal, Key, Poison, Snapshot, Stage, StreamTime, Tables, bus::Record, stage, still,
};
use serde::{Deserialize, Serialize};

use crate::{Config, Region, clip::Recorder, join::Held, mask::mask, regions::Regions};

/// What the cloaker reads.
pub enum Input {
    /// A frame or a heartbeat.
    Frame(Arc<Captured>),
    /// What the detector says of a frame.
    Detections(Arc<v1::Detections>),
    /// Somebody looks, or something was told of a picture.
    Demand(Arc<v1::Demand>),
}

/// The stage.
pub struct Cloaker {
    config: Config,
    cameras: HashMap<Key, Camera>,
    preprocessor: Preprocessor,
}

#[derive(Default)]
struct Camera {
    held: Held,
    kept: Kept,
    /// When each viewer last said that it looks.
    viewers: BTreeMap<String, i64>,
    /// When the last live picture left, in microseconds.
    shown_us: i64,
    /// When the first frame was made that came after the last result, in microseconds.
    unanswered_us: Option<i64>,
    /// That there is no result has been said.
    blanked: bool,
    /// The newest frame that the detector skipped.
    skipped: Option<Arc<Captured>>,
    /// Nothing was seen since the state was read from a snapshot.
    restored: bool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    received: u64,
    cloaked: u64,
    told_us: i64,
}

/// What outlives a restart.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    regions: Regions,
    /// Epoch and stream time of the last result.
    last: Option<(u64, i64)>,
    /// Whole pictures are redacted until then: a cold start does not know who was there.
    cold_until_us: i64,
    recorder: Recorder,
}

/// Without a result for this long, one fully redacted picture says so.
const NO_RESULT_US: i64 = 2_000_000;
/// A viewer that has not asked for this long is gone.
const VIEWER_US: i64 = 10_000_000;
const SECOND_US: i64 = 1_000_000;
/// After a cold start, whole pictures are redacted for this long.
const COLD_US: i64 = 3_000_000;

impl Cloaker {
    /// A cloaker with its settings.
    pub fn new(config: Config) -> Self {
        Self { config, cameras: HashMap::new(), preprocessor: Preprocessor::default() }
    }

    /// A redacted picture as people see it.
    fn view(&mut self, frame: &v1::Frame, masked: &Picture, said: Said) -> v1::Cloaked {
        let width = self.config.live_width.min(masked.width());
        let height = (masked.height() * width / masked.width()).max(2);
        let small = self.preprocessor.scale(masked, width, height);
        v1::Cloaked {
            frame: frame.id.clone(),
            time_us: frame.time_us,
            received_us: frame.received_us,
            width: width as u32,
            height: height as u32,
            jpeg: still::encode(&small, self.config.quality),
            objects: said.objects,
            redacted: said.redacted,
            blanked: said.blanked,
        }
    }

    /// A frame and its result.
    fn cloak(&mut self, key: &Key, frame: &Captured, seen: &v1::Detections, out: &mut Collector) {
        let (Some(picture), Some(camera)) = (&frame.picture, self.cameras.get_mut(key)) else { return };
        let (message, now_us) = (&frame.message, frame.message.time_us);
        let mut regions = camera.look(seen, &self.config);
        let mut blanked = String::new();
        if now_us < camera.kept.cold_until_us {
            blanked = "just started: it is not known yet who is there".to_owned();
            regions = vec![Region::WHOLE];
        }
        camera.counts.cloaked += 1;
        // Untracked boxes are for the tracker; people look at what is certain.
        let objects: Vec<v1::Object> =
            seen.objects.iter().filter(|object| object.track != 0).cloned().collect();
        let shown = camera.shows(now_us, &self.config);
        let recorded = camera.kept.recorder.wants(now_us, !objects.is_empty(), &self.config);
        if !seen.keep && !shown && !recorded {
            return;
        }
        let masked = mask(picture, &regions, self.config.style);
        if seen.keep {
            out.store(&v1::Still {
                frame: message.id.clone(),
                time_us: now_us,
                jpeg: still::encode(&masked, self.config.quality),
                received_us: message.received_us,
            });
        }
        if !shown && !recorded {
            return;
        }
        let view = self.view(message, &masked, Said { objects, redacted: regions.len() as u32, blanked });
        if let Some(camera) = self.cameras.get_mut(key).filter(|_| recorded) {
            camera.kept.recorder.take(view.clone(), &self.config, out);
        }
        if shown {
            out.publish(view);
        }
    }

    /// With frames and no result for two seconds, one picture says so.
    fn blank(&mut self, key: &Key, now_us: i64, out: &mut Collector) {
        let Some(camera) = self.cameras.get_mut(key) else { return };
        let waits = camera.unanswered_us.is_some_and(|since| now_us - since > NO_RESULT_US);
        if !waits || camera.blanked || camera.viewers.is_empty() {
            return;
        }
        // The frames stay: their answer may still come.
        let Some(newest) = camera.held.newest().or_else(|| camera.skipped.take()) else { return };
        // Said once, to somebody.
        camera.blanked = camera.shows(newest.message.time_us, &self.config);
        if let Some(picture) = newest.picture.as_ref().filter(|_| camera.blanked) {
            let masked = mask(picture, &[Region::WHOLE], self.config.style);
            let blanked = "the detector does not answer".to_owned();
            out.publish(self.view(
                &newest.message,
                &masked,
                Said { objects: Vec::new(), redacted: 1, blanked },
            ));
        }
    }
}

struct Said {
    objects: Vec<v1::Object>,
    redacted: u32,
    blanked: String,
}

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::FRAMES, &topics::DETECTIONS, &topics::DEMAND];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        match record.topic.noun {
            "frames" => record.message().map(Self::Frame),
            "detections" => record.message().map(Self::Detections),
            _ => record.message().map(Self::Demand),
        }
    }

    fn heartbeat(&self) -> Option<StreamTime> {
        match self {
            Self::Frame(frame) if frame.picture.is_none() => Some(StreamTime(frame.message.time_us)),
            _ => None,
        }
    }

    fn wants_models(&self) -> bool {
        false
    }

    fn received_us(&self) -> Option<i64> {
        match self {
            Self::Detections(seen) if seen.outcome() != v1::Outcome::Time => Some(seen.received_us),
            _ => None,
        }
    }
}

impl Stage for Cloaker {
    const NAME: &'static str = "cloaker";
    type In = Input;
    type Seen = ();

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<(), Poison>> {
        batch.iter().map(|_| Ok(())).collect()
    }

    fn apply(&mut self, key: &Key, input: &Input, _seen: (), out: &mut Collector) -> Result<(), Fatal> {
        match input {
            Input::Frame(frame) => {
                let (most, now_us) = (self.config.held_mib << 20, frame.message.time_us);
                let camera = self.cameras.entry(key.clone()).or_default();
                camera.counts.received += 1;
                camera.unanswered_us = Some(camera.unanswered_us.map_or(now_us, |since| since.min(now_us)));
                camera.held.put(Arc::clone(frame), most);
                self.wait(key, now_us, out);
                self.report(key, &frame.message, out);
            }
            Input::Detections(seen) => {
                let Some(id) = &seen.frame else { return Ok(()) };
                let camera = self.cameras.entry(key.clone()).or_default();
                let result = is_result(seen);
                let time = seen.outcome() == v1::Outcome::Time;
                let frame = if time { None } else { camera.held.take(id.epoch, seen.n) };
                if result {
                    camera.blanked = false;
                    camera.unanswered_us = camera.held.oldest_us();
                }
                if seen.fired {
                    let clip = v1::Clip {
                        frame: Some(id.clone()),
                        time_us: seen.time_us,
                        received_us: seen.received_us,
                        ..Default::default()
                    };
                    camera.kept.recorder.tell(&clip, &self.config, out);
                }
                // A frame that was skipped has no result, so it never leaves; the newest is kept to say so.
                match frame {
                    Some(frame) if result => self.cloak(key, &frame, seen, out),
                    Some(frame) => camera.skipped = Some(frame),
                    // The frame is gone; what was seen in it holds all the same.
                    None => drop(camera.look(seen, &self.config)),
                }
            }
            Input::Demand(demand) => {
                let camera = self.cameras.entry(key.clone()).or_default();
                if demand.viewer {
                    camera.viewers.insert(demand.asker.clone(), demand.time_us);
                }
                if let Some(clip) = &demand.clip {
                    camera.kept.recorder.tell(clip, &self.config, out);
                }
            }
        }
        Ok(())
    }

    fn tick(&mut self, key: &Key, now: StreamTime, out: &mut Collector) {
        self.wait(key, now.0, out);
    }

    fn restore(&mut self, key: &Key, snapshot: Option<Snapshot>) {
        let kept = snapshot.and_then(|snapshot| snapshot.read()).unwrap_or_default();
        self.cameras.insert(key.clone(), Camera { kept, restored: true, ..Camera::default() });
    }

    fn snapshot(&self, key: &Key) -> Snapshot {
        self.cameras.get(key).map_or_else(Snapshot::default, |camera| Snapshot::of(&camera.kept))
    }

    fn release(&mut self, key: &Key) {
        self.cameras.remove(key);
    }

    fn reload(&mut self, _tables: Arc<Tables>) {}
}

impl Camera {
    /// Whether somebody is shown a picture of this moment, which is then the last.
    fn shows(&mut self, now_us: i64, config: &Config) -> bool {
        let now = cortex_runtime::runner::wall_clock();
        self.viewers.retain(|_, asked| now - *asked < VIEWER_US);
        let interval = (1e6 / config.live_rate) as i64;
        // A little grace: frames come early and late.
        if self.viewers.is_empty() || now_us - self.shown_us < interval - interval / 10 {
            return false;
        }
        self.shown_us = now_us;
        true
    }

    /// Takes in what was seen and answers what is redacted in that frame.
    fn look(&mut self, seen: &v1::Detections, config: &Config) -> Vec<Region> {
        if let Some(id) = seen.frame.as_ref().filter(|_| is_result(seen)) {
            // A snapshot from long ago and a source that comes back after a gap know no more than a first start:
            // whoever was there has gone on, or somebody else has come.
            let warm = self.kept.last.is_some_and(|(epoch, time_us)| {
                let gap_us = (config.hold_s * 1e6) as i64;
                (epoch == id.epoch && !self.restored) || (0..=gap_us).contains(&(seen.time_us - time_us))
            });
            if !warm {
                self.kept.regions = Regions::default();
                self.kept.cold_until_us = seen.time_us + COLD_US;
                self.shown_us = 0;
            }
            self.restored = false;
            self.kept.last = Some((id.epoch, seen.time_us));
        }
        let aspect = seen.source_width.max(1) as f32 / seen.source_height.max(1) as f32;
        self.kept.regions.update(seen, config, aspect)
    }
}

fn is_result(seen: &v1::Detections) -> bool {
    matches!(seen.outcome(), v1::Outcome::Analysed | v1::Outcome::Carried)
}

impl Cloaker {
    /// Time has passed: frames that waited too long are let go, and somebody is told when results do not come.
    fn wait(&mut self, key: &Key, now_us: i64, out: &mut Collector) {
        self.blank(key, now_us, out);
        if let Some(camera) = self.cameras.get_mut(key) {
            let before_us = now_us.saturating_sub((self.config.held_s * 1e6) as i64);
            camera.held.expire(before_us);
            camera.skipped.take_if(|frame| frame.message.time_us < before_us);
            camera.kept.recorder.wait(now_us, &self.config);
        }
    }

    fn report(&mut self, key: &Key, frame: &v1::Frame, out: &mut Collector) {
        let Some(camera) = self.cameras.get_mut(key) else { return };
        if (frame.time_us - camera.counts.told_us).abs() < SECOND_US {
            return;
        }
        camera.counts.told_us = frame.time_us;
        out.publish(v1::Status {
            camera: key.to_string(),
            stage: Self::NAME.to_owned(),
            time_us: frame.time_us,
            connected: true,
            received: camera.counts.received,
            analysed: camera.counts.cloaked,
            camera_version: frame.camera_version,
            ..Default::default()
        });
    }
}
