//! Where chips enter and identities leave.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cortex_proto::{Topic, topics, v1};
use cortex_runtime::{
    Collector, CutChip, Fatal, Key, Poison, Snapshot, Stage, StreamTime, Tables, bus::Record, stage,
};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::{
    Config, Embedding, Gallery, Model,
    track::{Verdict, Views},
};

/// What the recognizer reads.
pub enum Input {
    /// A better view of a face.
    Chip(Arc<CutChip>),
    /// Which tracks ended, and time.
    Detections(Arc<v1::Detections>),
}

/// Writes the audit row of a match, before it is published; a match that cannot be audited is not told. Given: camera,
/// person id, similarity.
pub type Audit = Arc<dyn Fn(&str, &str, f32) -> Result<(), String> + Send + Sync>;

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
    /// The best view, without its picture.
    chip: v1::Chip,
    /// Stream time at which the track was last heard of, in microseconds.
    heard_us: i64,
}

/// A track that nothing was heard of for so long has ended, whether that was said or not: no track is hidden longer.
const SILENCE_US: i64 = 30_000_000;
/// Without a better view for so long, what there is must do.
const PATIENCE_US: i64 = 3_000_000;
/// Tracks remembered as told.
const TOLD: usize = 500;

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
        let Some(camera) = self.cameras.get_mut(key) else { return };
        let Some(Face { views, chip, .. }) = camera.faces.get(&track) else { return };
        let Some(verdict) = views.judge(&self.gallery, self.model.space(), &self.config, ended) else {
            return;
        };
        let (person, similarity, watch) = match &verdict {
            Verdict::Known(found) => (found.person.as_str(), found.similarity, found.watch),
            Verdict::Unknown(similarity) => ("", *similarity, 0),
        };
        // An unknown may become known, never the other way.
        if camera.told.get(&track).is_some_and(|told| person.is_empty() || told == person) {
            return;
        }
        if !person.is_empty()
            && let Err(error) = (self.audit)(key, person, similarity)
        {
            warn!(camera = %key, error, "match not told: its audit row cannot be written");
            return;
        }
        camera.told.insert(track, person.to_owned());
        while camera.told.len() > TOLD {
            camera.told.pop_first();
        }
        let site = self.tables.site(key).to_owned();
        let digest = Sha256::digest(format!("identity/{key}/{track}/{person}"));
        let id = hex::encode(&digest[..16]);
        let identity = v1::Identity {
            id: id.clone(),
            camera: key.to_string(),
            site: site.clone(),
            track,
            frame: chip.frame.clone(),
            time_us: chip.time_us,
            person: person.to_owned(),
            similarity,
            threshold: self.config.threshold,
            shots: views.shots,
            embedding_space: self.model.space().to_owned(),
            gallery_version: self.gallery_version,
        };
        out.store(&identity);
        out.publish(identity);
        if watch > 0 {
            let anomaly = v1::Anomaly {
                id: hex::encode(&Sha256::digest(format!("watchlist/{id}"))[..16]),
                camera: key.to_string(),
                site,
                rule: "watch-list".to_owned(),
                kind: "watchlist".to_owned(),
                severity: watch,
                track,
                class: "person".to_owned(),
                began: chip.frame.clone(),
                began_us: chip.time_us,
                frame: chip.frame.clone(),
                time_us: chip.time_us,
                why: format!(
                    "a person of the watch-list was recognised: similarity {similarity:.3} against {:.3}, {} views",
                    self.config.threshold, views.shots
                ),
                measures: vec![v1::Measure {
                    name: "similarity".to_owned(),
                    value: f64::from(similarity),
                    threshold: f64::from(self.config.threshold),
                }],
                r#box: chip.face,
                models: BTreeMap::from([("embedding".to_owned(), self.model.digest().to_owned())]),
                person: person.to_owned(),
                ..Default::default()
            };
            out.store(&anomaly);
            out.publish(anomaly);
        }
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
                let Some(embedding) = seen else { return Ok(()) };
                let track = chip.message.track;
                let camera = self.cameras.entry(key.clone()).or_default();
                let face = camera.faces.entry(track).or_default();
                if chip.message.quality >= face.views.best {
                    face.chip = chip.message.clone();
                }
                face.views.add(&embedding, chip.message.quality);
                face.heard_us = chip.message.time_us;
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
                let waiting: Vec<u64> = camera.faces.iter().filter_map(waiting).collect();
                let silent: Vec<u64> = camera.faces.iter().filter_map(silent).collect();
                for track in waiting {
                    self.judge(key, track, true, out);
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
            match self.gallery.reload() {
                Ok(()) => self.gallery_version = tables.gallery_version,
                // It is tried again with the next change.
                Err(error) => warn!(%error, "gallery not reloaded, the old one stays"),
            }
        }
        self.tables = tables;
    }
}
