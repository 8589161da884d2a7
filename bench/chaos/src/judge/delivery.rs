//! I3: what subscribers are told is every alert that was acknowledged, each once, in order, over every break.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Evidence};
use crate::{
    ledger::{Body, Row, Told},
    run::SLOW,
};

pub(super) fn judge(evidence: &Evidence) -> Vec<Check> {
    let mut wanted = BTreeSet::new();
    for row in &evidence.rows {
        if let Row::Alert(alert) = row {
            wanted.insert((alert.partition, alert.sequence));
        }
    }
    let mut subscribers: BTreeMap<u32, Vec<&Told>> = BTreeMap::new();
    evidence.told.iter().for_each(|told| subscribers.entry(told.subscriber).or_default().push(told));
    let (mut missed, mut twice, mut disordered, mut connections) = (0, 0, 0, 0);
    let mut named = BTreeSet::new();
    for (subscriber, told) in &subscribers {
        let mut heard = BTreeSet::new();
        let mut last: HashMap<u32, u64> = HashMap::new();
        connections += told.iter().filter(|told| told.alert.is_none()).count();
        for alert in told.iter().filter_map(|told| told.alert.as_ref()) {
            let before = last.insert(alert.partition, alert.sequence).unwrap_or(0);
            disordered += u64::from(alert.sequence < before);
            twice += u64::from(!heard.insert((alert.partition, alert.sequence)));
            named.extend(alert.anomalies.iter().map(String::as_str));
        }
        // The slow one has not come to the end by intention; what it has heard is held against order and doubles all the same.
        if *subscriber != SLOW {
            missed += wanted.difference(&heard).count() + heard.difference(&wanted).count();
        }
    }
    let facts: BTreeSet<&str> = evidence
        .messages
        .iter()
        .filter_map(|message| match &message.body {
            Body::Anomaly(anomaly) => Some(anomaly.id.as_str()),
            _ => None,
        })
        .collect();
    let undelivered = facts.iter().filter(|id| !named.contains(*id)).count();
    vec![
        Check::new(
            "I3 alerts delivered",
            missed == 0 && twice == 0 && disordered == 0 && !subscribers.is_empty(),
            format!(
                "{} alerts to each of {} subscribers over {connections} connections: missed {missed}, told twice {twice}, \
                 out of order {disordered}",
                wanted.len(),
                subscribers.len()
            ),
        ),
        Check::new(
            "I3 facts delivered",
            undelivered == 0,
            format!(
                "{} anomalies acknowledged, {undelivered} of them in no alert that was delivered",
                facts.len()
            ),
        ),
    ]
}
