//! I2: what an operator said of an alert and was answered to count is in the store, and nothing that they said counts twice.

use std::collections::HashMap;

use super::{Check, Evidence};
use crate::ledger::{Alert, Answer, Phase, Row};

pub(super) fn judge(evidence: &Evidence) -> Check {
    let mut counted: HashMap<&str, Vec<&Alert>> = HashMap::new();
    for row in &evidence.rows {
        if let Row::Alert(alert) = row
            && !alert.act.is_empty()
        {
            counted.entry(&alert.comment).or_default().push(alert);
        }
    }
    let fault = evidence.began(Phase::Fault).unwrap_or(0)..evidence.began(Phase::Settle).unwrap_or(i64::MAX);
    let (mut answered, mut later, mut failed, mut meanwhile) = (0, 0, 0, 0);
    let (mut lost, mut twice, mut other) = (0, 0, 0);
    for act in &evidence.acts {
        let revisions = counted.get(act.words.as_str()).map_or(&[][..], Vec::as_slice);
        meanwhile += usize::from(fault.contains(&act.at_us));
        twice += usize::from(revisions.len() > 1);
        other += revisions.iter().filter(|revision| revision.id != act.alert).count();
        match act.answer {
            Answer::Revision(revision) => {
                answered += 1;
                lost += usize::from(!revisions.iter().any(|alert| alert.revision == revision));
            }
            Answer::WrittenDown => {
                later += 1;
                lost += usize::from(revisions.is_empty());
            }
            // It may count or not.
            Answer::Failed(_) => failed += 1,
        }
    }
    Check::new(
        "I2 acts",
        answered > 0 && lost + twice + other == 0,
        format!(
            "{} of an operator, {meanwhile} of them while the fault was there: {answered} answered with their revision, {later} \
             to count later, {failed} failed; lost {lost}, counted twice {twice}, of another alert {other}",
            evidence.acts.len()
        ),
    )
}
