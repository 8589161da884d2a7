//! What was decided of people: once each, as it is in the store, and whoever came was known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Evidence, facts::Facts};
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
    let messages = evidence.messages.iter().filter_map(|message| match &message.body {
        Body::Identity(identity) => Some((identity.id.as_str(), identity)),
        _ => None,
    });
    let rows = evidence.rows.iter().filter_map(|row| match row {
        Row::Identity(identity) => Some(identity.id.as_str()),
        _ => None,
    });
    let facts: Facts<'_, Identity> = Facts::of(messages, rows);
    let (mut known, mut people) = (0, BTreeSet::new());
    for identity in facts.published.values().filter(|identity| !identity.person.is_empty()) {
        known += 1;
        people.insert((&identity.camera, identity.track));
    }
    let twice = known - people.len();
    let (visits, unknown) = visits(evidence);
    let Facts { stored, lost, untold, doubles, again, changed, .. } = facts;
    Check::new(
        "I2 identities",
        facts.is_kept() && visits > 0 && unknown + twice == 0,
        format!(
            "{} published, {stored} in the store; lost {lost}, never published {untold}, doubles by key {doubles}, by camera \
             and track {twice}; published again {again}, then otherwise {changed}; {known} of somebody known; of {visits} visits \
             of the guest {unknown} without being known",
            facts.published.len()
        ),
    )
}

/// How often the guest was seen long enough, and how often of these nobody knew them.
fn visits(evidence: &Evidence) -> (usize, usize) {
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
            && !identity.person.is_empty()
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
