//! What an analysis writes: one JSON object a line.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Context as _;
use cortex_ingest::RECORDED_US;
use cortex_proto::v1;
use cortex_runtime::bus::Record;
use serde_json::json;

use super::file;

/// The three files of an analysis.
pub(super) struct Records {
    detections: BufWriter<File>,
    anomalies: BufWriter<File>,
    identities: BufWriter<File>,
    camera: String,
    /// Tracks of the current camera as small numbers, in order of their birth.
    tracks: HashMap<u64, u64>,
}

impl Records {
    pub(super) fn create(out: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(out).with_context(|| format!("make folder {}", out.display()))?;
        let open = |name: &str| {
            let path = file(out, name);
            File::create(&path).map(BufWriter::new).with_context(|| format!("write {}", path.display()))
        };
        Ok(Self {
            detections: open("detections")?,
            anomalies: open("anomalies")?,
            identities: open("identities")?,
            camera: String::new(),
            tracks: HashMap::new(),
        })
    }

    pub(super) fn begin(&mut self, camera: &str) {
        camera.clone_into(&mut self.camera);
        self.tracks.clear();
    }

    /// Writes what a message says. Answers whether it was a frame.
    pub(super) fn take(&mut self, record: &Record) -> anyhow::Result<bool> {
        match record.topic.noun {
            "detections" => {
                let seen = record.message::<v1::Detections>()?;
                if seen.outcome() == v1::Outcome::Time {
                    return Ok(false);
                }
                self.detections(&seen)?;
                return Ok(true);
            }
            "anomalies" => self.anomaly(&*record.message::<v1::Anomaly>()?)?,
            _ => self.identity(&*record.message::<v1::Identity>()?)?,
        }
        Ok(false)
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.detections.flush()?;
        self.anomalies.flush()?;
        Ok(self.identities.flush()?)
    }

    fn detections(&mut self, seen: &v1::Detections) -> anyhow::Result<()> {
        let (width, height) = (f64::from(seen.source_width), f64::from(seen.source_height));
        let frame = seen.frame.as_ref().map_or(0, |frame| frame.seq);
        for object in &seen.objects {
            let Some(place) = &object.r#box else { continue };
            let state = match object.state() {
                v1::ObjectState::Carried => "carried",
                v1::ObjectState::Hidden => "hidden",
                _ => "detected",
            };
            let pixels = |value: f32, side: f64| (f64::from(value) * side * 100.0).round() / 100.0;
            let line = json!({
                "camera": self.camera,
                "frame": frame,
                "time": seconds(seen.time_us),
                "track": self.track(object.track),
                "state": state,
                "class": object.class,
                "score": (f64::from(object.score) * 1e4).round() / 1e4,
                "box": [pixels(place.x1, width), pixels(place.y1, height), pixels(place.x2, width), pixels(place.y2, height)],
            });
            writeln!(self.detections, "{line}")?;
        }
        Ok(())
    }

    fn anomaly(&mut self, anomaly: &v1::Anomaly) -> anyhow::Result<()> {
        let mut line = json!({
            "camera": self.camera,
            "frame": anomaly.frame.as_ref().map_or(0, |frame| frame.seq),
            "time": seconds(anomaly.time_us),
            "rule": anomaly.rule,
            "kind": anomaly.kind,
            "place": anomaly.place,
            "track": self.track(anomaly.track),
            "severity": cortex_alerter::terminal::severity(anomaly.severity),
            "why": anomaly.why,
        });
        if !anomaly.direction.is_empty() {
            line["direction"] = json!(anomaly.direction);
        }
        if let Some(place) = &anomaly.r#box {
            // Middle of the lower edge, in shares of the picture.
            line["foot"] = json!([f32::midpoint(place.x1, place.x2), place.y2].map(share));
        }
        Ok(writeln!(self.anomalies, "{line}")?)
    }

    fn identity(&mut self, identity: &v1::Identity) -> anyhow::Result<()> {
        let line = json!({
            "camera": self.camera,
            "frame": identity.frame.as_ref().map_or(0, |frame| frame.seq),
            "time": seconds(identity.time_us),
            "track": self.track(identity.track),
            "person": if identity.person.is_empty() { None } else { Some(&identity.person) },
            "similarity": identity.similarity,
        });
        Ok(writeln!(self.identities, "{line}")?)
    }

    /// The small number of a track that was written before.
    pub(super) fn known(&self, track: u64) -> Option<u64> {
        self.tracks.get(&track).copied()
    }

    fn track(&mut self, track: u64) -> Option<u64> {
        let next = self.tracks.len() as u64 + 1;
        (track != 0).then(|| *self.tracks.entry(track).or_insert(next))
    }
}

fn share(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

fn seconds(time_us: i64) -> f64 {
    ((time_us - RECORDED_US) as f64 / 1e3).round() / 1e3
}
