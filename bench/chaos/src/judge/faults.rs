//! What is asked of one fault alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::{
    burst,
    fault::Fault,
    ledger::{Body, Happened, Outcome, Phase, Seen},
    run::{LATE, SLOW},
};

/// What was waiting while the database was away is told within this time.
const CATCH_UP_S: f64 = 60.0;
/// Of the hand-overs with people in the picture.
const HANDED_OVER: f64 = 0.9;
/// Whose tracks there were, and are, around a hand-over.
const JUST_BEFORE_US: i64 = 1_000_000;
const SOON_AFTER_US: i64 = 2_000_000;
/// Nothing stalls longer for a message that nobody can use.
const STALL_S: f64 = 1.0;
/// Goodput of the burst over what fits: what was analysed when somewhat more came than can be.
const GOODPUT: f64 = 0.95;
/// So much more, at least: else what fits was not found.
const SOMEWHAT: f64 = 1.1;
/// The burst is so much more than what fits, at least.
const FLOOD: f64 = 10.0;
/// Deadline of a picture, in rounds through all cameras: each is analysed once a round.
const DEADLINE_ROUNDS: f64 = 2.0;
/// Nothing analysed is older than so many deadlines.
const AGE_DEADLINES: f64 = 2.0;
/// Jain's index of what each camera got.
const FAIRNESS: f64 = 0.95;
/// Of the fast subscribers' 99th percentile, by the slow one.
const CHANGE: f64 = 1.10;

pub(super) fn judge(fault: Fault, evidence: &Evidence) -> Vec<Check> {
    match fault {
        Fault::F1 => vec![epochs(evidence)],
        Fault::F5 => vec![reconnects(evidence)],
        Fault::F10 => vec![handed_over(evidence)],
        Fault::F13 | Fault::F13Three => vec![catch_up(evidence)],
        Fault::F15 => garbage(evidence),
        Fault::F20 => vec![flapping(evidence)],
        Fault::F21 => overload(evidence),
        Fault::F22 => vec![slow(evidence)],
        Fault::F24 => vec![full(evidence)],
        _ => Vec::new(),
    }
}

fn epochs(evidence: &Evidence) -> Check {
    let mut epochs: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (_, frame) in evidence.frames() {
        epochs.entry(&frame.camera).or_default().insert(frame.epoch);
    }
    let kills =
        evidence.history.iter().filter(|moment| matches!(moment.what, Happened::Killed { .. })).count();
    let fewest = epochs.values().map(BTreeSet::len).min().unwrap_or(0);
    Check::new(
        "new epochs",
        kills > 0 && fewest > kills,
        format!("{kills} deaths, at least {fewest} epochs of each camera"),
    )
}

fn reconnects(evidence: &Evidence) -> Check {
    let fault = evidence.began(Phase::Fault).unwrap_or(0);
    let mut seconds: BTreeMap<i64, u32> = BTreeMap::new();
    for told in evidence.told.iter().filter(|told| told.alert.is_none() && told.at_us > fault) {
        *seconds.entry(told.at_us / 1_000_000).or_default() += 1;
    }
    let most = seconds.values().max().copied().unwrap_or(0);
    Check::new(
        "reconnects",
        !seconds.is_empty(),
        format!(
            "{} after the first death, at most {most} in one second (the wait is the subscribers' own)",
            seconds.values().sum::<u32>()
        ),
    )
}

/// Cameras that go to another detector: whether a track that there was goes on under its name, so what was known of it did.
fn handed_over(evidence: &Evidence) -> Check {
    let mut cameras: BTreeMap<&str, Vec<(u64, &Seen)>> = BTreeMap::new();
    for (message, seen) in evidence.seen().filter(|(_, seen)| seen.outcome == Outcome::Processed) {
        cameras.entry(&seen.camera).or_default().push((message.term, seen));
    }
    let (mut used, mut anew) = (0, 0);
    for seen in cameras.values() {
        for place in (1..seen.len()).filter(|place| seen[*place].0 != seen[place - 1].0) {
            let (before, after) = seen.split_at(place);
            let (last_us, first_us) = (before[place - 1].1.time_us, after[0].1.time_us);
            let of = |term: u64, near: &dyn Fn(i64) -> bool, all: &[(u64, &Seen)]| -> BTreeSet<u64> {
                let near = all.iter().filter(|(other, seen)| *other == term && near(seen.time_us));
                near.flat_map(|(_, seen)| seen.tracks.iter().map(|(track, _)| *track)).collect()
            };
            let were = of(before[place - 1].0, &|at_us| last_us - at_us <= JUST_BEFORE_US, before);
            let are = of(after[0].0, &|at_us| at_us - first_us <= SOON_AFTER_US, after);
            if !were.is_empty() && !are.is_empty() {
                *if were.is_disjoint(&are) { &mut anew } else { &mut used } += 1;
            }
        }
    }
    let all = used + anew;
    Check::new(
        "state handed over",
        all > 0 && f64::from(used) >= HANDED_OVER * f64::from(all),
        format!(
            "in {used} of {all} hand-overs with people in the picture a track goes on, at least {:.0} %",
            100.0 * HANDED_OVER
        ),
    )
}

fn catch_up(evidence: &Evidence) -> Check {
    let back = evidence.history.iter().find(|moment| matches!(moment.what, Happened::ServerBack { .. }));
    let back = back.map_or(i64::MAX, |moment| moment.at_us);
    let late = evidence.messages.iter().filter_map(|message| match &message.body {
        Body::Anomaly(anomaly) if anomaly.time_us < back && message.at_us > back => {
            Some(message.at_us - back)
        }
        _ => None,
    });
    let late: Vec<i64> = late.collect();
    let longest = late.iter().max().map_or(0.0, |late| *late as f64 / 1e6);
    Check::new(
        "catch-up",
        longest <= CATCH_UP_S,
        format!(
            "{} anomalies waited, the last was told {longest:.1} s after it was back, at most {CATCH_UP_S:.0}",
            late.len()
        ),
    )
}

fn garbage(evidence: &Evidence) -> Vec<Check> {
    let buried: BTreeSet<(&str, &str)> = evidence
        .messages
        .iter()
        .filter_map(|message| match &message.body {
            Body::Dead { topic, sha256, reason, .. } if !reason.is_empty() => {
                Some((topic.as_str(), sha256.as_str()))
            }
            _ => None,
        })
        .collect();
    let mut missing: BTreeMap<String, u32> = BTreeMap::new();
    let mut injected = 0;
    for moment in &evidence.history {
        let Happened::Injected { topic, kind, sha256 } = &moment.what else { continue };
        injected += 1;
        if !buried.contains(&(topic, sha256)) {
            *missing.entry(format!("{topic} {kind}")).or_default() += 1;
        }
    }
    let list: Vec<String> = missing.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let gap = |from: Phase, to: Phase| {
        let span = evidence.began(from).unwrap_or(0)..evidence.began(to).unwrap_or(i64::MAX);
        let mut times: Vec<i64> = evidence
            .seen()
            .filter(|(message, seen)| {
                seen.camera == "camera-0"
                    && seen.outcome == Outcome::Processed
                    && span.contains(&message.at_us)
            })
            .map(|(message, _)| message.at_us)
            .collect();
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0) as f64 / 1e6
    };
    let (before, during) = (gap(Phase::Steady, Phase::Fault), gap(Phase::Fault, Phase::Heal));
    vec![
        Check::new(
            "dead letters",
            injected > 0 && missing.is_empty(),
            format!(
                "{injected} injected, without a dead letter: {}",
                if list.is_empty() { "none".into() } else { list.join(", ") }
            ),
        ),
        Check::new(
            "progress",
            during <= before.max(1.0) + STALL_S,
            format!("the longest wait for a detection of that camera {during:.1} s, {before:.1} before"),
        ),
    ]
}

fn flapping(evidence: &Evidence) -> Check {
    let epochs: BTreeSet<(&str, u64)> = evidence
        .frames()
        .filter(|(_, frame)| frame.camera.starts_with("flap-") && !frame.heartbeat)
        .map(|(_, frame)| (frame.camera.as_str(), frame.epoch))
        .collect();
    let told = evidence.messages.iter().filter(
        |message| matches!(&message.body, Body::Anomaly(anomaly) if anomaly.camera.starts_with("flap-")),
    );
    Check::new(
        "connections",
        !epochs.is_empty(),
        format!(
            "{} connections of cameras that come and go, {} anomalies about them",
            epochs.len(),
            told.count()
        ),
    )
}

fn overload(evidence: &Evidence) -> Vec<Check> {
    let span =
        |from: Phase, to: Phase| (evidence.began(from).unwrap_or(0), evidence.began(to).unwrap_or(i64::MAX));
    let seconds = |(from, to): (i64, i64)| (to - from) as f64 / 1e6;
    let rate = |count: &dyn Fn((i64, i64)) -> usize, spans: &[(i64, i64)]| {
        let all: usize = spans.iter().map(|span| count(*span)).sum();
        all as f64 / spans.iter().map(|span| seconds(*span)).sum::<f64>()
    };
    let seen = |(from, to): (i64, i64)| {
        let inside = evidence.seen().filter(move |(message, seen)| {
            seen.outcome == Outcome::Processed && (from..to).contains(&message.at_us)
        });
        inside.map(|(message, seen)| (seen.camera.as_str(), (message.at_us - seen.received_us) as f64 / 1e6))
    };
    let cpu = |(from, to): (i64, i64)| {
        let inside: Vec<f64> = evidence
            .vitals
            .iter()
            .filter(|vital| vital.instance == "detector-1" && (from..to).contains(&vital.at_us))
            .map(|vital| vital.cpu_s)
            .collect();
        inside.last().zip(inside.first()).map_or(f64::NAN, |(last, first)| last - first)
    };
    let full = [span(Phase::Steady, Phase::Fault), span(Phase::Settle, Phase::End)];
    let (burst, after) = (span(Phase::Fault, Phase::Heal), span(Phase::Heal, Phase::Settle));
    let (analysed, offered) = (|span| seen(span).count(), |span| offered(evidence, span));
    let (capacity, offered_full) = (rate(&analysed, &full), rate(&offered, &full));
    let (goodput, offered_burst) = (rate(&analysed, &[burst]), rate(&offered, &[burst]));
    let deadline = DEADLINE_ROUNDS * burst::CAMERAS as f64 / goodput.max(0.1);
    let p99 = percentile(seen(burst).map(|(_, age)| age).collect(), 0.99);
    let mut by_camera: BTreeMap<&str, f64> = BTreeMap::new();
    seen(burst).for_each(|(camera, _)| *by_camera.entry(camera).or_default() += 1.0);
    let (sum, squares) = by_camera.values().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    let jain = sum * sum / (burst::CAMERAS as f64 * squares).max(1.0);
    let later = percentile(seen((after.0 + 2_000_000, after.1)).map(|(_, age)| age).collect(), 0.99);
    vec![
        Check::new(
            "flood",
            offered_burst >= FLOOD * capacity,
            format!(
                "{offered_burst:.1} frames a second offered, {:.1} times the {capacity:.1} that fit, at least {FLOOD:.0}",
                offered_burst / capacity
            ),
        ),
        Check::new(
            "goodput",
            goodput >= GOODPUT * capacity && offered_full >= SOMEWHAT * capacity,
            format!(
                "{goodput:.1} frames a second of {offered_burst:.1} offered, {:.1} and {:.1} of {offered_full:.1} before and after: \
                 {:.2}, at least {GOODPUT}; its core was busy with it for {:.0} % of the time, and for {:.0} and {:.0} %",
                rate(&analysed, &full[..1]),
                rate(&analysed, &full[1..]),
                goodput / capacity,
                100.0 * cpu(burst) / seconds(burst),
                100.0 * cpu(full[0]) / seconds(full[0]),
                100.0 * cpu(full[1]) / seconds(full[1]),
            ),
        ),
        Check::new(
            "age",
            p99 <= AGE_DEADLINES * deadline,
            format!(
                "99 % of what was analysed younger than {p99:.2} s: {:.2} deadlines (two rounds through the cameras, \
                 {deadline:.2} s), at most {AGE_DEADLINES}",
                p99 / deadline
            ),
        ),
        Check::new(
            "fairness",
            jain >= FAIRNESS,
            format!("Jain's index over cameras {jain:.3}, at least {FAIRNESS}"),
        ),
        Check::new(
            "queues",
            later <= deadline,
            format!("from 2 s after the burst on 99 % younger than {later:.2} s"),
        ),
    ]
}

/// Frames that were published.
fn offered(evidence: &Evidence, (from, to): (i64, i64)) -> usize {
    evidence.frames().filter(|(message, _)| (from..to).contains(&message.at_us)).count()
}

fn slow(evidence: &Evidence) -> Check {
    let mut published: BTreeMap<(u32, u64), i64> = BTreeMap::new();
    for message in &evidence.messages {
        if let Body::Alert(alert) = &message.body {
            published.insert((alert.partition, alert.sequence), message.at_us);
        }
    }
    let fault = evidence.began(Phase::Fault).unwrap_or(0);
    let end = evidence.began(Phase::Heal).unwrap_or(i64::MAX);
    let p99 = |from: i64, to: i64| {
        let delays = evidence.told.iter().filter_map(|told| {
            let alert = told.alert.as_ref().filter(|_| told.subscriber != SLOW && told.subscriber != LATE)?;
            let at_us = published.get(&(alert.partition, alert.sequence))?;
            // Those that are even, and so stay connected: who comes back is told of the past.
            let live = told.subscriber % 2 == 0 && (from..to).contains(at_us);
            live.then(|| (told.at_us - at_us) as f64 / 1e3)
        });
        percentile(delays.collect(), 0.99)
    };
    let (before, during) = (p99(evidence.began(Phase::Steady).unwrap_or(0), fault), p99(fault, end));
    let taken = evidence.told.iter().filter(|told| told.subscriber == SLOW && told.alert.is_some()).count();
    // Both are read by one process here: an alert may be in a subscriber's hand before the ledger has it.
    Check::new(
        "fast subscribers",
        during <= before * CHANGE || during - before < 5.0,
        format!(
            "99 % told within {during:.0} ms of the alert's message, {before:.0} ms without the slow one, which took {taken} alerts"
        ),
    )
}

fn full(evidence: &Evidence) -> Check {
    let answers = |wanted: &'static str, from: Phase, to: Phase| {
        let span = evidence.began(from).unwrap_or(0)..evidence.began(to).unwrap_or(i64::MAX);
        evidence.history.iter().filter_map(move |moment| match &moment.what {
            Happened::Answered { question, good, words }
                if question == wanted && span.contains(&moment.at_us) =>
            {
                Some((*good, words.as_str()))
            }
            _ => None,
        })
    };
    let said = answers("readyz", Phase::Fault, Phase::Heal).next().unwrap_or((true, "it was not asked"));
    let audited = answers("audited", Phase::Fault, Phase::Heal).next().unwrap_or((true, "it was not asked"));
    // A little may fit where much does not. What was done must be in the audit; what is there need not have been done.
    let held = evidence.history.iter().any(|moment| {
        matches!(&moment.what, Happened::Answered { question, good: true, .. } if question == "in the audit")
    });
    let live = answers("live", Phase::Fault, Phase::Heal).count();
    let again = answers("readyz", Phase::Heal, Phase::Settle).next_back().is_some_and(|(good, _)| good);
    Check::new(
        "full disk",
        !said.0 && (held || !audited.0) && live > 0 && again,
        format!(
            "while it was full: readyz {}, what needs the audit {}, and is{} in it, {live} live pictures; without a restart ready \
             again: {again}",
            if said.0 { "well".to_owned() } else { format!("`{}`", said.1) },
            if audited.0 { "done".to_owned() } else { format!("refused (`{}`)", audited.1) },
            if held { "" } else { " not" },
        ),
    )
}

/// The value below which a share lies. NaN for none.
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    values.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}
