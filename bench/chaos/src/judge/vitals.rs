//! I4: nobody panics, ends badly or leaks. I5: nobody takes more memory than it may.

use std::collections::BTreeMap;

use super::{Check, Evidence};
use crate::ledger::{Happened, Phase, Vital};

/// Resident memory of any process: what the chart's smallest limit will have to be. Debug builds take more than others.
const CAP_MIB: f64 = 768.0;
/// Threads and files may be more by so many at the end than before the fault: pools that grow once. GStreamer's keeps the
/// threads of cameras that tried to connect a moment ago: of fifty, sixteen were counted. Who leaked one each time that one
/// of them came would have some hundred more.
const POOLS: usize = 20;

pub(super) fn judge(evidence: &Evidence) -> Vec<Check> {
    let mut panics = Vec::new();
    for (instance, log) in &evidence.logs {
        let found = log.lines().filter(|line| line.contains("panicked")).count();
        if found > 0 {
            panics.push(format!("{instance} {found}"));
        }
    }
    let mut bad = Vec::new();
    for moment in &evidence.history {
        if let Happened::Ended { instance, code } = &moment.what
            && *code != Some(0)
        {
            bad.push(format!("{instance} with {code:?}"));
        }
    }
    let mut processes: BTreeMap<(&str, u32), Vec<&Vital>> = BTreeMap::new();
    for vital in &evidence.vitals {
        processes.entry((&vital.instance, vital.process)).or_default().push(vital);
    }
    let fault = evidence.began(Phase::Fault).unwrap_or(i64::MAX);
    let settled = evidence.began(Phase::Settle).unwrap_or(i64::MAX);
    let mut grown = Vec::new();
    for ((instance, _), vitals) in &processes {
        // Only who lived through all of it can have leaked by it.
        let most = |count: fn(&Vital) -> usize, from: i64, to: i64| {
            vitals.iter().filter(|vital| (from..to).contains(&vital.at_us)).map(|vital| count(vital)).max()
        };
        for (what, count) in [("threads", (|v| v.threads) as fn(&Vital) -> usize), ("files", |v| v.files)] {
            let before = most(count, 0, fault);
            let least = vitals.iter().filter(|vital| vital.at_us >= settled).map(|vital| count(vital)).min();
            if let (Some(before), Some(after)) = (before, least)
                && after > before + POOLS
            {
                grown.push(format!("{instance} {what} {before} → {after}"));
            }
        }
    }
    let largest = evidence.vitals.iter().max_by(|one, other| one.memory_mib.total_cmp(&other.memory_mib));
    let told = largest.map_or_else(
        || "nothing was measured".to_owned(),
        |vital| format!("{:.0} MiB at most ({}), {CAP_MIB:.0} allowed", vital.memory_mib, vital.instance),
    );
    let list = |found: &[String]| if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    vec![
        Check::new(
            "I4 processes",
            panics.is_empty() && bad.is_empty() && grown.is_empty(),
            format!("panics {}; bad ends {}; leaks {}", list(&panics), list(&bad), list(&grown)),
        ),
        Check::new("I5 memory", largest.is_some_and(|vital| vital.memory_mib <= CAP_MIB), told),
    ]
}
