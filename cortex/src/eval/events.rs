//! `cortex eval rules`: alerts against events that people wrote down.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{lines, read};
use crate::{cli, print};

/// A file of truth.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    /// Cameras whose every alert is judged; without it those of the events.
    #[serde(default)]
    cameras: Vec<String>,
    /// Rules that are judged, by id; without it all of them.
    #[serde(default)]
    rules: Vec<String>,
    /// How far an alert may be from its event, in seconds, before and after.
    #[serde(default = "default_tolerance")]
    tolerance_s: f64,
    /// How far the subject's foot point may be from the event's place, in shares of the picture.
    #[serde(default = "default_reach")]
    reach: f64,
    #[serde(default)]
    events: Vec<Event>,
}

/// Something that must be told.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Event {
    camera: String,
    /// Id of the rule that must tell it; empty for any of the kind.
    #[serde(default)]
    rule: String,
    /// Kind of the rule; empty for any.
    #[serde(default)]
    kind: String,
    /// Since when it must be told, in seconds from the beginning of the footage.
    at_s: f64,
    /// Until when it may still be told; without it `at_s`.
    until_s: Option<f64>,
    /// Foot point of the subject, in shares of the picture.
    place: Option<[f64; 2]>,
    /// `left` or `right`; empty for either.
    #[serde(default)]
    direction: String,
    /// Instead of the file's.
    tolerance_s: Option<f64>,
}

/// How one rule did.
#[derive(Default, Serialize)]
struct Tally {
    events: usize,
    found: usize,
    /// Share of events that were told; absent without events.
    recall: Option<f64>,
    false_alerts: usize,
    false_per_camera_hour: f64,
    /// Seconds from the event to its alert, in order.
    delays_s: Vec<f64>,
}

fn default_tolerance() -> f64 {
    2.0
}

fn default_reach() -> f64 {
    0.15
}

impl Event {
    /// Seconds between the event and an alert that may tell it.
    fn distance(&self, alert: &Value, truth: &Truth) -> Option<f64> {
        let is = |key: &str, wanted: &str| wanted.is_empty() || alert[key] == *wanted;
        let same = alert["camera"] == *self.camera
            && is("rule", &self.rule)
            && is("kind", &self.kind)
            && is("direction", &self.direction);
        let near = self.place.is_none_or(|[x, y]| {
            // What has no foot point is about the whole picture.
            let foot = (alert["foot"][0].as_f64(), alert["foot"][1].as_f64());
            if let (Some(u), Some(v)) = foot { (u - x).hypot(v - y) <= truth.reach } else { true }
        });
        let tolerance = self.tolerance_s.unwrap_or(truth.tolerance_s);
        let time = alert["time"].as_f64()?;
        let due = self.at_s - tolerance..=self.until_s.unwrap_or(self.at_s) + tolerance;
        (same && near && due.contains(&time)).then(|| (time - self.at_s).abs())
    }

    /// What it is counted under.
    fn name(&self) -> &str {
        if self.rule.is_empty() { &self.kind } else { &self.rule }
    }
}

/// Prints recall, false alerts and delays.
pub(super) fn run(options: &cli::EvalRules) -> anyhow::Result<()> {
    let mut truth: Truth = toml::from_str(&read(&options.truth)?)
        .with_context(|| format!("read the truth {}", options.truth.display()))?;
    if let Some(n) = truth.events.iter().position(|event| event.name().is_empty()) {
        bail!("{}: events[{n}] names neither a `rule` nor a `kind`", options.truth.display());
    }
    if truth.cameras.is_empty() {
        let cameras: BTreeSet<&String> = truth.events.iter().map(|event| &event.camera).collect();
        truth.cameras = cameras.into_iter().cloned().collect();
    }
    let judged = |line: &Value| {
        let names = |list: &[String], key: &str| list.iter().any(|name| line[key] == **name);
        names(&truth.cameras, "camera") && (truth.rules.is_empty() || names(&truth.rules, "rule"))
    };
    let alerts: Vec<Value> =
        lines(&options.results, "anomalies.ndjson")?.into_iter().filter(judged).collect();
    let hours = hours(options, &truth.cameras)?;
    let pairs = pair(&truth, &alerts);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut remarks = Vec::new();
    for name in &truth.rules {
        tallies.entry(name).or_default();
    }
    for (row, event) in truth.events.iter().enumerate() {
        let tally = tallies.entry(event.name()).or_default();
        tally.events += 1;
        match pairs.get(&row) {
            Some(column) => {
                tally.found += 1;
                tally.delays_s.push(alerts[*column]["time"].as_f64().unwrap_or_default() - event.at_s);
            }
            None => remarks.push(json!({ "missed": event })),
        }
    }
    let told: BTreeSet<usize> = pairs.into_values().collect();
    for alert in alerts.iter().enumerate().filter(|(n, _)| !told.contains(n)).map(|(_, alert)| alert) {
        tallies.entry(counted_under(alert, &truth)).or_default().false_alerts += 1;
        remarks.push(json!({ "false": alert }));
    }
    for tally in tallies.values_mut() {
        tally.delays_s.sort_by(f64::total_cmp);
        tally.recall = (tally.events > 0).then(|| tally.found as f64 / tally.events as f64);
        tally.false_per_camera_hour = tally.false_alerts as f64 / hours;
    }
    if options.json {
        print::line(&json!({ "camera_hours": hours, "rules": tallies, "wrong": remarks }).to_string());
    } else {
        table(&tallies, hours, &remarks);
    }
    Ok(())
}

/// Which alert tells which event: as many as possible, then the nearest in time.
fn pair(truth: &Truth, alerts: &[Value]) -> BTreeMap<usize, usize> {
    // A pair outweighs every difference in time, and no event lasts a day.
    const PAIR: f64 = 86_400.0;
    let row = |event: &Event| {
        let cost =
            |alert: &Value| event.distance(alert, truth).map_or(0.0, |seconds| (seconds - PAIR) as f32);
        alerts.iter().map(cost).collect()
    };
    cortex_detector::assign(&truth.events.iter().map(row).collect::<Vec<Vec<f32>>>(), 0.0)
        .into_iter()
        .collect()
}

/// What an alert without an event is counted under: the name that events of its rule or kind use.
fn counted_under<'a>(alert: &'a Value, truth: &'a Truth) -> &'a str {
    let text = |key: &str| alert[key].as_str().unwrap_or_default();
    let (rule, kind) = (text("rule"), text("kind"));
    let named = |name: &str| {
        truth.rules.iter().any(|rule| rule == name) || truth.events.iter().any(|event| event.name() == name)
    };
    if !named(rule) && named(kind) { kind } else { rule }
}

/// Hours of footage of the judged cameras, from the first to the last frame.
fn hours(options: &cli::EvalRules, cameras: &[String]) -> anyhow::Result<f64> {
    if let Some(hours) = options.hours {
        return Ok(hours);
    }
    if !options.results.is_dir() {
        bail!("--results is a file: give its folder, so that the footage's length is known, or --hours");
    }
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for line in lines(&options.results, "detections.ndjson")? {
        if let (Some(camera), Some(time)) = (line["camera"].as_str(), line["time"].as_f64())
            && cameras.iter().any(|judged| judged == camera)
        {
            let latest = last.entry(camera.to_owned()).or_default();
            *latest = latest.max(time);
        }
    }
    if let Some(camera) = cameras.iter().find(|camera| !last.contains_key(*camera)) {
        bail!("there is no camera `{camera}` in the results");
    }
    Ok(last.values().sum::<f64>() / 3600.0)
}

fn table(tallies: &BTreeMap<&str, Tally>, hours: f64, remarks: &[Value]) {
    print::line(&format!(
        "{:<28} {:>6} {:>6} {:>7} {:>6} {:>13}  delay: median, worst",
        "rule", "events", "found", "recall", "false", "a camera-hour"
    ));
    for (name, tally) in tallies {
        let recall = tally.recall.map_or_else(|| "-".to_owned(), |recall| format!("{recall:.3}"));
        let delay = match (tally.delays_s.get(tally.delays_s.len() / 2), tally.delays_s.last()) {
            (Some(median), Some(worst)) => format!("{median:.2} s, {worst:.2} s"),
            _ => "-".to_owned(),
        };
        print::line(&format!(
            "{name:<28} {:>6} {:>6} {recall:>7} {:>6} {:>13.2}  {delay}",
            tally.events, tally.found, tally.false_alerts, tally.false_per_camera_hour
        ));
    }
    print::line(&format!("{hours:.4} camera-hours"));
    for remark in remarks {
        print::line(&match remark.get("false") {
            Some(alert) => format!(
                "false:  {} {:>8.2} s  {}: {}",
                alert["camera"].as_str().unwrap_or_default(),
                alert["time"].as_f64().unwrap_or_default(),
                alert["rule"].as_str().unwrap_or_default(),
                alert["why"].as_str().unwrap_or_default()
            ),
            None => {
                let event = &remark["missed"];
                let text = |key: &str| event[key].as_str().unwrap_or_default();
                let time = event["at_s"].as_f64().unwrap_or_default();
                format!("missed: {} {time:>8.2} s  {} {}", text("camera"), text("rule"), text("kind"))
            }
        });
    }
}
