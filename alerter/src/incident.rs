//! Incidents: anomalies that belong together, and what is told of them.

use std::collections::VecDeque;

use cortex_proto::v1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Config,
    rhythm::{Cause, Damping, micros},
};

/// One incident as it is kept; an [`v1::Alert`] is a revision of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Incident {
    pub(crate) id: String,
    site: String,
    /// What it began with, and where.
    cause: Cause,
    place: String,
    camera: String,
    rule: String,
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
    commented_by: String,
    false_alarm: bool,
    /// Tracks in it, with their cameras.
    tracks: VecDeque<(String, u64)>,
    /// Rules that had a part in it, with their cameras.
    rules: Vec<(String, String)>,
    /// Anomalies in it, encoded: the first and the newest.
    moments: VecDeque<Vec<u8>>,
    /// The latest anomaly, thinned and encoded.
    latest: Vec<u8>,
    /// When anything last happened, and when a revision was last told: this machine's clock.
    heard_us: i64,
    told_us: i64,
    /// It grew since it was told.
    untold: bool,
    /// It goes on until something says otherwise: a camera is away.
    lasts: bool,
    damping: Option<Damping>,
}

/// Why an anomaly belongs to an incident, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bond {
    /// It happened at the place where the incident began.
    Place,
    /// It is about a track of the incident.
    Track,
    /// It has the same cause, on whatever camera: the same person, a rule that combines, or the rule that flaps.
    Cause,
}

/// What makes a revision.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Because<'a> {
    Anomaly(&'a v1::Anomaly),
    Act(&'a v1::Act),
    Time,
}

/// Rule of the anomalies that say how cameras are.
pub(crate) const CAMERA_HEALTH: &str = "camera-health";

/// Anomalies in a time line.
const MOMENTS: usize = 12;
/// Characters of each one's reason.
const WORDS: usize = 160;
/// Tracks remembered; the one heard of first goes first.
const TRACKS: usize = 16;
/// Rules, with their cameras, that a verdict is about.
const RULES: usize = 8;
/// Points of the path, and samples, that are kept of the latest anomaly.
const THIN: usize = 16;

impl Incident {
    /// The first anomaly of an incident.
    pub(crate) fn open(anomaly: &v1::Anomaly, now_us: i64) -> Self {
        let id = Sha256::digest(format!("alert/{}", anomaly.id));
        let mut incident = Self {
            id: hex::encode(&id[..16]),
            site: anomaly.site.clone(),
            cause: Cause {
                camera: anomaly.camera.clone(),
                rule: anomaly.rule.clone(),
                person: anomaly.person.clone(),
            },
            place: anomaly.place.clone(),
            camera: String::new(),
            rule: anomaly.rule.clone(),
            kind: anomaly.kind.clone(),
            why: anomaly.why.clone(),
            severity: anomaly.severity,
            state: v1::AlertState::Open as i32,
            revision: 0,
            first_us: anomaly.began_us,
            last_us: anomaly.time_us,
            count: 0,
            acknowledged_by: String::new(),
            comment: String::new(),
            commented_by: String::new(),
            false_alarm: false,
            tracks: VecDeque::new(),
            rules: Vec::new(),
            moments: VecDeque::new(),
            latest: Vec::new(),
            heard_us: now_us,
            told_us: now_us,
            untold: false,
            lasts: false,
            damping: None,
        };
        incident.take(anomaly, now_us);
        incident
    }

    /// The incident of which this is the newest revision. What it began with is taken from its time line.
    pub(crate) fn recalled(alert: &v1::Alert) -> Self {
        let latest = alert.latest.clone().unwrap_or_default();
        let mut incident = Self::open(&latest, alert.written_us);
        if let Some(first) = alert.timeline.first() {
            (incident.cause.camera, incident.cause.rule) = (first.camera.clone(), first.rule.clone());
            incident.place.clone_from(&first.place);
        }
        for moment in &alert.timeline {
            incident.join(&moment.camera, &moment.rule, moment.track);
        }
        incident.moments = alert.timeline.iter().map(prost::Message::encode_to_vec).collect();
        Self {
            id: alert.id.clone(),
            camera: alert.camera.clone(),
            rule: alert.rule.clone(),
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
            commented_by: alert.commented_by.clone(),
            false_alarm: alert.false_alarm,
            ..incident
        }
    }

    /// Whether an anomaly belongs to it, and how strongly.
    pub(crate) fn bond(&self, anomaly: &v1::Anomaly, config: &Config) -> Option<Bond> {
        if self.is_closed() || self.site != anomaly.site {
            return None;
        }
        let begun = self.cause.camera == anomaly.camera && self.cause.rule == anomaly.rule;
        if self.cause.rule == CAMERA_HEALTH || anomaly.rule == CAMERA_HEALTH {
            return begun.then_some(Bond::Cause);
        }
        if self.damping.is_some() && begun && self.cause.person == anomaly.person {
            return Some(Bond::Cause);
        }
        let of_person = !anomaly.person.is_empty();
        let strangers = of_person && !self.cause.person.is_empty() && self.cause.person != anomaly.person;
        if strangers || (anomaly.time_us - self.last_us).abs() > micros(config.group_s) {
            return None;
        }
        if of_person && self.cause.person == anomaly.person || self.rests_on(&anomaly.parts) {
            return Some(Bond::Cause);
        }
        if anomaly.track != 0
            && self.tracks.iter().any(|(camera, track)| *camera == anomaly.camera && *track == anomaly.track)
        {
            return Some(Bond::Track);
        }
        // The whole picture is no place: there, only the same rule belongs together. A person of a watch-list is
        // never lost among others who happen to be at the same place.
        let here = self.cause.camera == anomaly.camera
            && self.place == anomaly.place
            && (!self.place.is_empty() || self.cause.rule == anomaly.rule);
        (here && !of_person).then_some(Bond::Place)
    }

    /// One more anomaly. Answers what is to be told, if it is to be told now.
    pub(crate) fn grow(
        &mut self,
        anomaly: &v1::Anomaly,
        now_us: i64,
        config: &Config,
    ) -> Option<&'static str> {
        self.take(anomaly, now_us);
        if anomaly.severity > self.severity {
            self.severity = anomaly.severity;
            self.kind.clone_from(&anomaly.kind);
            self.rule.clone_from(&anomaly.rule);
            self.why.clone_from(&anomaly.why);
            return Some("escalated");
        }
        if self.rule == anomaly.rule {
            self.why.clone_from(&anomaly.why);
        }
        if self.cause.rule == CAMERA_HEALTH && !self.lasts && self.damping.is_none() {
            self.close();
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
        let rest_s = if self.damping.is_some() {
            config.close_after_s.max(config.flapping_s)
        } else {
            config.close_after_s
        };
        if !self.lasts && now_us - self.heard_us > micros(rest_s) {
            self.close();
            return Some("closed");
        }
        self.due(now_us, config)
    }

    /// A person did something.
    pub(crate) fn act(&mut self, act: &v1::Act) -> &'static str {
        if !act.comment.is_empty() {
            self.comment.clone_from(&act.comment);
            self.commented_by.clone_from(&act.subject);
        }
        if act.kind() == v1::ActKind::Acknowledge {
            // The latest answer counts, so that a mistake can be taken back.
            self.false_alarm = act.false_alarm;
            self.acknowledged_by.clone_from(&act.subject);
            if !self.is_closed() {
                self.state = v1::AlertState::Acknowledged as i32;
            }
            "acknowledged"
        } else {
            "commented"
        }
    }

    /// What an acknowledgement says of each rule that had a part in it.
    pub(crate) fn verdicts(&self, act: &v1::Act) -> impl Iterator<Item = v1::Verdict> {
        self.rules.iter().map(|(rule, camera)| v1::Verdict {
            alert: self.id.clone(),
            rule: rule.clone(),
            camera: camera.clone(),
            false_alarm: self.false_alarm,
            time_us: act.time_us,
        })
    }

    /// Its rule flaps: from now on it is told ever less often.
    pub(crate) fn damp(&mut self, damping: Damping) {
        self.damping = Some(damping);
    }

    pub(crate) fn is_damped(&self) -> bool {
        self.damping.is_some()
    }

    pub(crate) fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The next revision, and what made it.
    pub(crate) fn tell(
        &mut self,
        change: &str,
        because: Because<'_>,
        now_us: i64,
        config: &Config,
    ) -> v1::Alert {
        self.revision += 1;
        self.told_us = now_us;
        self.untold = false;
        if let Some(damping) = self.damping.as_mut().filter(|_| change == "grew") {
            damping.wait_longer();
        }
        let (anomaly, act) = match because {
            Because::Anomaly(anomaly) => (Some(anomaly.clone()), String::new()),
            Because::Act(act) => (None, act.id.clone()),
            Because::Time => (None, String::new()),
        };
        let decode = |moment: &Vec<u8>| prost::Message::decode(moment.as_slice()).ok();
        v1::Alert {
            id: self.id.clone(),
            revision: self.revision,
            site: self.site.clone(),
            state: self.state,
            severity: self.severity,
            camera: self.camera.clone(),
            kind: self.kind.clone(),
            rule: self.rule.clone(),
            why: self.why.clone(),
            first_us: self.first_us,
            last_us: self.last_us,
            count: self.count,
            latest: anomaly.or_else(|| prost::Message::decode(self.latest.as_slice()).ok()),
            written_us: now_us,
            acknowledged_by: self.acknowledged_by.clone(),
            comment: self.comment.clone(),
            commented_by: self.commented_by.clone(),
            change: change.to_owned(),
            act,
            false_alarm: self.false_alarm,
            timeline: self.moments.iter().filter_map(decode).collect(),
            damped: self
                .damping
                .as_ref()
                .map_or_else(String::new, |damping| damping.words(&self.cause, config)),
            // The partition gives it its place.
            partition: 0,
            sequence: 0,
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

    /// Takes an anomaly into the time line and into what others are held against.
    fn take(&mut self, anomaly: &v1::Anomaly, now_us: i64) {
        self.count += 1;
        self.last_us = self.last_us.max(anomaly.time_us);
        self.heard_us = now_us;
        self.camera.clone_from(&anomaly.camera);
        self.latest = prost::Message::encode_to_vec(&thinned(anomaly));
        self.lasts = anomaly.rule == CAMERA_HEALTH && anomaly.kind != "recovered";
        if self.cause.person.is_empty() {
            self.cause.person.clone_from(&anomaly.person);
        }
        self.join(&anomaly.camera, &anomaly.rule, anomaly.track);
        if self.moments.len() == MOMENTS {
            self.moments.remove(1);
        }
        self.moments.push_back(prost::Message::encode_to_vec(&v1::Moment {
            anomaly: anomaly.id.clone(),
            camera: anomaly.camera.clone(),
            rule: anomaly.rule.clone(),
            kind: anomaly.kind.clone(),
            place: anomaly.place.clone(),
            severity: anomaly.severity,
            track: anomaly.track,
            time_us: anomaly.time_us,
            why: anomaly.why.chars().take(WORDS).collect(),
        }));
    }

    /// Remembers a track and a rule that have a part in it.
    fn join(&mut self, camera: &str, rule: &str, track: u64) {
        let track = (camera.to_owned(), track);
        if track.1 != 0 && !self.tracks.contains(&track) {
            if self.tracks.len() == TRACKS {
                self.tracks.pop_front();
            }
            self.tracks.push_back(track);
        }
        let rule = (rule.to_owned(), camera.to_owned());
        if self.rules.len() < RULES && !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    /// Whether one of these anomalies is in its time line.
    fn rests_on(&self, parts: &[String]) -> bool {
        let decode = |moment: &Vec<u8>| <v1::Moment as prost::Message>::decode(moment.as_slice()).ok();
        !parts.is_empty()
            && self.moments.iter().filter_map(decode).any(|moment| parts.contains(&moment.anomaly))
    }

    fn due(&self, now_us: i64, config: &Config) -> Option<&'static str> {
        let pause_us = self.damping.as_ref().map_or_else(|| micros(config.cooldown_s), Damping::interval_us);
        (self.untold && now_us - self.told_us >= pause_us).then_some("grew")
    }
}

/// An anomaly with at most [`THIN`] points and samples, so that many incidents fit into a snapshot.
fn thinned(anomaly: &v1::Anomaly) -> v1::Anomaly {
    v1::Anomaly { path: spread(&anomaly.path), samples: spread(&anomaly.samples), ..anomaly.clone() }
}

/// At most [`THIN`] of them, the first and the last among them.
fn spread<T: Clone>(all: &[T]) -> Vec<T> {
    if all.len() <= THIN {
        return all.to_vec();
    }
    (0..THIN).map(|place| all[place * (all.len() - 1) / (THIN - 1)].clone()).collect()
}
