//! From what a rule found to the anomaly that is published.

use cortex_proto::v1;
use sha2::{Digest, Sha256};

use super::{Finding, Gauge, Moment, Scale, Subject, series::Series};

/// Everything an anomaly is made of.
pub(super) struct Tale<'a> {
    pub(super) rule: &'a v1::Rule,
    pub(super) site: &'a str,
    pub(super) seen: &'a v1::Detections,
    pub(super) scale: &'a Scale,
    /// Id of the subject; 0 for the scene.
    pub(super) id: u64,
    pub(super) subject: Option<&'a Subject>,
    pub(super) gauge: Option<Gauge>,
    pub(super) series: Option<&'a Series>,
    pub(super) finding: Finding,
    pub(super) parts: Vec<String>,
}

impl Tale<'_> {
    pub(super) fn anomaly(self) -> v1::Anomaly {
        let Self { rule, seen, finding, subject, .. } = self;
        let frame = seen.frame.clone().unwrap_or_default();
        let began = finding.began;
        let samples = self.gauge.map(|gauge| match self.series {
            Some(series) => series.samples(gauge.name, seen.time_us, gauge.value),
            None => Series::default().samples(gauge.name, seen.time_us, gauge.value),
        });
        let of = subject.map_or_else(String::new, |subject| format!("{} ", subject.class));
        v1::Anomaly {
            id: id(&rule.id, &frame.camera, &rule.zone, self.id, began),
            camera: frame.camera.clone(),
            site: self.site.to_owned(),
            rule: rule.id.clone(),
            rule_version: rule.version,
            kind: rule.kind.clone(),
            severity: rule.severity,
            place: rule.zone.clone(),
            track: subject.map_or(0, |subject| subject.track),
            class: subject.map(|subject| subject.class.clone()).unwrap_or_default(),
            began: Some(v1::FrameId { epoch: began.epoch, seq: began.seq, ..frame.clone() }),
            began_us: began.time_us,
            frame: Some(frame),
            time_us: seen.time_us,
            received_us: seen.received_us,
            direction: finding.direction.to_owned(),
            why: format!("{of}{}", finding.why),
            measures: finding.measures,
            path: subject.map(Subject::way_points).unwrap_or_default(),
            r#box: finding.place.or_else(|| subject.map(Subject::place)),
            models: seen.models.clone(),
            samples: samples.unwrap_or_default(),
            scale: if finding.scaled { self.scale.name().to_owned() } else { String::new() },
            parts: self.parts,
            ..Default::default()
        }
    }
}

/// The same event has the same id, whoever decides it and how often.
pub(super) fn id(rule: &str, camera: &str, place: &str, subject: u64, began: Moment) -> String {
    let mut hash = Sha256::new();
    for part in [rule, camera, place] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    for part in [subject, began.epoch, began.seq] {
        hash.update(part.to_be_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}
