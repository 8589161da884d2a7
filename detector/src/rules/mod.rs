//! Rules: when something in the picture becomes an anomaly.
//!
//! Defined once, for all of them:
//! - The **foot point** of an object is the middle of its box's lower edge. An object is in a zone when its foot point
//!   is.
//! - A track **born inside** a zone has entered it, unless it is `present`: found inside after a cold start, a new
//!   epoch or an edited zone. A present track has not entered, and its dwell counts from then.
//! - **Left and right** of a line are those of somebody who stands on its first point and looks at its last, in the
//!   picture. A crossing to the right goes from the left side to the right one.
//! - A condition may be interrupted for `gap_s` and still count as one. The same rule leaves the same subject alone
//!   for `cooldown_s` after it fired.
//! - **Severity**: info (a line in the log), low (look when there is time), medium (look now), high (act), critical
//!   (somebody may be in danger).
//! - **Schedules** are read in the rule's own time zone, an IANA name; stream time decides, not the clock on the wall.
//!
//! A rule kind is one file with one [`Rule`]; adding one adds its line to `KINDS` and touches nothing else.

mod crossing;
mod crowd;
mod dwell;
mod engine;
mod entry;
mod exit;
pub mod geometry;
mod schedule;

use std::collections::HashMap;

use cortex_proto::v1;
use cortex_runtime::Tables;
use serde::{Deserialize, Serialize};

pub use engine::{Engine, State};
use geometry::Point;
use schedule::Schedule;

/// Epoch, number and stream time of a frame.
type Moment = (u64, u64, i64);

/// What a rule remembers of one subject: a track, or the scene as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Whether it was inside at last; `None` before the first sight.
    inside: Option<bool>,
    /// Since when the condition holds, in microseconds; 0 when it does not.
    since_us: i64,
    /// The frame in which it began.
    began: Moment,
    /// When the condition last held, in microseconds.
    held_us: i64,
    /// When the subject was last seen, in microseconds.
    seen_us: i64,
    /// Last place clearly on one side of the line.
    foot: Option<[f32; 2]>,
    /// When the rule last fired for it, in microseconds; 0 for never.
    fired_us: i64,
    /// It fired, and the condition has held ever since.
    told: bool,
}

/// One sight of one track.
pub struct Sight<'a> {
    object: &'a v1::Object,
    foot: Point,
    time_us: i64,
    frame: Moment,
    /// The rule or its zone is new to this track: what is inside was there before.
    fresh: bool,
}

/// One frame, for rules about the scene as a whole.
pub struct Scene<'a> {
    sights: &'a [Sight<'a>],
    time_us: i64,
    frame: Moment,
}

/// What a rule found.
pub struct Finding {
    /// Why, without the subject: `stayed in zone gate for 21 s, 20 s are allowed`.
    why: String,
    /// What was measured, against what.
    measures: Vec<v1::Measure>,
    /// `left`, `right` or empty.
    direction: &'static str,
}

/// A kind of rule, made for one rule of one camera.
pub trait Rule: Send {
    /// Looks at one track that was seen in this frame.
    fn track(&self, _sight: &Sight<'_>, _memory: &mut Memory) -> Option<Finding> {
        None
    }

    /// Looks at the frame as a whole. Also called when time passes without a picture, with nothing seen.
    fn scene(&self, _scene: &Scene<'_>, _memory: &mut Memory) -> Option<Finding> {
        None
    }
}

/// A rule's kind by name, and what makes it from a rule and its zone.
type Make = fn(&v1::Rule, Option<&v1::Zone>) -> Result<Box<dyn Rule>, String>;

/// Every kind of rule.
const KINDS: [(&str, Make); 5] = [
    ("entry", entry::make),
    ("exit", exit::make),
    ("dwell", dwell::make),
    ("crossing", crossing::make),
    ("crowd", crowd::make),
];

/// Whether a rule can be used with these zones; the error says which field is wrong and why.
pub fn validate(rule: &v1::Rule, tables: &Tables) -> Result<(), String> {
    let zones: Vec<&v1::Zone> = tables
        .zones
        .values()
        .filter(|zone| zone.id == rule.zone && (rule.camera.is_empty() || zone.camera == rule.camera))
        .collect();
    if !rule.zone.is_empty() && zones.is_empty() {
        return Err(format!("zone: there is no zone `{}`{}", rule.zone, of_camera(&rule.camera)));
    }
    if v1::Severity::try_from(rule.severity).unwrap_or_default() == v1::Severity::Unspecified {
        return Err("severity: must be info, low, medium, high or critical".to_owned());
    }
    Schedule::parse(&rule.schedule, &rule.time_zone)?;
    if !(rule.gap_s >= 0.0 && rule.cooldown_s >= 0.0 && (0.0..=1.0).contains(&rule.min_height)) {
        return Err(
            "gap_s and cooldown_s must not be negative, min_height is a share of the picture's height"
                .to_owned(),
        );
    }
    match zones.as_slice() {
        [] => make(rule, None).map(drop),
        zones => zones.iter().try_for_each(|zone| make(rule, Some(zone)).map(drop)),
    }
}

fn of_camera(camera: &str) -> String {
    if camera.is_empty() { String::new() } else { format!(" on camera `{camera}`") }
}

fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    let kind = KINDS.iter().find(|(name, _)| *name == rule.kind);
    let (_, make) = kind.ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        format!("kind: `{}` is not known; there are {}", rule.kind, known.join(", "))
    })?;
    make(rule, zone)
}

/// The polygon that a rule needs.
fn polygon(zone: Option<&v1::Zone>, kind: &str) -> Result<Vec<Point>, String> {
    match zone {
        Some(zone) if zone.shape() == v1::Shape::Polygon && zone.points.len() >= 3 => Ok(points(zone)),
        Some(zone) => {
            Err(format!("zone: `{}` must be a polygon of three points at least for `{kind}`", zone.id))
        }
        None => Err(format!("zone: `{kind}` needs one")),
    }
}

fn points(zone: &v1::Zone) -> Vec<Point> {
    zone.points.iter().map(|point| Point { x: point.x, y: point.y }).collect()
}

/// A number of the rule, above `least`.
fn number(parameters: &HashMap<String, f64>, name: &str, least: f64) -> Result<f64, String> {
    match parameters.get(name) {
        Some(value) if *value >= least => Ok(*value),
        Some(value) => Err(format!("{name}: must be at least {least}, is {value}")),
        None => Err(format!("{name}: is missing")),
    }
}

/// Refuses parameters and options that the kind does not know.
fn only(rule: &v1::Rule, known: &[&str]) -> Result<(), String> {
    let foreign =
        rule.parameters.keys().chain(rule.options.keys()).find(|name| !known.contains(&name.as_str()));
    match foreign {
        Some(name) => {
            Err(format!("{name}: `{}` has no such parameter; it has {}", rule.kind, known.join(", ")))
        }
        None => Ok(()),
    }
}

fn measure(name: &str, value: f64, threshold: f64) -> v1::Measure {
    v1::Measure { name: name.to_owned(), value, threshold }
}

fn seconds(from_us: i64, to_us: i64) -> f64 {
    (to_us - from_us) as f64 / 1e6
}
