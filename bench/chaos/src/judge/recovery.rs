//! How long cameras were away.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::{
    fault::Limits,
    ledger::{Happened, Moment, Outcome, Phase},
};

/// A process that was killed and started again.
struct Restart<'a> {
    instance: &'a str,
    started_us: i64,
    ready_us: i64,
}

pub(super) fn judge(limits: &Limits, evidence: &Evidence) -> Vec<Check> {
    let mut checks = Vec::new();
    let longest = longest_stall_s(evidence);
    let allowed = limits.stall.map(|limit| limit.as_secs_f64());
    checks.push(Check::new(
        "stall",
        allowed.is_none_or(|allowed| longest <= allowed),
        match allowed {
            Some(allowed) => format!(
                "the longest that a camera went without a detection {longest:.1} s, at most {allowed:.0}"
            ),
            None => format!("the longest that a camera went without a detection {longest:.1} s"),
        },
    ));
    if limits.restart.is_none() && limits.back.is_none() {
        return checks;
    }
    let mut backs: Vec<(f64, f64, f64)> = Vec::new();
    for restart in restarts(&evidence.history) {
        let (first, last) = back(evidence, &restart);
        let own = (restart.ready_us - restart.started_us) as f64 / 1e6;
        backs.push((own, first, last));
    }
    for at_us in evidence.history.iter().filter_map(server_back) {
        let (first, last) = words(evidence, "detector", at_us);
        backs.push((f64::NAN, first, last));
    }
    let met = !backs.is_empty()
        && backs.iter().all(|(own, first, last)| {
            limits.restart.is_none_or(|times| own.is_nan() || *first <= times * own)
                && limits.back.is_none_or(|back| *last <= back.as_secs_f64())
        });
    let each = backs.iter().map(|(own, first, last)| {
        let own = if own.is_nan() {
            String::new()
        } else {
            format!(" (own start {own:.1}, ratio {:.1})", first / own)
        };
        format!("{first:.1}{own}, all cameras {last:.1}")
    });
    let asked = [
        limits.restart.map(|times| format!("first at most {times:.0} times the own start")),
        limits.back.map(|back| format!("all within {} s", back.as_secs())),
    ];
    let asked: Vec<String> = asked.into_iter().flatten().collect();
    checks.push(Check::new(
        "recovery",
        met,
        format!(
            "seconds from the start until the first word: {}; {}",
            each.collect::<Vec<_>>().join("; "),
            asked.join(", ")
        ),
    ));
    checks
}

fn server_back(moment: &Moment) -> Option<i64> {
    matches!(moment.what, Happened::ServerBack { .. }).then_some(moment.at_us)
}

/// Processes that were killed and came back.
fn restarts(history: &[Moment]) -> Vec<Restart<'_>> {
    let mut found = Vec::new();
    for (index, moment) in history.iter().enumerate() {
        let Happened::Killed { instance } = &moment.what else { continue };
        let mut after = history[index..].iter();
        let started = after.find(|moment| moment.what == Happened::Started { instance: instance.clone() });
        let ready = after.find(|moment| moment.what == Happened::Ready { instance: instance.clone() });
        if let (Some(started), Some(ready)) = (started, ready) {
            found.push(Restart { instance, started_us: started.at_us, ready_us: ready.at_us });
        }
    }
    found
}

fn back(evidence: &Evidence, restart: &Restart<'_>) -> (f64, f64) {
    let stage = restart.instance.split_once('-').map_or(restart.instance, |(stage, _)| stage);
    words(evidence, stage, restart.started_us)
}

/// Seconds from a moment to the first word of a stage, and until there was one of every camera that stays. Infinite when none
/// came.
fn words(evidence: &Evidence, stage: &str, from_us: i64) -> (f64, f64) {
    let stays = |camera: &&str| !camera.starts_with("flap-");
    let cameras: BTreeSet<&str> =
        evidence.frames().map(|(_, frame)| frame.camera.as_str()).filter(stays).collect();
    let frames = evidence.frames().filter(|(_, frame)| stage == "ingest" && !frame.heartbeat);
    let frames = frames.map(|(message, frame)| (frame.camera.as_str(), message.at_us));
    let seen = evidence.seen().filter(|(_, seen)| stage != "ingest" && seen.outcome == Outcome::Processed);
    let seen = seen.map(|(message, seen)| (seen.camera.as_str(), message.at_us));
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for (camera, at_us) in frames.chain(seen).filter(|(_, at_us)| *at_us >= from_us) {
        let known = first.entry(camera).or_insert(at_us);
        *known = at_us.min(*known);
    }
    let since = |at_us: i64| (at_us - from_us) as f64 / 1e6;
    let earliest = first.values().min().map_or(f64::INFINITY, |at_us| since(*at_us));
    let each = cameras.iter().map(|camera| first.get(camera).map_or(f64::INFINITY, |at_us| since(*at_us)));
    (earliest, each.fold(0.0, f64::max))
}

/// The longest time between two analysed pictures of a camera that stays, from the steady phase to the end.
fn longest_stall_s(evidence: &Evidence) -> f64 {
    let from = evidence.began(Phase::Steady).unwrap_or(0);
    let to = evidence.began(Phase::End).unwrap_or(i64::MAX);
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (message, seen) in evidence.seen() {
        if seen.outcome == Outcome::Processed && !seen.camera.starts_with("flap-") {
            times.entry(&seen.camera).or_default().push(message.at_us);
        }
    }
    let mut longest = 0;
    for times in times.values_mut() {
        times.push(to);
        times.sort_unstable();
        let inside: Vec<i64> = times.iter().copied().filter(|at_us| (from..=to).contains(at_us)).collect();
        longest = inside.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0).max(longest);
    }
    longest as f64 / 1e6
}
