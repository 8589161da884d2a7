//! How long cameras were away, and how soon what was killed did its work again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::{
    fault::Fault,
    ledger::{Body, Happened, Message, Moment, Outcome, Phase, Seen},
};

/// A process that was killed and started again.
struct Restart<'a> {
    instance: &'a str,
    started_us: i64,
    ready_us: i64,
}

/// Seconds from a start, infinite when it never came to it.
struct Back {
    /// Until the process listened; none of a server.
    own: Option<f64>,
    /// Until the first word.
    first: f64,
    /// Until a word of every camera; none where words are of no camera.
    all: Option<f64>,
}

pub(super) fn judge(fault: Fault, evidence: &Evidence) -> Vec<Check> {
    let limits = fault.limits();
    let mut checks = vec![stall(fault, evidence)];
    if limits.restart.is_none() && limits.back.is_none() {
        return checks;
    }
    let mut backs: Vec<Back> = Vec::new();
    for restart in restarts(&evidence.history) {
        let stage = restart.instance.split_once('-').map_or(restart.instance, |(stage, _)| stage);
        let own = (restart.ready_us - restart.started_us) as f64 / 1e6;
        backs.push(Back { own: Some(own), ..words(evidence, stage, restart.started_us) });
    }
    backs.extend(
        evidence.history.iter().filter_map(server_back).map(|at_us| words(evidence, "detector", at_us)),
    );
    let met = !backs.is_empty()
        && backs.iter().all(|Back { own, first, all }| {
            limits.restart.is_none_or(|times| own.is_none_or(|own| *first <= times * own))
                && limits.back.is_none_or(|back| all.is_some_and(|all| all <= back.as_secs_f64()))
        });
    let each = backs.iter().map(|Back { own, first, all }| {
        let own = own.map(|own| format!(" (own start {own:.1}, ratio {:.1})", first / own));
        let all = all.map(|all| format!(", all cameras {all:.1}"));
        format!("{first:.1}{}{}", own.unwrap_or_default(), all.unwrap_or_default())
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

/// When what a stage does is seen again after a moment: a detection, also of ingest, whose pictures are for that; a live
/// picture of the cloaker's; somebody known by the recognizer; a revision of the alerter's.
fn words(evidence: &Evidence, stage: &str, from_us: i64) -> Back {
    match stage {
        "alerter" => Back { own: None, first: first_revision(evidence, from_us), all: None },
        "recognizer" => Back { own: None, first: first_known(evidence, from_us), all: None },
        "cloaker" => of_cameras(evidence, from_us, pictures(evidence)),
        // What its predecessor published is no word of ingest's.
        "ingest" => of_cameras(evidence, from_us, detections(evidence, from_us)),
        _ => of_cameras(evidence, from_us, detections(evidence, i64::MIN)),
    }
}

fn of_cameras<'a>(evidence: &'a Evidence, from_us: i64, words: impl Iterator<Item = (&'a str, i64)>) -> Back {
    let stays = |camera: &&str| !camera.starts_with("flap-");
    let cameras: BTreeSet<&str> =
        evidence.frames().map(|(_, frame)| frame.camera.as_str()).filter(stays).collect();
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for (camera, at_us) in words.filter(|(_, at_us)| *at_us >= from_us) {
        let known = first.entry(camera).or_insert(at_us);
        *known = at_us.min(*known);
    }
    let since = |at_us: i64| (at_us - from_us) as f64 / 1e6;
    let earliest = first.values().min().map_or(f64::INFINITY, |at_us| since(*at_us));
    let each = cameras.iter().map(|camera| first.get(camera).map_or(f64::INFINITY, |at_us| since(*at_us)));
    Back { own: None, first: earliest, all: Some(each.fold(0.0, f64::max)) }
}

/// Of which cameras pictures were analysed that ingest received from a moment on, and when.
fn detections(evidence: &Evidence, received_us: i64) -> impl Iterator<Item = (&str, i64)> {
    let processed = evidence
        .seen()
        .filter(move |(_, seen)| seen.outcome == Outcome::Processed && seen.received_us >= received_us);
    processed.map(|(message, seen)| (seen.camera.as_str(), message.at_us))
}

/// Of which cameras the live view showed a picture, and when.
fn pictures(evidence: &Evidence) -> impl Iterator<Item = (&str, i64)> {
    evidence.history.iter().filter_map(|moment| match &moment.what {
        Happened::Answered { question, words, .. } if question == "live" => {
            Some((words.as_str(), moment.at_us))
        }
        _ => None,
    })
}

/// Seconds until a recognizer that was started then knew somebody. The time without anybody to know is not its own.
fn first_known(evidence: &Evidence, from_us: i64) -> f64 {
    let known = evidence.messages.iter().filter_map(|message| match &message.body {
        Body::Identity(identity) if message.at_us >= from_us && !identity.person.is_empty() => {
            Some((message.at_us, identity))
        }
        _ => None,
    });
    let Some((at_us, identity)) = known.min_by_key(|(at_us, _)| *at_us) else { return f64::INFINITY };
    let of_frame = |seen: &Seen| {
        (&seen.camera, seen.epoch, seen.seq) == (&identity.camera, identity.epoch, identity.seq)
    };
    let seen = evidence.seen().find(|(_, seen)| of_frame(seen)).map(|(message, _)| message.at_us);
    (at_us - seen.map_or(from_us, |seen| from_us.max(seen))) as f64 / 1e6
}

/// Seconds until an alerter that was started then told something: the first revision in a higher term than its partition
/// had before, since whoever goes on begins a term. The time without an anomaly to tell of is not the alerter's, nor that of an operator
/// who says nothing.
fn first_revision(evidence: &Evidence, from_us: i64) -> f64 {
    let mut known: BTreeMap<&str, i64> = BTreeMap::new();
    let mut before: BTreeMap<i32, u64> = BTreeMap::new();
    let mut first: Option<(&Message, &[String])> = None;
    for message in &evidence.messages {
        match &message.body {
            Body::Anomaly(anomaly) => {
                known.entry(&anomaly.id).or_insert(message.at_us);
            }
            Body::Alert(_) if message.at_us < from_us => {
                before.insert(message.partition, message.term);
            }
            Body::Alert(alert)
                if alert.act.is_empty()
                    && before.get(&message.partition).is_some_and(|term| message.term > *term)
                    && first.is_none_or(|(first, _)| message.at_us < first.at_us) =>
            {
                first = Some((message, alert.anomalies.as_slice()));
            }
            _ => {}
        }
    }
    first.map_or(f64::INFINITY, |(message, anomalies)| {
        let newest = anomalies.iter().filter_map(|id| known.get(id.as_str())).max();
        let since = newest.map_or(from_us, |at_us| from_us.max(*at_us));
        (message.at_us - since) as f64 / 1e6
    })
}

/// The longest time between two analysed pictures of a camera that stays, from the steady phase to the end. Nothing is told
/// while the only broker is away; what that takes is not held against anybody.
fn stall(fault: Fault, evidence: &Evidence) -> Check {
    let away = if fault.copies() == 1 { evidence.broker_away() } else { Vec::new() };
    let from = evidence.began(Phase::Steady).unwrap_or(0);
    let to = evidence.began(Phase::End).unwrap_or(i64::MAX);
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (message, seen) in evidence.seen() {
        if seen.outcome == Outcome::Processed && !seen.camera.starts_with("flap-") {
            times.entry(&seen.camera).or_default().push(message.at_us);
        }
    }
    let (mut longest, mut counted) = (0, 0);
    for times in times.values_mut() {
        times.push(to);
        times.sort_unstable();
        let inside: Vec<i64> = times.iter().copied().filter(|at_us| (from..=to).contains(at_us)).collect();
        for pair in inside.windows(2) {
            let without = away.iter().map(|(gone, back)| (pair[1].min(*back) - pair[0].max(*gone)).max(0));
            longest = longest.max(pair[1] - pair[0]);
            counted = counted.max(pair[1] - pair[0] - without.sum::<i64>());
        }
    }
    let (longest, counted) = (longest as f64 / 1e6, counted as f64 / 1e6);
    let allowed = fault.limits().stall.map(|limit| limit.as_secs_f64());
    let mut figures = format!("the longest that a camera went without a detection {longest:.1} s");
    if !away.is_empty() {
        figures += &format!(", {counted:.1} while there was a broker");
    }
    if let Some(allowed) = allowed {
        figures += &format!(", at most {allowed:.0}");
    }
    Check::new("stall", allowed.is_none_or(|allowed| counted <= allowed), figures)
}
