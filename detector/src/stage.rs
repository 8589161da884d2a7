//! Where frames enter and detections leave.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use cortex_models::{Picture, Rect, class_name};
use cortex_proto::{Topic, topics, v1};
use cortex_rules::{self as rules, Engine, Needs};
use cortex_runtime::{
    Captured, Collector, Fatal, Key, Poison, Snapshot, Stage, StreamTime, Tables, bus::Record, stage,
};
use serde::{Deserialize, Serialize};

use crate::{
    Config, Models, Seen,
    changes::{Changes, Moment},
    chip, cues,
    demand::{Demand, Wanted},
    faces,
    load::{Load, priority},
    object::{normalised, object},
    seconds::Seconds,
    states::States,
    track::{Birth, Settings, State, Tracker},
};

/// A frame or a heartbeat.
pub struct Input(pub Arc<Captured>);

/// The stage.
pub struct Detector {
    config: Config,
    models: Option<Models>,
    tables: Arc<Tables>,
    cameras: HashMap<Key, Camera>,
    load: Load,
    /// Only where somebody outside reads them.
    analytics: Option<Seconds>,
}

/// What the detector knows of one camera.
#[derive(Default)]
struct Camera {
    engine: Engine,
    kept: Kept,
    states: States,
    demand: Demand,
}

/// What the tracker's side knows.
#[derive(Default)]
struct Kept {
    tracker: Tracker,
    /// Epoch, number in the epoch and stream time of the last frame taken; `None` before the first.
    last: Option<(u64, u64, i64)>,
    /// Tracks born until then were there before.
    present_until_us: i64,
    /// Tracks born until then need no second sight: the camera's very first frames.
    first_until_us: i64,
    /// Only while a rule asks.
    changes: Option<Changes>,
    counts: Counts,
    frame: Option<v1::FrameId>,
    source: (u32, u32),
}

/// The part that outlives a restart; written as references, read as values.
#[derive(Serialize, Deserialize)]
struct Saved<T, R> {
    tracker: T,
    rules: R,
    last: Option<(u64, u64, i64)>,
    present_until_us: i64,
    first_until_us: i64,
}

#[derive(Default)]
struct Counts {
    received: u64,
    analysed: u64,
    dropped: BTreeMap<String, u64>,
    told_us: i64,
}

/// A gap in stream time above this, or time that goes back, is another scene: a loop or a clock jump.
const SAME_SCENE_US: i64 = 30_000_000;
/// After a restart or a new epoch, what is found in this time was there before.
const PRESENT_US: i64 = 2_000_000;
/// The camera's very first frames.
const FIRST_US: i64 = 500_000;
const SECOND_US: i64 = 1_000_000;

impl Detector {
    /// A detector with its models; without them only frames that carry tracks can be taken.
    pub fn new(config: Config, models: Option<Models>) -> Self {
        let analytics = config.analytics.then(Seconds::new);
        let (tables, cameras) = (Arc::default(), HashMap::new());
        Self { config, models, tables, cameras, load: Load::default(), analytics }
    }

    fn digests(&self) -> BTreeMap<String, String> {
        self.models.as_ref().map(Models::digests).unwrap_or_default()
    }

    fn settings(&self) -> Settings {
        Settings { activation: self.config.activation, hidden_s: self.config.hidden_s }
    }
}

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::FRAMES];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        record.message().map(Self)
    }

    fn heartbeat(&self) -> Option<StreamTime> {
        self.0.picture.is_none().then_some(StreamTime(self.0.message.time_us))
    }

    fn received_us(&self) -> Option<i64> {
        Some(self.0.message.received_us)
    }

    fn bytes(&self) -> usize {
        self.0.picture.as_ref().map_or(0, Picture::bytes)
    }

    fn wants_models(&self) -> bool {
        self.0.message.plan() != v1::Plan::Carry
    }
}

impl Stage for Detector {
    const NAME: &'static str = "detector";
    type In = Input;
    type Seen = Seen;

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<Seen, Poison>> {
        let Some(models) = &mut self.models else {
            return batch.iter().map(|_| Err(Poison::new("this detector has no models"))).collect();
        };
        let begun = Instant::now();
        let pictures: Vec<&Picture> = batch.iter().filter_map(|input| input.0.picture.as_ref()).collect();
        let mut seen = models.look(&pictures).into_iter();
        let answer = |input: &&Input| {
            let (message, picture) = (&input.0.message, input.0.picture.as_ref());
            let Some((picture, mut seen)) = picture.and_then(|picture| Some((picture, seen.next()?))) else {
                return Err(Poison::new("a frame without a picture"));
            };
            let camera = message.id.as_ref().map_or("", |id| &id.camera);
            models.look_at_bodies(picture, message.n, &Needs::of(&self.tables, camera), &mut seen);
            Ok(seen)
        };
        let answers = batch.iter().map(answer).collect();
        self.load.took(begun.elapsed());
        answers
    }

    fn apply(&mut self, key: &Key, input: &Input, seen: Seen, out: &mut Collector) -> Result<(), Fatal> {
        let begun = Instant::now();
        let (settings, digests) = (self.settings(), self.digests());
        let frame = &input.0.message;
        let (Some(id), Some(picture)) = (&frame.id, &input.0.picture) else { return Ok(()) };
        let camera = self.cameras.entry(key.clone()).or_default();
        let mut ended = Vec::new();
        let Some(lost) = camera.kept.begin(frame, id, &mut ended) else { return Ok(()) };
        let priority = priority(&self.tables, key);
        self.load.came(key, priority, lost);
        let mut answer = v1::Detections {
            frame: Some(id.clone()),
            n: frame.n,
            time_us: frame.time_us,
            received_us: frame.received_us,
            source_width: frame.source_width,
            source_height: frame.source_height,
            models: digests,
            rules_version: self.tables.rules_version,
            ended,
            ..Default::default()
        };
        if seen.failed.is_empty() {
            let kept = &mut camera.kept;
            let needs = Needs::of(&self.tables, key);
            if frame.plan() == v1::Plan::Carry {
                kept.tracker.carry(picture, frame.time_us, settings, &mut answer.ended);
                answer.outcome = v1::Outcome::Carried as i32;
            } else {
                let birth = Birth {
                    camera: &id.camera,
                    epoch: id.epoch,
                    seq: id.seq,
                    present: frame.time_us < kept.present_until_us,
                    first: frame.time_us < kept.first_until_us,
                };
                let owners = kept.tracker.update(
                    picture,
                    frame.time_us,
                    &seen.objects,
                    &birth,
                    settings,
                    &mut answer.ended,
                );
                answer.outcome = v1::Outcome::Analysed as i32;
                answer.objects = seen
                    .objects
                    .iter()
                    .zip(&owners)
                    .map(|(found, owner)| {
                        let track =
                            owner.and_then(|id| kept.tracker.confirmed().find(|track| track.id == id));
                        object(
                            picture,
                            found.rect,
                            found.class,
                            found.score,
                            track,
                            v1::ObjectState::Detected,
                        )
                    })
                    .collect();
                for (index, pose) in &seen.poses {
                    // Without a track no rule reads it.
                    if let Some(object) = answer.objects.get_mut(*index).filter(|object| object.track != 0) {
                        object.pose = Some(cues::joints(picture, pose));
                    }
                }
                kept.counts.analysed += 1;
            }
            answer.objects.extend(kept.unseen(picture));
            let moment = Moment { frame: id, time_us: frame.time_us };
            answer.changes = cues::changes(&mut kept.changes, &needs, picture, moment, &kept.tracker, &seen);
            answer.faces = kept.bind(picture, &seen, self.config.chips, self.tables.site(key), &answer, out);
            answer.keep = out.published::<cortex_runtime::CutChip>().iter().any(|_| true);
        } else {
            answer.outcome = v1::Outcome::Skipped as i32;
            answer.reason = seen.failed;
            *camera.kept.counts.dropped.entry("failed".to_owned()).or_default() += 1;
        }
        let anomalies = camera.decide(key, &answer, &self.tables, out);
        answer.fired = !anomalies.is_empty();
        answer.keep |= answer.fired;
        camera.kept.report(key, frame, &self.tables, out);
        self.load.took(begun.elapsed());
        self.load.judge(Instant::now());
        camera.ask(key, self.load.share(priority), frame.time_us, out);
        let (partition, site) = (out.partition(), self.tables.site(key));
        let second = self.analytics.as_mut().and_then(|all| all.take(partition, key, site, &answer));
        say(answer, anomalies, out);
        second.into_iter().for_each(|second| out.publish(second));
        Ok(())
    }

    fn tick(&mut self, key: &Key, now: StreamTime, out: &mut Collector) {
        let second = self.analytics.as_mut().and_then(|all| all.over(out.partition(), key, now.0));
        second.into_iter().for_each(|second| out.publish(second));
        let digests = self.digests();
        let Some(camera) = self.cameras.get_mut(key) else { return };
        camera.ask(key, self.load.share(priority(&self.tables, key)), now.0, out);
        let (Some((_, n, _)), Some(frame)) = (camera.kept.last, camera.kept.frame.clone()) else { return };
        if camera.kept.tracker.tracks.is_empty() && !camera.engine.waits() {
            return;
        }
        let mut answer = v1::Detections {
            frame: Some(frame),
            n,
            time_us: now.0,
            received_us: now.0,
            outcome: v1::Outcome::Time as i32,
            source_width: camera.kept.source.0,
            source_height: camera.kept.source.1,
            models: digests,
            rules_version: self.tables.rules_version,
            ..Default::default()
        };
        camera.kept.tracker.wait(now.0, &mut answer.ended);
        answer.changes = camera.kept.changes.as_ref().map(Changes::told).unwrap_or_default();
        let anomalies = camera.decide(key, &answer, &self.tables, out);
        answer.fired = !anomalies.is_empty();
        say(answer, anomalies, out);
    }

    fn restore(&mut self, key: &Key, snapshot: Option<Snapshot>) {
        let mut camera = Camera::default();
        if let Some(saved) = snapshot.and_then(|snapshot| snapshot.read::<Saved<Tracker, rules::State>>()) {
            camera.engine.restore(saved.rules);
            camera.kept.tracker = saved.tracker;
            camera.kept.last = saved.last;
            camera.kept.present_until_us = saved.present_until_us;
            camera.kept.first_until_us = saved.first_until_us;
        }
        camera.engine.reload(key, &self.tables);
        self.cameras.insert(key.clone(), camera);
    }

    fn snapshot(&self, key: &Key) -> Snapshot {
        self.cameras.get(key).map_or_else(Snapshot::default, |camera| {
            let kept = &camera.kept;
            Snapshot::of(&Saved {
                tracker: &kept.tracker,
                rules: camera.engine.state(),
                last: kept.last,
                present_until_us: kept.present_until_us,
                first_until_us: kept.first_until_us,
            })
        })
    }

    fn release(&mut self, key: &Key) {
        self.cameras.remove(key);
        self.analytics.iter_mut().for_each(|all| all.release(key));
    }

    fn reload(&mut self, tables: Arc<Tables>) {
        for (key, camera) in &mut self.cameras {
            camera.engine.reload(key, &tables);
            let entry = |tables: &Tables| tables.cameras.get(key.as_str()).map(|camera| camera.version);
            if tables.rules_version != self.tables.rules_version || entry(&tables) != entry(&self.tables) {
                camera.states.begin();
            }
        }
        self.tables = tables;
    }
}

impl Camera {
    /// Asks ingest for every picture while something is tracked, and for fewer when there are too many.
    fn ask(&mut self, key: &Key, share: f32, now_us: i64, out: &mut Collector) {
        let wanted = Wanted { tracked: self.kept.tracker.is_alive(), share };
        self.demand.say(key, wanted, now_us).into_iter().for_each(|demand| out.publish(demand));
    }

    /// Lets the rules look at a message.
    fn decide(
        &mut self,
        key: &Key,
        seen: &v1::Detections,
        tables: &Tables,
        out: &mut Collector,
    ) -> Vec<v1::Anomaly> {
        if let Some(state) = self.states.before(key, seen, &self.engine, tables) {
            out.store(&state);
        }
        self.engine.look(seen)
    }
}

impl Kept {
    /// Takes note of a frame, and answers how many of those since the last gave way; `None` for one that is not newer. What
    /// went by before the first of an epoch says nothing of what can be analysed. Tracks that end go to `ended`.
    fn begin(&mut self, frame: &v1::Frame, id: &v1::FrameId, ended: &mut Vec<u64>) -> Option<u64> {
        self.counts.received += 1;
        self.frame = Some(id.clone());
        self.source = (frame.source_width, frame.source_height);
        let (before, since) = match self.last {
            None => {
                self.first_until_us = frame.time_us + FIRST_US;
                (frame.n, 0)
            }
            Some((epoch, n, _)) if (id.epoch, frame.n) <= (epoch, n) => {
                *self.counts.dropped.entry("stale".to_owned()).or_default() += 1;
                return None;
            }
            Some((epoch, _, time_us)) if id.epoch != epoch => {
                self.present_until_us = frame.time_us + PRESENT_US;
                if (0..SAME_SCENE_US).contains(&(frame.time_us - time_us)) {
                    self.tracker.reconnect(frame.time_us);
                } else {
                    self.tracker.clear(ended);
                }
                (frame.n, 0)
            }
            Some((_, n, _)) => (0, frame.n - n - 1),
        };
        if before + since > 0 {
            *self.counts.dropped.entry("superseded".to_owned()).or_default() += before + since;
        }
        self.last = Some((id.epoch, frame.n, frame.time_us));
        Some(since)
    }

    /// The tracks that no detection of this frame stands for.
    fn unseen<'a>(&'a self, picture: &'a Picture) -> impl Iterator<Item = v1::Object> + 'a {
        self.tracker.confirmed().filter_map(move |track| {
            let state = match track.state {
                State::Detected => return None,
                State::Carried => v1::ObjectState::Carried,
                State::Hidden => v1::ObjectState::Hidden,
            };
            Some(object(picture, track.rect(), track.class, track.score, Some(track), state))
        })
    }

    /// Binds faces to person tracks, and sends the chips that are better than all before.
    fn bind(
        &mut self,
        picture: &Picture,
        seen: &Seen,
        chips: bool,
        site: &str,
        answer: &v1::Detections,
        out: &mut Collector,
    ) -> Vec<v1::Face> {
        let people: Vec<usize> = (0..self.tracker.tracks.len())
            .filter(|index| {
                let track = &self.tracker.tracks[*index];
                class_name(track.class) == "person" && track.state == State::Detected
            })
            .collect();
        let rects: Vec<Rect> = people.iter().map(|index| self.tracker.tracks[*index].rect()).collect();
        let bound = faces::bind(&seen.faces, &rects);
        let confirmed: Vec<u64> = self.tracker.confirmed().map(|track| track.id).collect();
        let mut all = Vec::with_capacity(seen.faces.len());
        for (face, person) in seen.faces.iter().zip(bound) {
            let track = person.map(|person| &mut self.tracker.tracks[people[person]]);
            let track = track.filter(|track| confirmed.contains(&track.id));
            let id = track.as_ref().map_or(0, |track| track.id);
            if let Some(track) = track.filter(|_| chips) {
                let quality = chip::quality(picture, face);
                if chip::improves(quality, track.best_shot) {
                    track.best_shot = quality;
                    let chip = v1::Chip {
                        frame: answer.frame.clone(),
                        time_us: answer.time_us,
                        track: id,
                        face: Some(normalised(picture, face.rect)),
                        quality,
                        width: face.rect.width(),
                        site: site.to_owned(),
                        ..Default::default()
                    };
                    out.publish(chip::cut(picture, face, chip));
                }
            }
            all.push(v1::Face { r#box: Some(normalised(picture, face.rect)), score: face.score, track: id });
        }
        all
    }

    /// Once a second of stream time: how the camera fares.
    fn report(&mut self, key: &Key, frame: &v1::Frame, tables: &Tables, out: &mut Collector) {
        if (frame.time_us - self.counts.told_us).abs() < SECOND_US {
            return;
        }
        self.counts.told_us = frame.time_us;
        let dropped = self.counts.dropped.iter();
        out.publish(v1::Status {
            camera: key.to_string(),
            stage: Detector::NAME.to_owned(),
            time_us: frame.time_us,
            connected: true,
            received: self.counts.received,
            analysed: self.counts.analysed,
            dropped: dropped
                .map(|(reason, count)| v1::Skipped { reason: reason.clone(), count: *count })
                .collect(),
            age_ms: (cortex_runtime::runner::wall_clock() - frame.received_us) as f32 / 1e3,
            source_width: frame.source_width,
            source_height: frame.source_height,
            camera_version: frame.camera_version,
            rules_version: tables.rules_version,
            error: String::new(),
        });
    }
}

/// Detections go out at once and are stored behind; what was decided is stored before it is published.
fn say(answer: v1::Detections, anomalies: Vec<v1::Anomaly>, out: &mut Collector) {
    out.store(&answer);
    out.publish(answer);
    for anomaly in anomalies {
        out.store(&anomaly);
        out.publish(anomaly);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_by_before_it_came_is_counted_and_is_no_load() {
        let mut kept = Kept::default();
        let mut begin = |epoch, n| {
            let id = v1::FrameId { epoch, ..Default::default() };
            kept.begin(&v1::Frame { n, ..Default::default() }, &id, &mut Vec::new())
        };
        assert_eq!(
            [begin(1, 100), begin(1, 103), begin(1, 103), begin(2, 5)],
            [Some(0), Some(2), None, Some(0)]
        );
        assert_eq!(kept.counts.dropped["superseded"], 107);
    }
}
