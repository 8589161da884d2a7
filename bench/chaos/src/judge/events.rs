//! What was told, held against what happened: no event twice, and people keep their names.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use anyhow::Context;
use serde::Deserialize;

use super::{Check, Evidence, Switches};
use crate::{
    burst,
    clip::RATE,
    ledger::{Anomaly, Body, Outcome},
};

/// A box is a person's of the truth from here on.
const SAME: f32 = 0.5;
/// Two boxes at one moment are one person's from here on; two who walk side by side reach 0.5.
const ONE: f32 = 0.7;
/// Two events of one rule at one place within so long are one event.
const ONCE_US: i64 = 1_000_000;
/// A person of the clip who was not seen for so long comes in the next round.
const ROUND_US: i64 = 40_000_000;
/// Most by which an event may be told off its time, in pictures of the clip: a second.
const TOLERANCE: i64 = RATE as i64;
const SIZE: (f32, f32) = (768.0, 576.0);

/// What happens on the demonstration clip: `bench/truth`.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// People and their boxes by number of the picture.
    people: HashMap<u64, Vec<(u32, [f32; 4])>>,
    /// Rule and picture of what happens.
    events: Vec<(String, i64)>,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    rule: String,
    at_s: f64,
}

impl Truth {
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut people: HashMap<u64, Vec<(u32, [f32; 4])>> = HashMap::new();
        for line in
            fs::read_to_string(folder.join("vtest.tracks.csv")).context("read the true tracks")?.lines()
        {
            let numbers: Vec<f32> = line.split(',').filter_map(|field| field.parse().ok()).collect();
            let [frame, person, x, y, width, height, ..] = numbers[..] else { continue };
            let corners = [x / SIZE.0, y / SIZE.1, (x + width) / SIZE.0, (y + height) / SIZE.1];
            people.entry(frame as u64 - 1).or_default().push((person as u32, corners));
        }
        let events = fs::read_to_string(folder.join("vtest.events.toml")).context("read the true events")?;
        let events: Events = toml::from_str(&events)?;
        let events = events.events.into_iter().map(|event| (event.rule, (event.at_s * RATE as f64) as i64));
        Ok(Self { people, events: events.collect() })
    }
}

/// Numbers of the demonstration's pictures by names of frames.
fn numbers(evidence: &Evidence) -> HashMap<(&str, u64, u64), u64> {
    let stamped = evidence.frames().filter_map(|(_, frame)| {
        let times = if frame.camera.starts_with(burst::NAME) { burst::PACE } else { 1 };
        Some(((frame.camera.as_str(), frame.epoch, frame.seq), u64::from(frame.stamp?.number) / times))
    });
    stamped.collect()
}

pub(super) fn judge(
    evidence: &Evidence,
    truth: &Truth,
    limit: Option<f64>,
    calm: Option<Switches>,
) -> (Switches, Vec<Check>) {
    let numbers = numbers(evidence);
    let mut anomalies: BTreeMap<&str, &Anomaly> = BTreeMap::new();
    for message in &evidence.messages {
        if let Body::Anomaly(anomaly) = &message.body {
            anomalies.insert(&anomaly.id, anomaly);
        }
    }
    let all: Vec<&Anomaly> = anomalies.into_values().filter(|anomaly| anomaly.track != 0).collect();
    let doubles = all
        .iter()
        .enumerate()
        .map(|(index, one)| all[index + 1..].iter().filter(|other| same_event(evidence, one, other)).count());
    let doubles: usize = doubles.sum();
    let (right, again, beyond) = against(truth, &all, &numbers);
    let switches = switches(evidence, truth, &numbers);
    let share = |of: Switches| 1000.0 * of.switches as f64 / of.seen.max(1) as f64;
    let mut checks = vec![Check::new(
        "doubles by event",
        doubles == 0,
        format!(
            "{} events, doubles {doubles}; of those that the clip's truth knows {right} told once, {again} again within a round, \
             {beyond} that it does not know",
            all.len()
        ),
    )];
    let beside = calm.map(|calm| {
        format!(", {:.2} times the calm run's {:.1}", share(switches) / share(calm), share(calm))
    });
    let (met, beside) = match (limit, calm) {
        (Some(times), Some(calm)) => (
            share(switches) <= times * share(calm),
            format!("{}, at most {times}", beside.unwrap_or_default()),
        ),
        (Some(_), None) => (false, ", and nothing to compare it with: run `calm` as well".to_owned()),
        (None, _) => (true, beside.unwrap_or_default()),
    };
    checks.push(Check::new(
        "identity switches",
        met,
        format!(
            "{} among {} sights of people: {:.1} in a thousand{beside}",
            switches.switches,
            switches.seen,
            share(switches)
        ),
    ));
    (switches, checks)
}

/// The same rule about the same subject at overlapping times: the same track, or the same place, unless one picture shows that
/// these are two, of whom one walks behind the other.
fn same_event(evidence: &Evidence, one: &Anomaly, other: &Anomaly) -> bool {
    if (&one.camera, &one.rule) != (&other.camera, &other.rule) {
        return false;
    }
    let overlap = one.began_us < other.time_us && other.began_us < one.time_us;
    let together = (one.time_us - other.time_us).abs() < ONCE_US;
    let alike = || overlap_of(one.place, other.place) >= ONE && !seen_apart(evidence, one, other);
    (overlap || together) && (one.track == other.track || alike())
}

fn seen_apart(evidence: &Evidence, one: &Anomaly, other: &Anomaly) -> bool {
    let mut seen = evidence.seen().map(|(_, seen)| seen).filter(|seen| seen.camera == one.camera);
    seen.any(|seen| {
        let place = |of: u64| seen.tracks.iter().find(|(track, _)| *track == of).map(|(_, place)| *place);
        place(one.track).zip(place(other.track)).is_some_and(|(one, other)| overlap_of(one, other) < ONE)
    })
}

/// How many events are true and told once, told again within a round, and unknown to the truth. Only of rules that the truth is
/// about.
fn against(truth: &Truth, told: &[&Anomaly], numbers: &HashMap<(&str, u64, u64), u64>) -> (u64, u64, u64) {
    let mut last: HashMap<(&str, usize), i64> = HashMap::new();
    let (mut right, mut again, mut beyond) = (0, 0, 0);
    let mut told = told.to_vec();
    told.sort_by_key(|anomaly| anomaly.time_us);
    for anomaly in told {
        if !truth.events.iter().any(|(rule, _)| *rule == anomaly.rule) {
            continue;
        }
        let Some(number) = numbers.get(&(anomaly.camera.as_str(), anomaly.epoch, anomaly.seq)) else {
            continue;
        };
        let off = |at: i64| (at - *number as i64).abs();
        let mut near: Vec<usize> = (0..truth.events.len())
            .filter(|index| {
                truth.events[*index].0 == anomaly.rule && off(truth.events[*index].1) <= TOLERANCE
            })
            .collect();
        near.sort_by_key(|index| off(truth.events[*index].1));
        let free = |index: &&usize| {
            let before = last.get(&(anomaly.camera.as_str(), **index));
            before.is_none_or(|before| anomaly.time_us - before > ROUND_US)
        };
        match near.iter().find(free) {
            Some(index) => {
                right += 1;
                last.insert((&anomaly.camera, *index), anomaly.time_us);
            }
            None if near.is_empty() => beyond += 1,
            None => again += 1,
        }
    }
    (right, again, beyond)
}

/// How often a person goes on under another track.
fn switches(evidence: &Evidence, truth: &Truth, numbers: &HashMap<(&str, u64, u64), u64>) -> Switches {
    let mut known: HashMap<(&str, u32), (u64, i64)> = HashMap::new();
    let mut counted = Switches { seen: 0, switches: 0 };
    for (_, seen) in evidence.seen().filter(|(_, seen)| seen.outcome == Outcome::Processed) {
        let people = numbers.get(&(seen.camera.as_str(), seen.epoch, seen.seq));
        let Some(people) = people.and_then(|number| truth.people.get(number)) else { continue };
        for (person, place) in people {
            let best = seen
                .tracks
                .iter()
                .max_by(|one, other| overlap_of(one.1, *place).total_cmp(&overlap_of(other.1, *place)));
            let Some((track, _)) = best.filter(|(_, found)| overlap_of(*found, *place) >= SAME) else {
                continue;
            };
            counted.seen += 1;
            let before = known.insert((&seen.camera, *person), (*track, seen.time_us));
            let other = before
                .filter(|(_, at_us)| seen.time_us - at_us < ROUND_US)
                .is_some_and(|(was, _)| was != *track);
            counted.switches += u64::from(other);
        }
    }
    counted
}

/// Intersection over union.
fn overlap_of(one: [f32; 4], other: [f32; 4]) -> f32 {
    let width = (one[2].min(other[2]) - one[0].max(other[0])).max(0.0);
    let height = (one[3].min(other[3]) - one[1].max(other[1])).max(0.0);
    let area = |corners: [f32; 4]| (corners[2] - corners[0]) * (corners[3] - corners[1]);
    let both = width * height;
    let either = area(one) + area(other) - both;
    if either > 0.0 { both / either } else { 0.0 }
}
