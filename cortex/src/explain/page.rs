//! Everything that is known of one anomaly.

use std::fmt::Write;

use cortex_alerter::terminal;
use cortex_proto::v1;
use serde_json::{Value, json};

use crate::past::{Past, clock};

/// One anomaly with what it rests on.
pub(super) struct Page {
    pub(super) anomaly: v1::Anomaly,
    /// The rule as it was in force; `None` when its state is gone, or when no rule raised it.
    pub(super) rule: Option<v1::Rule>,
    /// Its zone or line.
    pub(super) zone: Option<v1::Zone>,
    /// Where the subject was: stream time and foot point, oldest first.
    pub(super) path: Vec<(i64, v1::Point)>,
    /// Width and height of the source in pixels; 0 when nothing is stored.
    pub(super) size: (u32, u32),
    /// The cloaked picture as a JPEG.
    pub(super) still: Option<Vec<u8>>,
    /// The camera's ground was calibrated.
    ground: bool,
}

/// How much of the path before the condition began is shown, in microseconds.
const BEFORE_US: i64 = 10_000_000;
/// Steps of the curve in a line of text, lowest first.
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A measure's name, its threshold, and its values by stream time.
type Series = (String, Option<f64>, Vec<(i64, f64)>);

impl Page {
    pub(super) fn of(past: &Past, anomaly: &v1::Anomaly) -> anyhow::Result<Self> {
        // Without its detections, which are kept for a shorter time, the anomaly explains itself.
        let state = past.state(&anomaly.camera, anomaly.time_us).ok();
        let state = state.filter(|state| state.time_us <= anomaly.time_us);
        let seen = past.messages(&anomaly.camera, anomaly.began_us - BEFORE_US, anomaly.time_us)?;
        let foot = |seen: &v1::Detections| {
            let object =
                seen.objects.iter().find(|object| anomaly.track != 0 && object.track == anomaly.track)?;
            let place = object.r#box?;
            Some((seen.time_us, v1::Point { x: f32::midpoint(place.x1, place.x2), y: place.y2 }))
        };
        let frame = anomaly.frame.as_ref();
        Ok(Self {
            rule: state
                .as_ref()
                .and_then(|state| state.rules.iter().find(|rule| rule.id == anomaly.rule).cloned()),
            zone: state
                .as_ref()
                .and_then(|state| state.zones.iter().find(|zone| zone.id == anomaly.place).cloned()),
            ground: state.is_some_and(|state| state.ground.is_some()),
            path: seen.iter().filter_map(foot).collect(),
            size: seen.last().map_or((0, 0), |seen| (seen.source_width, seen.source_height)),
            still: frame.map(|frame| past.still(frame, anomaly.time_us)).transpose()?.flatten(),
            anomaly: anomaly.clone(),
        })
    }

    /// Foot points; those of the anomaly itself when its detections are gone.
    pub(super) fn points(&self) -> Vec<v1::Point> {
        if self.path.is_empty() {
            return self.anomaly.path.clone();
        }
        self.path.iter().map(|(_, point)| *point).collect()
    }

    /// What was measured over time, by name, and the threshold of each; without what was measured once.
    pub(super) fn series(&self) -> Vec<Series> {
        let mut series: Vec<Series> = Vec::new();
        for sample in &self.anomaly.samples {
            let index = series.iter().position(|(name, ..)| *name == sample.name).unwrap_or_else(|| {
                let measure = self.anomaly.measures.iter().find(|measure| measure.name == sample.name);
                let threshold =
                    measure.map(|measure| measure.threshold).filter(|threshold| *threshold != 0.0);
                series.push((sample.name.clone(), threshold, Vec::new()));
                series.len() - 1
            });
            series[index].2.push((sample.time_us, sample.value));
        }
        series.retain(|(.., values)| values.len() > 1);
        series
    }

    /// The rule's parameters in one line.
    pub(super) fn settings(&self) -> String {
        let Some(rule) = &self.rule else { return String::new() };
        let mut parts = vec![rule.kind.clone()];
        if !rule.zone.is_empty() {
            parts.push(format!("zone {}", rule.zone));
        }
        let classes =
            if rule.classes.is_empty() { "its usual classes".to_owned() } else { rule.classes.join(" ") };
        parts.push(format!("of {classes}"));
        let mut numbers: Vec<String> =
            rule.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        numbers.extend(rule.options.iter().map(|(name, word)| format!("{name} = {word}")));
        numbers.sort();
        parts.extend(numbers);
        parts.push(format!("gap {} s, cool-down {} s", rule.gap_s, rule.cooldown_s));
        if rule.min_height > 0.0 {
            parts.push(format!("at least {} of the picture high", rule.min_height));
        }
        if !rule.schedule.is_empty() {
            parts.push(format!("{} {}", rule.schedule, rule.time_zone));
        }
        parts.join(", ")
    }

    /// In what distances and speeds were measured.
    pub(super) fn calibration(&self) -> &'static str {
        match (self.anomaly.scale.as_str(), self.ground) {
            ("metres", _) => "metres on the camera's calibrated ground",
            ("heights", _) => "heights of the people seen there: the ground is not calibrated",
            (_, true) => "the ground is calibrated; this rule measured no distance",
            _ => "no distance was measured; the ground is not calibrated",
        }
    }

    pub(super) fn json(&self) -> Value {
        let path: Vec<_> = self
            .path
            .iter()
            .map(|(time_us, point)| json!({ "time_us": time_us, "x": point.x, "y": point.y }))
            .collect();
        json!({
            "anomaly": self.anomaly, "rule": self.rule, "zone": self.zone, "path": path, "still": self.still.is_some(),
            "calibration": self.calibration(),
        })
    }

    pub(super) fn text(&self) -> String {
        let anomaly = &self.anomaly;
        let mut text = format!(
            "anomaly {}\n  {} {}: {}\n  camera {}, site {}{}\n  began {}, told {}\n",
            anomaly.id,
            terminal::severity(anomaly.severity),
            anomaly.kind,
            anomaly.why,
            anomaly.camera,
            anomaly.site,
            if anomaly.place.is_empty() { String::new() } else { format!(", {}", anomaly.place) },
            clock(anomaly.began_us),
            clock(anomaly.time_us),
        );
        let settings = match self.settings() {
            settings if settings.is_empty() => "its settings are no longer stored".to_owned(),
            settings => settings,
        };
        let mut part =
            |name: &str, value: &str| writeln!(text, "{name:<12} {value}").expect("memory takes it");
        part("rule", &format!("{}, version {}", anomaly.rule, anomaly.rule_version));
        part("settings", &settings);
        anomaly.measures.iter().for_each(|measure| part("measured", &measured(measure)));
        for (name, _, values) in self.series() {
            part("over time", &format!("{name:<14} {}", curve(&values)));
        }
        let points = self.points();
        let ends = points.first().zip(points.last());
        let path = ends.map_or_else(
            || "none: the rule is about the scene".to_owned(),
            |(first, last)| {
                format!(
                    "{} places from ({:.3}, {:.3}) to ({:.3}, {:.3}), in shares of the picture",
                    points.len(),
                    first.x,
                    first.y,
                    last.x,
                    last.y
                )
            },
        );
        if anomaly.track != 0 {
            part("track", &format!("{} ({})", anomaly.track, anomaly.class));
        }
        part("path", &path);
        for (name, frame) in [("began in", &anomaly.began), ("told in", &anomaly.frame)] {
            let key = frame.as_ref().map_or_else(|| "no frame".to_owned(), key);
            part(name, &key);
        }
        part("still", if self.still.is_some() { "kept, cloaked" } else { "none is kept" });
        for (task, digest) in &anomaly.models {
            part("model", &format!("{task} sha256:{digest}"));
        }
        part("calibration", self.calibration());
        anomaly.parts.iter().for_each(|id| part("rests on", id));
        text.truncate(text.trim_end().len());
        text
    }
}

/// A frame's key.
fn key(frame: &v1::FrameId) -> String {
    let role = if frame.role() == v1::Role::Sub { "sub" } else { "main" };
    format!("{}/{role}/{}/{}", frame.camera, frame.epoch, frame.seq)
}

/// A value and, where it has one, its threshold.
pub(super) fn measured(measure: &v1::Measure) -> String {
    let v1::Measure { name, value, threshold } = measure;
    if *threshold == 0.0 {
        return format!("{name:<16} {value:>9.2}");
    }
    format!("{name:<16} {value:>9.2}   threshold {threshold:.2}")
}

/// A track's id as people can keep it in mind.
pub(super) fn short(track: u64) -> String {
    format!("{track:016x}")[..8].to_owned()
}

/// Values over time as a line of text: lowest, curve, highest.
fn curve(values: &[(i64, f64)]) -> String {
    let least = values.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let most = values.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let span = (most - least).max(1e-9);
    let step = |value: f64| STEPS[(((value - least) / span * 7.0).round() as usize).min(7)];
    let curve: String = values.iter().map(|(_, value)| step(*value)).collect();
    format!("{least:.2} {curve} {most:.2}")
}
