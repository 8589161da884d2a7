//! Cortex's messages as the ledger keeps them.

use cortex_proto::{Message as _, topics, v1};
use sha2::{Digest, Sha256};

use crate::{
    ledger::{Alert, Anomaly, Body, Frame, Identity, Outcome, Seen},
    stamp::Stamp,
};

/// What of a message of this topic the judge reads.
pub(crate) fn body(noun: &str, bytes: &[u8]) -> Body {
    let read = match noun {
        noun if noun == topics::FRAMES.noun => v1::Frame::decode(bytes).ok().and_then(frame).map(Body::Frame),
        noun if noun == topics::DETECTIONS.noun => {
            v1::Detections::decode(bytes).ok().and_then(|seen| self::seen(&seen)).map(Body::Seen)
        }
        noun if noun == topics::ANOMALIES.noun => {
            let known = v1::Anomaly::decode(bytes).ok().filter(|anomaly| !anomaly.id.is_empty());
            known.map(|anomaly| Body::Anomaly(self::anomaly(&anomaly)))
        }
        noun if noun == topics::ALERTS.noun => {
            v1::Alert::decode(bytes).ok().map(|alert| Body::Alert(self::alert(&alert)))
        }
        noun if noun == topics::IDENTITIES.noun => {
            v1::Identity::decode(bytes).ok().map(|identity| Body::Identity(self::identity(&identity)))
        }
        _ => v1::Dead::decode(bytes).ok().map(|dead| Body::Dead {
            stage: dead.stage,
            topic: dead.topic,
            reason: dead.reason,
            sha256: dead.sha256,
        }),
    };
    read.unwrap_or_else(|| Body::Garbage { sha256: digest(bytes) })
}

/// SHA-256 in hex, as dead letters have it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn frame(frame: v1::Frame) -> Option<Frame> {
    let heartbeat = frame.heartbeat() != v1::Heartbeat::None;
    let stamp = image::load_from_memory(&frame.picture).ok().and_then(|picture| {
        let luma = picture.into_luma8();
        Stamp::read(&luma, luma.width() as usize)
    });
    let id = frame.id?;
    let skipped = frame.skipped.iter().map(|skipped| skipped.count).sum();
    Some(Frame { camera: id.camera, epoch: id.epoch, seq: id.seq, n: frame.n, heartbeat, skipped, stamp })
}

pub(crate) fn seen(seen: &v1::Detections) -> Option<Seen> {
    let id = seen.frame.as_ref()?;
    let outcome = match seen.outcome() {
        v1::Outcome::Analysed | v1::Outcome::Carried => Outcome::Processed,
        v1::Outcome::Time => Outcome::Time,
        v1::Outcome::Skipped | v1::Outcome::Unspecified => Outcome::Skipped,
    };
    let found = seen.objects.iter().filter(|object| {
        object.track != 0 && object.class == "person" && object.state() == v1::ObjectState::Detected
    });
    Some(Seen {
        camera: id.camera.clone(),
        epoch: id.epoch,
        seq: id.seq,
        n: seen.n,
        time_us: seen.time_us,
        received_us: seen.received_us,
        outcome,
        tracks: found.map(|object| (object.track, corners(object.r#box.as_ref()))).collect(),
    })
}

pub(crate) fn anomaly(anomaly: &v1::Anomaly) -> Anomaly {
    let frame = anomaly.frame.clone().unwrap_or_default();
    Anomaly {
        id: anomaly.id.clone(),
        camera: anomaly.camera.clone(),
        rule: anomaly.rule.clone(),
        track: anomaly.track,
        began_us: anomaly.began_us,
        time_us: anomaly.time_us,
        epoch: frame.epoch,
        seq: frame.seq,
        place: corners(anomaly.r#box.as_ref()),
    }
}

pub(crate) fn alert(alert: &v1::Alert) -> Alert {
    let latest = alert.latest.iter().map(|latest| latest.id.clone());
    let earlier = alert.timeline.iter().map(|moment| moment.anomaly.clone());
    let mut anomalies: Vec<String> = latest.chain(earlier).collect();
    anomalies.sort_unstable();
    anomalies.dedup();
    Alert {
        id: alert.id.clone(),
        revision: alert.revision,
        partition: alert.partition,
        sequence: alert.sequence,
        site: alert.site.clone(),
        count: alert.count,
        closed: alert.state() == v1::AlertState::Closed,
        act: alert.act.clone(),
        comment: alert.comment.clone(),
        anomalies,
    }
}

pub(crate) fn identity(identity: &v1::Identity) -> Identity {
    let frame = identity.frame.clone().unwrap_or_default();
    Identity {
        id: identity.id.clone(),
        camera: identity.camera.clone(),
        track: identity.track,
        person: identity.person.clone(),
        epoch: frame.epoch,
        seq: frame.seq,
    }
}

fn corners(place: Option<&v1::Box>) -> [f32; 4] {
    place.map_or([0.0; 4], |place| [place.x1, place.y1, place.x2, place.y2])
}
