//! I2: facts that were acknowledged are in the store, and nothing else is; none is there twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Evidence};
use crate::ledger::{Alert, Anomaly, Body, Outcome, Phase, Row, Seen};

/// A detection's row is written behind its message: at most this much earlier and later than the end of whoever writes.
/// The runner saves once a second; the rest is how long a batch and a write may take here.
const BEHIND_US: i64 = 4_000_000;
const AHEAD_US: i64 = 1_000_000;
/// Seconds of all cameras' rows that one write behind may hold, and so one death take along: those since the last save, and
/// those that came while that was on its way.
const HELD_S: f64 = 2.0;

pub(super) fn judge(evidence: &Evidence, with_detections: bool) -> Vec<Check> {
    let mut checks = vec![anomalies(evidence), alerts(evidence)];
    if with_detections {
        checks.push(detections(evidence));
    }
    checks
}

/// Facts by id, held against their rows.
pub(super) struct Facts<'a, T> {
    pub(super) published: BTreeMap<&'a str, &'a T>,
    pub(super) stored: usize,
    pub(super) lost: usize,
    pub(super) untold: usize,
    /// Stored more than once.
    pub(super) doubles: usize,
    /// Published again, and how often of these otherwise.
    pub(super) again: u64,
    pub(super) changed: u64,
}

impl<'a, T: PartialEq> Facts<'a, T> {
    pub(super) fn of(
        messages: impl Iterator<Item = (&'a str, &'a T)>,
        rows: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut published = BTreeMap::new();
        let (mut again, mut changed) = (0, 0);
        for (id, fact) in messages {
            if let Some(before) = published.insert(id, fact) {
                again += 1;
                changed += u64::from(before != fact);
            }
        }
        let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
        rows.for_each(|id| *stored.entry(id).or_default() += 1);
        let lost = published.keys().filter(|id| !stored.contains_key(*id)).count();
        let untold = stored.keys().filter(|id| !published.contains_key(*id)).count();
        let doubles = stored.values().filter(|count| **count > 1).count();
        Self { published, stored: stored.len(), lost, untold, doubles, again, changed }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.lost + self.untold + self.doubles == 0 && self.changed == 0
    }
}

fn anomalies(evidence: &Evidence) -> Check {
    let messages = evidence.messages.iter().filter_map(|message| match &message.body {
        Body::Anomaly(anomaly) => Some((anomaly.id.as_str(), anomaly)),
        _ => None,
    });
    let rows = evidence.rows.iter().filter_map(|row| match row {
        Row::Anomaly(anomaly) => Some(anomaly.id.as_str()),
        _ => None,
    });
    let facts: Facts<'_, Anomaly> = Facts::of(messages, rows);
    let Facts { stored, lost, untold, doubles, again, changed, .. } = facts;
    Check::new(
        "I2 anomalies",
        facts.is_kept(),
        format!(
            "{} acknowledged, {stored} in the store; lost {lost}, never published {untold}, doubles by key {doubles}; published \
             again {again}, then otherwise {changed}; {} messages of outdated writers, which every reader drops",
            facts.published.len(),
            evidence.outdated
        ),
    )
}

fn alerts(evidence: &Evidence) -> Check {
    let mut stored: BTreeMap<(u32, u64), &Alert> = BTreeMap::new();
    let mut doubles = 0;
    let mut revisions = BTreeSet::new();
    for row in &evidence.rows {
        if let Row::Alert(alert) = row {
            stored.insert((alert.partition, alert.sequence), alert);
            doubles += usize::from(!revisions.insert((&alert.id, alert.revision)));
        }
    }
    let mut published: BTreeSet<(u32, u64)> = BTreeSet::new();
    let mut lost = 0;
    for message in &evidence.messages {
        let Body::Alert(alert) = &message.body else { continue };
        let place = (alert.partition, alert.sequence);
        if published.insert(place) && stored.get(&place).is_none_or(|row| *row != alert) {
            lost += 1;
        }
    }
    let untold = stored.keys().filter(|place| !published.contains(*place)).count();
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut gaps = 0;
    for (partition, sequence) in stored.keys() {
        let before = last.insert(*partition, *sequence).unwrap_or(0);
        gaps += sequence - before - 1;
    }
    Check::new(
        "I2 alerts",
        lost + untold + doubles == 0 && gaps == 0,
        format!(
            "{} revisions published, {} in the store; lost {lost}, never published {untold}, doubles by key {doubles}, gaps \
             in sequences {gaps}",
            published.len(),
            stored.len()
        ),
    )
}

/// Where the row of a message of `detections` is.
type Place<'a> = (&'a str, u64, u64, Option<i64>);

fn place(seen: &Seen) -> Place<'_> {
    let time = (seen.outcome == Outcome::Time).then_some(seen.time_us);
    (&seen.camera, seen.epoch, seen.seq, time)
}

fn detections(evidence: &Evidence) -> Check {
    let mut stored: BTreeMap<Place<'_>, (&Seen, u64)> = BTreeMap::new();
    for row in &evidence.rows {
        if let Row::Seen(seen) = row {
            stored.entry(place(seen)).or_insert((seen, 0)).1 += 1;
        }
    }
    let disturbances = evidence.disturbances();
    let mut around = vec![0_u64; disturbances.len()];
    // Counts it for the nearest disturbance, if one excuses it.
    let mut excused = |at_us: i64| {
        let near = disturbances
            .iter()
            .enumerate()
            .filter(|(_, (from, to))| (from - BEHIND_US..to + AHEAD_US).contains(&at_us));
        let nearest = near.min_by_key(|(_, (from, to))| (from - at_us).max(at_us - to).max(0));
        let Some((index, _)) = nearest else { return false };
        around[index] += 1;
        true
    };
    let mut published: BTreeSet<Place<'_>> = BTreeSet::new();
    let (mut lost, mut open) = (0, 0);
    for (message, seen) in evidence.seen() {
        if published.insert(place(seen)) && !stored.contains_key(&place(seen)) {
            // The row is the fact, and is written behind: what its writer took along when it died was never acknowledged.
            if excused(message.at_us) { open += 1 } else { lost += 1 }
        }
    }
    let (mut untold, mut unsent) = (0, 0);
    for (seen, _) in stored.iter().filter(|(place, _)| !published.contains(*place)).map(|(_, row)| row) {
        if excused(seen.received_us) { unsent += 1 } else { untold += 1 }
    }
    let doubles = stored.values().filter(|(_, count)| *count > 1).count();
    let (most, held) = (around.iter().max().copied().unwrap_or(0), held(evidence));
    Check::new(
        "I2 detections",
        lost + untold + doubles == 0 && most <= held,
        format!(
            "{} published, {} in the store; lost {lost}, never published {untold}, doubles by key {doubles}; in the moments \
             around a death {open} published and not yet stored, {unsent} stored and not yet published, around one death {most}, \
             at most {held}",
            published.len(),
            stored.len()
        ),
    )
}

/// Rows that one write behind may hold, by what is seen while nothing happens.
fn held(evidence: &Evidence) -> u64 {
    let steady = evidence.began(Phase::Steady).unwrap_or(0)..evidence.began(Phase::Fault).unwrap_or(0);
    let seen = evidence.seen().filter(|(message, _)| steady.contains(&message.at_us)).count();
    let seconds = (steady.end - steady.start) as f64 / 1e6;
    (HELD_S * seen as f64 / seconds).ceil() as u64
}
