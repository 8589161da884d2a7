//! Where chips enter and identities leave.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cortex_models::Picture;
use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Collector, CutChip, Fatal, Key, Poison, Snapshot, Stage, StreamTime, Tables, bus::Record, stage, still,
};
use tracing::warn;

use crate::{
    Config, Embedding, Gallery, Model,
    gallery::{Listed, Match, Template, turn},
    matches::{self, Evidence, Found},
    sightings::Seen,
    strangers::Met,
    told,
    track::{Verdict, Views},
};

/// What the recognizer reads.
pub enum Input {
    /// A better view of a face.
    Chip(Arc<CutChip>),
    /// Which tracks ended, and time.
    Detections(Arc<v1::Detections>),
}

/// Writes the audit row of a match, before anything of it is published; a match that cannot be audited is not told.
pub type Audit = Arc<dyn Fn(&Audited) -> Result<(), String> + Send + Sync>;

/// A match as it is written down: when, with which gallery and lists, by which picture, how alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Audited {
    /// Id of the camera.
    pub camera: String,
    /// Id of the person.
    pub person: String,
    /// Lists for which it counts, by id.
    pub lists: Vec<String>,
    /// The frame of the best shot, `epoch/seq`.
    pub frame: String,
    /// How similar, -1..1.
    pub similarity: f32,
    /// The version of the gallery that was searched.
    pub gallery_version: u64,
}

/// The stage.
pub struct Recognizer {
    config: Config,
    model: Model,
    gallery: Gallery,
    audit: Audit,
    tables: Arc<Tables>,
    /// Of the changes of the gallery, the last that is in it.
    gallery_version: u64,
    cameras: HashMap<Key, Camera>,
}

#[derive(Default)]
struct Camera {
    faces: BTreeMap<u64, Face>,
    /// Who each track was told to be; empty for unknown.
    told: BTreeMap<u64, String>,
}

/// A track's face.
#[derive(Default)]
struct Face {
    views: Views,
    /// The best view, its picture and its vector.
    chip: v1::Chip,
    picture: Option<Picture>,
    embedding: Embedding,
    /// Stream time at which the track was last heard of, in microseconds.
    heard_us: i64,
    /// The version of the gallery it was last judged by.
    judged: u64,
}

/// A track that nothing was heard of for so long has ended, whether that was said or not: no track is hidden longer.
const SILENCE_US: i64 = 30_000_000;
/// Without a better view for so long, what there is must do.
const PATIENCE_US: i64 = 3_000_000;
/// Tracks remembered as told.
const TOLD: usize = 500;
/// JPEG quality of a face that is kept for those who must confirm a match.
const STILL: u8 = 90;

impl Recognizer {
    /// A recognizer with its model and gallery.
    pub fn new(config: Config, model: Model, gallery: Gallery, audit: Audit) -> Self {
        Self {
            config,
            model,
            gallery,
            audit,
            tables: Arc::default(),
            gallery_version: 0,
            cameras: HashMap::new(),
        }
    }

    /// Judges a track and tells what is new.
    fn judge(&mut self, key: &Key, track: u64, ended: bool, out: &mut Collector) {
        let version = self.gallery.version();
        let face = self.cameras.get_mut(key).and_then(|camera| camera.faces.get_mut(&track));
        face.into_iter().for_each(|face| face.judged = version);
        let Some(camera) = self.cameras.get(key) else { return };
        let Some(face) = camera.faces.get(&track) else { return };
        let Some(verdict) = face.views.judge(&self.gallery, &self.config, ended) else { return };
        let person = match &verdict {
            Verdict::Known(found, _) => found.person.as_str(),
            _ => "",
        };
        // An unknown may become known, never the other way.
        if camera.told.get(&track).is_some_and(|told| person.is_empty() || told == person) {
            return;
        }
        let identity = v1::Identity {
            camera: key.to_string(),
            site: self.tables.site(key).to_owned(),
            track,
            frame: face.chip.frame.clone(),
            time_us: face.chip.time_us,
            shots: face.views.shots(),
            embedding_space: self.model.space().to_owned(),
            gallery_version: version,
            ..Default::default()
        };
        let say = |state: v1::IdentityState, found: Option<&Match>, reason: String| v1::Identity {
            id: told::id(&format!("identity/{key}/{track}/{}", state.as_str_name())),
            similarity: found.map_or(-1.0, |found| found.similarity),
            threshold: found.map_or(0.0, Match::threshold),
            state: state as i32,
            reason,
            ..identity.clone()
        };
        match &verdict {
            Verdict::Known(found, lists) => {
                if !self.tell(identity, found, lists, face, out) {
                    return;
                }
            }
            Verdict::Candidate(found, why) => {
                out.tell(say(
                    v1::IdentityState::Candidate,
                    Some(found),
                    format!("resembles somebody: {why}"),
                ));
            }
            Verdict::Unknown(found, why) => {
                let mut identity =
                    say(v1::IdentityState::Rejected, found.as_ref(), format!("nobody of a list: {why}"));
                // A stranger counts once a track.
                let met = (!camera.told.contains_key(&track)).then(|| self.meet(face, key)).flatten();
                if let Some(met) = &met {
                    identity.reason =
                        format!("{}; stranger {}, seen {} times", identity.reason, met.id, met.seen);
                    (identity.stranger, identity.stranger_seen) = (met.id.clone(), met.seen);
                }
                if met.is_none_or(|met| !met.ignored) {
                    out.tell(identity);
                }
            }
            Verdict::TooPoor(width) => {
                let (width, needed) = (*width, self.config.min_width);
                let why =
                    format!("too poor to tell: the face is {width:.0} pixels wide, {needed:.0} are needed");
                out.tell(say(v1::IdentityState::TooPoor, None, why));
            }
        }
        let person = person.to_owned();
        let told = &mut self.cameras.entry(key.clone()).or_default().told;
        told.insert(track, person);
        while told.len() > TOLD {
            told.pop_first();
        }
    }

    /// Tells of somebody found: at once for lists that say so, and for the others that two people must confirm it.
    /// `false` when it cannot be written down, so that it is tried again.
    fn tell(
        &self,
        identity: v1::Identity,
        found: &Match,
        lists: &[Listed],
        face: &Face,
        out: &mut Collector,
    ) -> bool {
        let frame = identity.frame.clone().unwrap_or_default();
        let audited = Audited {
            camera: identity.camera.clone(),
            person: found.person.clone(),
            lists: lists.iter().map(|listed| listed.list.id.clone()).collect(),
            frame: format!("{}/{}", frame.epoch, frame.seq),
            similarity: found.similarity,
            gallery_version: identity.gallery_version,
        };
        if let Err(error) = (self.audit)(&audited) {
            warn!(camera = identity.camera, error, "match not told: its audit row cannot be written");
            return false;
        }
        let (at_once, waiting): (Vec<&Listed>, Vec<&Listed>) =
            lists.iter().partition(|listed| listed.list.without_confirmation);
        let lowest =
            |lists: &[&Listed]| lists.iter().map(|listed| listed.threshold).fold(f32::INFINITY, f32::min);
        let ids = |lists: &[&Listed]| lists.iter().map(|listed| listed.list.id.clone()).collect();
        let identity = v1::Identity { similarity: found.similarity, ..identity };
        if !at_once.is_empty() {
            let known = v1::Identity {
                id: told::id(&format!("identity/{}/{}/{}", identity.camera, identity.track, found.person)),
                person: found.person.clone(),
                threshold: lowest(&at_once),
                state: v1::IdentityState::Confirmed as i32,
                reason: "similar enough over all views".to_owned(),
                lists: ids(&at_once),
                ..identity.clone()
            };
            for listed in &at_once {
                if listed.list.severity > 0 {
                    let known = v1::Identity { threshold: listed.threshold, ..known.clone() };
                    let mut anomaly = told::anomaly(&known, &listed.list, self.model.digest());
                    anomaly.r#box = face.chip.face;
                    out.raise(anomaly);
                }
            }
            out.store(&Seen(&known));
            out.tell(known);
        }
        for listed in &waiting {
            self.ask(&identity, found, listed, face, out);
        }
        if !waiting.is_empty() && at_once.is_empty() {
            out.tell(v1::Identity {
                id: told::id(&format!("candidate/{}/{}/{}", identity.camera, identity.track, found.person)),
                threshold: lowest(&waiting),
                state: v1::IdentityState::Candidate as i32,
                reason: "two people must confirm it".to_owned(),
                lists: ids(&waiting),
                ..identity
            });
        }
        true
    }

    /// Which stranger it is, where they are told apart.
    fn meet(&self, face: &Face, camera: &str) -> Option<Met> {
        let met = self.gallery.strangers()?.meet(&face.views.fused(), camera, self.gallery.now());
        met.inspect_err(|error| warn!(%error, "stranger not told apart")).ok()
    }

    /// Puts a match before people who must confirm it.
    fn ask(&self, identity: &v1::Identity, found: &Match, listed: &Listed, face: &Face, out: &mut Collector) {
        let found_us = self.gallery.now();
        let Listed { list, threshold } = listed;
        let told = v1::Match {
            id: matches::id(found_us, &identity.camera, identity.track, &found.person, &list.id),
            list: list.id.clone(),
            camera: identity.camera.clone(),
            site: identity.site.clone(),
            track: identity.track,
            frame: identity.frame.clone(),
            time_us: identity.time_us,
            similarity: found.similarity,
            threshold: *threshold,
            shots: identity.shots,
            gallery_version: identity.gallery_version,
            state: v1::MatchState::Candidate as i32,
            person: found.person.clone(),
            found_us,
            face: face.chip.face,
            ..Default::default()
        };
        let points: Vec<[f32; 2]> = face.chip.landmarks.iter().map(|point| [point.x, point.y]).collect();
        let evidence = Evidence {
            face: face.picture.as_ref().map(|picture| still::encode(picture, STILL)).unwrap_or_default(),
            template: Template {
                space: face.embedding.space.clone(),
                model: self.model.digest().to_owned(),
                quality: face.chip.quality,
                turn: <[[f32; 2]; 5]>::try_from(points).map_or(0.0, |landmarks| turn(&landmarks)),
                vector: face.embedding.vector.clone(),
            },
        };
        match evidence.seal(&self.gallery, &found.person, &told.id) {
            Ok(Some(evidence)) => {
                if list.severity > 0 {
                    let mut anomaly = told::candidate_anomaly(identity, list, &told, self.model.digest());
                    anomaly.r#box = face.chip.face;
                    out.raise(anomaly);
                }
                out.store(&Found { told, evidence });
            }
            Ok(None) => warn!("somebody was erased while they were recognised: nothing is told"),
            Err(error) => warn!(%error, "match not put before anybody: what was seen cannot be sealed"),
        }
    }
}

/// Decisions are stored and published alike.
trait Tell {
    fn tell(&mut self, identity: v1::Identity);
    fn raise(&mut self, anomaly: v1::Anomaly);
}

impl Tell for Collector {
    fn tell(&mut self, identity: v1::Identity) {
        self.store(&identity);
        self.publish(identity);
    }

    fn raise(&mut self, anomaly: v1::Anomaly) {
        self.publish(v1::Demand::clip(Recognizer::NAME, &anomaly));
        self.store(&anomaly);
        self.publish(anomaly);
    }
}

impl stage::Input for Input {
    const TOPICS: &'static [&'static Topic] = &[&topics::CHIPS, &topics::DETECTIONS];

    fn decode(record: &Record) -> Result<Self, prost::DecodeError> {
        match record.topic.noun {
            "chips" => record.message().map(Self::Chip),
            _ => record.message().map(Self::Detections),
        }
    }

    fn wants_models(&self) -> bool {
        matches!(self, Self::Chip(_))
    }
}

impl Stage for Recognizer {
    const NAME: &'static str = "recognizer";
    type In = Input;
    /// The vector of a chip; `None` when it is too poor to tell.
    type Seen = Option<Embedding>;

    fn infer(&mut self, batch: &[&Input]) -> Vec<Result<Self::Seen, Poison>> {
        let (config, model) = (&self.config, &mut self.model);
        let embed = |input: &&Input| {
            let Input::Chip(chip) = input else { return Ok(None) };
            let points: Vec<[f32; 2]> =
                chip.message.landmarks.iter().map(|point| [point.x, point.y]).collect();
            let (Some(picture), Ok(landmarks)) = (&chip.picture, <[[f32; 2]; 5]>::try_from(points)) else {
                return Err(Poison::new("a chip without a picture or five landmarks"));
            };
            if chip.message.width < config.min_width {
                return Ok(None);
            }
            model.embed(picture, &landmarks).map_err(Poison::new)
        };
        batch.iter().map(embed).collect()
    }

    fn apply(
        &mut self,
        key: &Key,
        input: &Input,
        seen: Self::Seen,
        out: &mut Collector,
    ) -> Result<(), Fatal> {
        match input {
            Input::Chip(chip) => {
                let track = chip.message.track;
                let camera = self.cameras.entry(key.clone()).or_default();
                let face = camera.faces.entry(track).or_default();
                face.heard_us = chip.message.time_us;
                if face.chip.frame.is_none() || chip.message.quality >= face.views.best() {
                    face.chip = chip.message.clone();
                    face.picture.clone_from(&chip.picture);
                    face.embedding = seen.clone().unwrap_or_default();
                }
                let Some(embedding) = seen else {
                    face.views.poor(chip.message.width);
                    return Ok(());
                };
                face.views.add(&embedding, chip.message.quality);
                self.judge(key, track, false, out);
            }
            Input::Detections(seen) => {
                let camera = self.cameras.entry(key.clone()).or_default();
                for object in &seen.objects {
                    if let Some(face) = camera.faces.get_mut(&object.track) {
                        face.heard_us = seen.time_us;
                    }
                }
                let waiting = |(track, face): (&u64, &Face)| {
                    let patient = seen.time_us - face.chip.time_us < PATIENCE_US;
                    (!patient && !camera.told.contains_key(track)).then_some(*track)
                };
                // Time that goes back is another scene.
                let silent = |(track, face): (&u64, &Face)| {
                    ((seen.time_us - face.heard_us).abs() > SILENCE_US).then_some(*track)
                };
                // Whoever was nobody may be somebody of a list that is new.
                let version = self.gallery.version();
                let anew = |(track, face): (&u64, &Face)| {
                    let nobody = camera.told.get(track).is_some_and(String::is_empty);
                    (nobody && face.judged != version).then_some(*track)
                };
                let anew: Vec<u64> = camera.faces.iter().filter_map(anew).collect();
                let waiting: Vec<u64> = camera.faces.iter().filter_map(waiting).collect();
                let silent: Vec<u64> = camera.faces.iter().filter_map(silent).collect();
                for track in waiting {
                    self.judge(key, track, true, out);
                }
                for track in anew {
                    self.judge(key, track, false, out);
                }
                for track in seen.ended.iter().chain(&silent) {
                    self.judge(key, *track, true, out);
                    self.cameras.entry(key.clone()).or_default().faces.remove(track);
                }
            }
        }
        Ok(())
    }

    fn tick(&mut self, _key: &Key, _now: StreamTime, _out: &mut Collector) {}

    fn restore(&mut self, key: &Key, snapshot: Option<Snapshot>) {
        let told = snapshot.and_then(|snapshot| snapshot.read()).unwrap_or_default();
        self.cameras.insert(key.clone(), Camera { told, ..Camera::default() });
    }

    fn snapshot(&self, key: &Key) -> Snapshot {
        self.cameras.get(key).map_or_else(Snapshot::default, |camera| Snapshot::of(&camera.told))
    }

    fn release(&mut self, key: &Key) {
        self.cameras.remove(key);
    }

    fn reload(&mut self, tables: Arc<Tables>) {
        if tables.gallery_version != self.gallery_version {
            match self.gallery.refresh() {
                Ok(()) => self.gallery_version = tables.gallery_version,
                // It is tried again with the next change.
                Err(error) => warn!(%error, "gallery not reloaded, the old one stays"),
            }
        }
        self.tables = tables;
    }
}
