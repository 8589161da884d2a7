//! Incidents: anomalies that belong together, and what is told of them.

use cortex_proto::v1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Config;

/// One incident as it is kept; an [`v1::Alert`] is a revision of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: String,
    site: String,
    camera: String,
    rule: String,
    place: String,
    kind: String,
    why: String,
    severity: i32,
    state: i32,
    revision: u32,
    first_us: i64,
    last_us: i64,
    count: u32,
    acknowledged_by: String,
    comment: String,
    false_alarm: bool,
    /// The latest anomaly, encoded.
    latest: Vec<u8>,
    /// When anything last happened, and when a revision was last told: this machine's clock.
    heard_us: i64,
    told_us: i64,
    /// It grew since it was told.
    untold: bool,
}

/// Rule of the anomalies that say how cameras are.
pub(crate) const CAMERA_HEALTH: &str = "camera-health";

impl Incident {
    /// The first anomaly of an incident.
    pub(crate) fn open(anomaly: &v1::Anomaly, now_us: i64) -> Self {
        let id = Sha256::digest(format!("alert/{}", anomaly.id));
        Self {
            id: hex::encode(&id[..16]),
            site: anomaly.site.clone(),
            camera: anomaly.camera.clone(),
            rule: anomaly.rule.clone(),
            place: anomaly.place.clone(),
            kind: anomaly.kind.clone(),
            why: anomaly.why.clone(),
            severity: anomaly.severity,
            state: v1::AlertState::Open as i32,
            revision: 0,
            first_us: anomaly.began_us,
            last_us: anomaly.time_us,
            count: 1,
            acknowledged_by: String::new(),
            comment: String::new(),
            false_alarm: false,
            latest: prost::Message::encode_to_vec(anomaly),
            heard_us: now_us,
            told_us: now_us,
            untold: false,
        }
    }

    /// The incident of which this is the newest revision.
    pub(crate) fn recalled(alert: &v1::Alert) -> Self {
        Self {
            id: alert.id.clone(),
            site: alert.site.clone(),
            camera: alert.camera.clone(),
            rule: alert.rule.clone(),
            place: alert.latest.as_ref().map(|anomaly| anomaly.place.clone()).unwrap_or_default(),
            kind: alert.kind.clone(),
            why: alert.why.clone(),
            severity: alert.severity,
            state: alert.state,
            revision: alert.revision,
            first_us: alert.first_us,
            last_us: alert.last_us,
            count: alert.count,
            acknowledged_by: alert.acknowledged_by.clone(),
            comment: alert.comment.clone(),
            false_alarm: alert.false_alarm,
            latest: alert.latest.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default(),
            heard_us: alert.written_us,
            told_us: alert.written_us,
            untold: false,
        }
    }

    /// Whether an anomaly belongs to it.
    pub(crate) fn takes(&self, anomaly: &v1::Anomaly, config: &Config) -> bool {
        let same = self.site == anomaly.site
            && self.camera == anomaly.camera
            && self.rule == anomaly.rule
            && self.place == anomaly.place;
        let near = self.rule == CAMERA_HEALTH
            || (anomaly.time_us - self.last_us).abs() as f32 <= config.group_s * 1e6;
        same && near && !self.is_closed()
    }

    /// One more anomaly. Answers what is to be told, if it is to be told now.
    pub(crate) fn grow(
        &mut self,
        anomaly: &v1::Anomaly,
        now_us: i64,
        config: &Config,
    ) -> Option<&'static str> {
        self.count += 1;
        self.last_us = self.last_us.max(anomaly.time_us);
        self.heard_us = now_us;
        self.latest = prost::Message::encode_to_vec(anomaly);
        self.why.clone_from(&anomaly.why);
        if anomaly.severity > self.severity {
            self.severity = anomaly.severity;
            self.kind.clone_from(&anomaly.kind);
            return Some("escalated");
        }
        if self.rule == CAMERA_HEALTH && anomaly.kind == "recovered" {
            self.state = v1::AlertState::Closed as i32;
            return Some("closed");
        }
        self.untold = true;
        self.due(now_us, config)
    }

    /// Time passes: what is to be told now.
    pub(crate) fn tick(&mut self, now_us: i64, config: &Config) -> Option<&'static str> {
        if self.is_closed() {
            return None;
        }
        // A camera that is away stays an open incident until it is back.
        if self.rule != CAMERA_HEALTH && (now_us - self.heard_us) as f32 > config.close_after_s * 1e6 {
            self.state = v1::AlertState::Closed as i32;
            return Some("closed");
        }
        self.due(now_us, config)
    }

    /// A person did something.
    pub(crate) fn act(&mut self, act: &v1::Act) -> &'static str {
        self.comment.clone_from(&act.comment);
        self.false_alarm |= act.false_alarm;
        if act.kind() == v1::ActKind::Acknowledge {
            self.acknowledged_by.clone_from(&act.subject);
            if !self.is_closed() {
                self.state = v1::AlertState::Acknowledged as i32;
            }
            "acknowledged"
        } else {
            "commented"
        }
    }

    /// The next revision.
    pub(crate) fn tell(&mut self, change: &str, partition: u32, sequence: u64, now_us: i64) -> v1::Alert {
        self.revision += 1;
        self.told_us = now_us;
        self.untold = false;
        v1::Alert {
            id: self.id.clone(),
            revision: self.revision,
            site: self.site.clone(),
            partition,
            sequence,
            state: self.state,
            severity: self.severity,
            camera: self.camera.clone(),
            kind: self.kind.clone(),
            rule: self.rule.clone(),
            why: self.why.clone(),
            first_us: self.first_us,
            last_us: self.last_us,
            count: self.count,
            latest: prost::Message::decode(self.latest.as_slice()).ok(),
            written_us: now_us,
            acknowledged_by: self.acknowledged_by.clone(),
            comment: self.comment.clone(),
            change: change.to_owned(),
            false_alarm: self.false_alarm,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == v1::AlertState::Closed as i32
    }

    pub(crate) fn close(&mut self) {
        self.state = v1::AlertState::Closed as i32;
    }

    pub(crate) fn heard_us(&self) -> i64 {
        self.heard_us
    }

    fn due(&self, now_us: i64, config: &Config) -> Option<&'static str> {
        (self.untold && (now_us - self.told_us) as f32 >= config.cooldown_s * 1e6).then_some("grew")
    }
}
