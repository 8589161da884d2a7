//! The judge: reads what was written down of a run and says what holds. It knows nothing of the run but that, and nothing of
//! Cortex but its messages.

mod acts;
mod conservation;
mod delivery;
mod events;
mod evidence;
mod facts;
mod faults;
mod identities;
mod recovery;
#[cfg(test)]
mod tests;
mod vitals;

use serde::{Deserialize, Serialize};

pub(crate) use events::Truth;
pub(crate) use evidence::Evidence;

use crate::fault::Fault;

/// One thing that must hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    /// `I1` to `I5`, or what is asked of this fault.
    pub(crate) name: String,
    pub(crate) met: bool,
    /// What was counted, in words.
    pub(crate) figures: String,
}

impl Check {
    fn new(name: &str, met: bool, figures: String) -> Self {
        Self { name: name.to_owned(), met, figures }
    }
}

/// Identity switches for each thousand truths seen; what the calm run gives, others are compared with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Switches {
    pub(crate) seen: u64,
    pub(crate) switches: u64,
}

/// Everything that is asked.
pub(crate) fn judge(
    fault: Fault,
    evidence: &Evidence,
    truth: &Truth,
    calm: Option<Switches>,
) -> (Vec<Check>, Switches) {
    // In one process frames and detections travel in memory: nobody outside can say anything of them.
    let followed = fault != Fault::F24;
    let mut checks = Vec::new();
    if followed {
        checks.extend(conservation::judge(evidence));
    }
    checks.extend(facts::judge(evidence, followed));
    if fault.has_operator() {
        checks.push(acts::judge(evidence));
    }
    if fault == Fault::F3 {
        checks.push(identities::judge(evidence));
    }
    checks.extend(delivery::judge(evidence));
    checks.extend(vitals::judge(evidence));
    let (switches, told) = events::judge(evidence, truth, fault.limits().switches, calm);
    checks.extend(told.into_iter().filter(|check| followed || check.name != "identity switches"));
    if followed {
        checks.extend(recovery::judge(fault, evidence));
    }
    checks.extend(faults::judge(fault, evidence));
    (checks, switches)
}
