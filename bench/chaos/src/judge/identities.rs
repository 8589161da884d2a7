//! What was decided of people: once each, as it is in the store, and whoever came was known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Evidence};
use crate::{
    guest,
    ledger::{Body, Identity, Outcome, Row},
};

/// Analysed pictures of a visit in which somebody is certainly known.
const ENOUGH: usize = 3;
/// Two pictures further apart are of two visits, if of the same number.
const APART_US: i64 = 6_000_000;
/// After a visit somebody may be known so late: a recognizer dies, and another begins.
const LATE_US: i64 = 10_000_000;

pub(super) fn judge(evidence: &Evidence) -> Check {
    let mut published: BTreeMap<&str, &Identity> = BTreeMap::new();
    let (mut again, mut changed) = (0, 0);
    for message in &evidence.messages {
        let Body::Identity(identity) = &message.body else { continue };
        if let Some(before) = published.insert(&identity.id, identity) {
            again += 1;
            changed += u64::from(before != identity);
        }
    }
    let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &evidence.rows {
        if let Row::Identity(identity) = row {
            *stored.entry(&identity.id).or_default() += 1;
        }
    }
    let lost = published.keys().filter(|id| !stored.contains_key(*id)).count();
    let untold = stored.keys().filter(|id| !published.contains_key(*id)).count();
    let mut doubles = stored.values().filter(|count| **count > 1).count();
    let (mut known, mut people) = (0, BTreeSet::new());
    for identity in published.values().filter(|identity| !identity.person.is_empty()) {
        known += 1;
        doubles += usize::from(!people.insert((&identity.camera, identity.track)));
    }
    let (visits, unknown) = visits(evidence, &published);
    Check::new(
        "I2 identities",
        visits > 0 && unknown + lost + untold + doubles == 0 && changed == 0,
        format!(
            "{} published, {} in the store; lost {lost}, never published {untold}, doubles by key or by camera and track \
             {doubles}; published again {again}, then otherwise {changed}; {known} of somebody known; of {visits} visits of the \
             guest {unknown} without being known",
            published.len(),
            stored.len()
        ),
    )
}

/// How often the guest was seen long enough, and how often of these nobody knew them.
fn visits(evidence: &Evidence, published: &BTreeMap<&str, &Identity>) -> (usize, usize) {
    let frames = evidence.frames().map(|(_, frame)| frame);
    let numbers: HashMap<(&str, u64, u64), usize> = frames
        .filter_map(|frame| {
            let visit = frame.stamp.and_then(|stamp| guest::visit(stamp.camera, stamp.number))?;
            Some(((frame.camera.as_str(), frame.epoch, frame.seq), visit))
        })
        .collect();
    let mut pictures: BTreeMap<(&str, usize), Vec<i64>> = BTreeMap::new();
    for (message, seen) in evidence.seen().filter(|(_, seen)| seen.outcome == Outcome::Processed) {
        if let Some(visit) = numbers.get(&(seen.camera.as_str(), seen.epoch, seen.seq)) {
            pictures.entry((&seen.camera, *visit)).or_default().push(message.at_us);
        }
    }
    let mut known: HashMap<(&str, usize), Vec<i64>> = HashMap::new();
    for message in &evidence.messages {
        if let Body::Identity(identity) = &message.body
            && published.get(identity.id.as_str()).is_some_and(|identity| !identity.person.is_empty())
            && let Some(visit) = numbers.get(&(identity.camera.as_str(), identity.epoch, identity.seq))
        {
            known.entry((&identity.camera, *visit)).or_default().push(message.at_us);
        }
    }
    let (mut all, mut unknown) = (0, 0);
    for (visit, mut times) in pictures {
        times.sort_unstable();
        // The clip is repeated, and with it its visits.
        for times in times.chunk_by(|one, next| next - one < APART_US).filter(|times| times.len() >= ENOUGH) {
            let within = times[0]..times[times.len() - 1] + LATE_US;
            all += 1;
            unknown += usize::from(
                !known.get(&visit).is_some_and(|known| known.iter().any(|at_us| within.contains(at_us))),
            );
        }
    }
    (all, unknown)
}
