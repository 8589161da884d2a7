//! What is told of a decision: identities and anomalies, with ids and never a name.

use std::collections::BTreeMap;

use cortex_proto::v1;
use sha2::{Digest, Sha256};

/// Rule of the anomalies that matches raise.
const RULE: &str = "watch-list";
const KIND: &str = "watchlist";

/// An id that is the same whenever the same is told.
pub(crate) fn id(of: &str) -> String {
    hex::encode(&Sha256::digest(of)[..16])
}

/// What a match raises when it counts at once.
pub(crate) fn anomaly(identity: &v1::Identity, list: &v1::Watchlist, digest: &str) -> v1::Anomaly {
    v1::Anomaly {
        id: id(&format!("watchlist/{}/{}", identity.id, list.id)),
        person: identity.person.clone(),
        why: format!(
            "a person of watch-list `{}` was recognised: similarity {:.3} against {:.3}, {} views",
            list.title, identity.similarity, identity.threshold, identity.shots
        ),
        models: BTreeMap::from([("embedding".to_owned(), digest.to_owned())]),
        ..raised(identity, list)
    }
}

/// What a match raises that two people must confirm: that somebody may be there, not who.
pub(crate) fn candidate_anomaly(
    identity: &v1::Identity,
    list: &v1::Watchlist,
    found: &v1::Match,
    digest: &str,
) -> v1::Anomaly {
    v1::Anomaly {
        id: id(&format!("candidate/{}", found.id)),
        why: format!(
            "somebody may be on watch-list `{}`: similarity {:.3} against {:.3}, {} views; two people must confirm it",
            list.title, found.similarity, found.threshold, found.shots
        ),
        models: BTreeMap::from([("embedding".to_owned(), digest.to_owned())]),
        r#match: found.id.clone(),
        ..raised(identity, list)
    }
}

/// The identity of a match that two people confirmed.
pub(crate) fn confirmed_identity(found: &v1::Match) -> v1::Identity {
    v1::Identity {
        id: id(&format!("confirmed/{}", found.id)),
        camera: found.camera.clone(),
        site: found.site.clone(),
        track: found.track,
        frame: found.frame.clone(),
        time_us: found.time_us,
        person: found.person.clone(),
        similarity: found.similarity,
        threshold: found.threshold,
        shots: found.shots,
        gallery_version: found.gallery_version,
        state: v1::IdentityState::Confirmed as i32,
        reason: "two people confirmed it".to_owned(),
        lists: vec![found.list.clone()],
        ..Default::default()
    }
}

/// The anomaly of a match that two people confirmed.
pub(crate) fn confirmed_anomaly(found: &v1::Match, list: &v1::Watchlist) -> v1::Anomaly {
    let identity = confirmed_identity(found);
    v1::Anomaly {
        id: id(&format!("confirmed/{}/anomaly", found.id)),
        person: found.person.clone(),
        why: format!("two people confirmed a person of watch-list `{}`", list.title),
        r#match: found.id.clone(),
        r#box: found.face,
        ..raised(&identity, list)
    }
}

fn raised(identity: &v1::Identity, list: &v1::Watchlist) -> v1::Anomaly {
    v1::Anomaly {
        camera: identity.camera.clone(),
        site: identity.site.clone(),
        rule: RULE.to_owned(),
        kind: KIND.to_owned(),
        severity: list.severity,
        track: identity.track,
        class: "person".to_owned(),
        began: identity.frame.clone(),
        began_us: identity.time_us,
        frame: identity.frame.clone(),
        time_us: identity.time_us,
        measures: vec![v1::Measure {
            name: "similarity".to_owned(),
            value: f64::from(identity.similarity),
            threshold: f64::from(identity.threshold),
        }],
        ..Default::default()
    }
}
