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
//! - A **subject** is a track, and the tracks that go on with it when the tracker lost somebody and found them again
//!   near by under another id: timers do not see an id switch.
//! - Rules look **whatever their schedule says**: who was inside when it opens has not entered, and what has lasted
//!   long enough when it opens is told then.
//! - **Speeds and distances** are given in metres. Where the camera's ground is calibrated they are measured in metres,
//!   elsewhere in heights of the people seen there, of whom each is taken for 1.7 m; the anomaly says which.
//! - **Severity**: info (a line in the log), low (look when there is time), medium (look now), high (act), critical
//!   (somebody may be in danger).
//! - **Schedules** are read in the rule's own time zone, an IANA name; stream time decides, not the clock on the wall.
//!
//! A rule kind is one file with one [`Rule`]; adding one adds its line to `KINDS` and touches nothing else.

mod area;
mod combine;
mod cut;
mod engine;
pub mod geometry;
mod ground;
mod line;
mod look;
mod memory;
mod needs;
mod packed;
mod pass;
mod posture;
mod scale;
mod schedule;
mod series;
mod sight;
mod state;
mod subject;
mod succession;
mod tell;

mod abandoned;
mod climbing;
mod congestion;
mod crossing;
mod crowd;
mod density;
mod dispersal;
mod down;
mod dwell;
mod entry;
mod exit;
mod fall;
mod hands_up;
mod lying;
mod removed;
mod running;
mod stopped;
mod tailgating;
mod wrong_way;

use cortex_proto::v1;
use cortex_runtime::Tables;

use area::Area;
use combine::Combined;
pub use engine::{Engine, Explained};
pub use geometry::Point;
use line::{Count, Line, Way};
pub use look::{Finding, Gauge, Look, Stop, Verdict, measure};
pub use memory::{Holds, Mark, Memory, Moment, Span};
pub use needs::{Needs, watches, window_s};
use posture::{Body, Posture};
pub use scale::Scale;
use schedule::Schedule;
pub use sight::{Scene, Sight};
pub use state::State;
pub use subject::{Subject, Travel};

/// A kind of rule, made for one rule of one camera. It is called for every frame, whatever the schedule says, so that
/// it knows what was there before; whether a finding is told is the engine's business.
pub trait Rule: Send {
    /// Classes that are looked at when the rule names none.
    fn classes(&self) -> &'static [&'static str] {
        &["person"]
    }

    /// Looks at one track that is seen in this frame. `shared` is what the rule remembers of the scene as a whole.
    fn track(&self, _sight: &Sight<'_>, _memory: &mut Memory, _shared: &mut Memory) -> Look {
        Look::IDLE
    }

    /// Time passes for a subject that is not seen while its condition holds (`memory.since`).
    fn missing(&self, _now: Moment, _memory: &mut Memory, _shared: &mut Memory) -> Look {
        Look::IDLE
    }

    /// Looks at one lasting change of the scene.
    fn change(&self, _change: &v1::Change, _scene: &Scene<'_>, _memory: &mut Memory) -> Look {
        Look::IDLE
    }

    /// Looks at the frame as a whole. Also called when time passes without a picture, with nothing seen.
    fn scene(&self, _scene: &Scene<'_>, _shared: &mut Memory) -> Look {
        Look::IDLE
    }
}

/// What a kind reads beside boxes and tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Nothing.
    Boxes,
    /// [`v1::Object::pose`].
    Pose,
    /// [`v1::Detections::changes`].
    Changes,
}

/// What makes a rule of one kind, with its zone.
type Make = fn(&v1::Rule, Option<&v1::Zone>) -> Result<Box<dyn Rule>, String>;

/// Every kind that looks for itself: its name, what it reads, and what makes it.
const KINDS: &[(&str, Cue, Make)] = &[
    ("entry", Cue::Boxes, entry::make),
    ("exit", Cue::Boxes, exit::make),
    ("dwell", Cue::Boxes, dwell::make),
    ("crossing", Cue::Boxes, crossing::make),
    ("crowd", Cue::Boxes, crowd::make),
    ("density", Cue::Boxes, density::make),
    ("running", Cue::Boxes, running::make),
    ("wrong_way", Cue::Boxes, wrong_way::make),
    ("stopped", Cue::Boxes, stopped::make),
    ("tailgating", Cue::Boxes, tailgating::make),
    ("congestion", Cue::Boxes, congestion::make),
    ("dispersal", Cue::Boxes, dispersal::make),
    ("climbing", Cue::Boxes, climbing::make),
    ("fall", Cue::Pose, fall::make),
    ("lying", Cue::Pose, lying::make),
    ("hands_up", Cue::Pose, hands_up::make),
    ("abandoned", Cue::Changes, abandoned::make),
    ("removed", Cue::Changes, removed::make),
];

/// The kinds that combine others.
const COMBINED: [&str; 3] = ["all", "any", "then"];

/// What rules of a kind read beside boxes and tracks; [`Cue::Boxes`] for one that is not known.
pub fn cue(kind: &str) -> Cue {
    KINDS.iter().find(|(name, ..)| *name == kind).map_or(Cue::Boxes, |(_, cue, _)| *cue)
}

/// Longest gap window and cool-down, in seconds.
const DAY_S: f32 = 86_400.0;

/// Whether a rule can be used with these zones and, when it combines others, with these rules; the error says which
/// field is wrong and why.
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
    if rule.options.get("silent").is_some_and(|word| word != "true" && word != "false") {
        return Err("silent: must be true or false".to_owned());
    }
    Schedule::parse(&rule.schedule, &rule.time_zone)?;
    for (name, seconds) in [("gap_s", rule.gap_s), ("cooldown_s", rule.cooldown_s)] {
        if !(0.0..=DAY_S).contains(&seconds) {
            return Err(format!("{name}: must be 0 to {DAY_S} seconds"));
        }
    }
    if !(0.0..=1.0).contains(&rule.min_height) {
        return Err("min_height: is a share of the picture's height, 0 to 1".to_owned());
    }
    if Combined::is(&rule.kind) {
        let fits = |part: &v1::Rule| {
            let here = [&part.camera, &rule.camera].iter().any(|camera| camera.is_empty());
            !Combined::is(&part.kind) && (here || part.camera == rule.camera)
        };
        return Combined::new(rule, |id| tables.rules.get(id).filter(|part| fits(part)).map(|_| 0)).map(drop);
    }
    match zones.as_slice() {
        [] => make(rule, None).map(drop),
        zones => zones.iter().try_for_each(|zone| make(rule, Some(zone)).map(drop)),
    }
}

/// Whether distances on the ground can be had from a calibration; the error says why not.
pub fn calibrates(ground: &v1::Ground) -> Result<(), String> {
    // The picture's shape decides how long a metre is, not whether there is one.
    ground::Homography::of(ground, 1.0).map(drop)
}

fn of_camera(camera: &str) -> String {
    if camera.is_empty() { String::new() } else { format!(" on camera `{camera}`") }
}

fn make(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Box<dyn Rule>, String> {
    if !rule.of.is_empty() {
        return Err(format!("of: `{}` rests on no other rules; {} do", rule.kind, COMBINED.join(", ")));
    }
    let kind = KINDS.iter().find(|(name, ..)| *name == rule.kind);
    let (.., make) = kind.ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|(name, ..)| *name).chain(COMBINED).collect();
        format!("kind: `{}` is not known; there are {}", rule.kind, known.join(", "))
    })?;
    make(rule, zone)
}

/// The polygon that a rule needs.
fn polygon(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Area, String> {
    match zone {
        Some(_) => area(rule, zone),
        None => Err(format!("zone: `{}` needs one", rule.kind)),
    }
}

/// The polygon of a rule that can also do without.
fn area(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Area, String> {
    match zone {
        Some(zone) if zone.shape() == v1::Shape::Polygon && zone.points.len() >= 3 => {
            Ok(Area { name: format!("zone {}", zone.id), polygon: Some(points(zone)) })
        }
        Some(zone) => {
            Err(format!("zone: `{}` must be a polygon of three points at least for `{}`", zone.id, rule.kind))
        }
        None => Ok(Area { name: "the picture".to_owned(), polygon: None }),
    }
}

/// The line that a rule needs.
fn line(rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Line, String> {
    match zone {
        Some(zone) if zone.shape() == v1::Shape::Line && zone.points.len() >= 2 => {
            Ok(Line { name: zone.id.clone(), points: points(zone), gap_s: f64::from(rule.gap_s) })
        }
        Some(zone) => {
            Err(format!("zone: `{}` must be a line of two points at least for `{}`", zone.id, rule.kind))
        }
        None => Err(format!("zone: `{}` needs a line", rule.kind)),
    }
}

fn points(zone: &v1::Zone) -> Vec<Point> {
    zone.points.iter().map(|point| Point { x: point.x, y: point.y }).collect()
}

/// A number of the rule, at least `least`.
fn number(rule: &v1::Rule, name: &str, least: f64) -> Result<f64, String> {
    match rule.parameters.get(name) {
        Some(value) if *value >= least => Ok(*value),
        Some(value) => Err(format!("{name}: must be at least {least}, is {value}")),
        None => Err(format!("{name}: is missing")),
    }
}

/// A number of the rule, at least `least`, or what it is when left out.
fn number_or(rule: &v1::Rule, name: &str, least: f64, default: f64) -> Result<f64, String> {
    if rule.parameters.contains_key(name) { number(rule, name, least) } else { Ok(default) }
}

/// A word of the rule, the first of the known ones when left out.
fn word<'a>(rule: &v1::Rule, name: &str, known: &[&'a str]) -> Result<&'a str, String> {
    let Some(word) = rule.options.get(name) else { return Ok(known[0]) };
    known
        .iter()
        .find(|known| *known == word)
        .copied()
        .ok_or_else(|| format!("{name}: `{word}` is not known; there are {}", known.join(", ")))
}

/// Refuses parameters and options that the kind does not know.
fn only(rule: &v1::Rule, known: &[&str]) -> Result<(), String> {
    let foreign = rule
        .parameters
        .keys()
        .chain(rule.options.keys())
        .find(|name| *name != "silent" && !known.contains(&name.as_str()));
    match foreign {
        Some(name) => {
            let known: Vec<&str> = known.iter().copied().chain(["silent"]).collect();
            Err(format!("{name}: `{}` has no such parameter; it has {}", rule.kind, known.join(", ")))
        }
        None => Ok(()),
    }
}
