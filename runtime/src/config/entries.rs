//! Cameras, zones and rules as people write them, and as the control plane has them.

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::v1;
use serde::{Deserialize, Serialize};

pub use super::ground::{Ground, Person, Place};
use super::{
    checks::{self, Wrong},
    error::nearest,
};

/// A `[[cameras]]` entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Letters, digits, `-` and `_`, at most 64; never changes.
    pub id: String,
    /// What people call it; empty for the id.
    #[serde(default)]
    pub name: String,
    /// Site it stands at.
    #[serde(default = "default_site")]
    pub site: String,
    /// `rtsp://`, `rtsps://`, `http://`, `https://`, `file://`, `v4l2:///dev/video0` or `test://pattern`; without
    /// credentials.
    pub url: String,
    /// A second, smaller stream of the same view; empty for none.
    #[serde(default)]
    pub sub_url: String,
    /// Name of an entry in the credentials file; empty for none.
    #[serde(default)]
    pub credential: String,
    /// Pictures analysed per second; 0 for `ingest.rate`.
    #[serde(default)]
    pub rate: f32,
    /// How a file is played.
    #[serde(default)]
    pub playback: Playback,
    /// Whose pictures are given up last when more come than can be analysed.
    #[serde(default)]
    pub priority: Priority,
    /// Not connected to.
    #[serde(default)]
    pub disabled: bool,
    /// Where the ground is, so that rules measure metres; left out when nobody measured it.
    #[serde(default)]
    pub ground: Option<Ground>,
}

/// How a file is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Playback {
    /// As fast as it was filmed.
    #[default]
    Realtime,
    /// As fast as it can be analysed, every frame in order.
    Fast,
    /// As fast as it was filmed, again and again.
    Loop,
}

/// In which order pictures are given up when more come than can be analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// First.
    Low,
    /// After the low ones.
    #[default]
    Normal,
    /// Last.
    High,
}

/// A `[[zones]]` entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Letters, digits, `-` and `_`, unique within the camera.
    pub id: String,
    /// Camera whose picture it is drawn on.
    pub camera: String,
    /// What people call it; empty for the id.
    #[serde(default)]
    pub name: String,
    /// A closed area, or a line from the first point to the last.
    #[serde(default)]
    pub shape: Shape,
    /// Corners as `[x, y]` from the upper left: shares of the picture (0..1), or pixels when `size` is given.
    pub points: Vec<[f32; 2]>,
    /// Width and height in pixels of the picture that the points were read from.
    #[serde(default)]
    pub size: Option<[f32; 2]>,
}

/// What the points of a zone mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A closed area.
    #[default]
    Polygon,
    /// A line to cross.
    Line,
    /// A closed area in which nothing that moves wakes an idle camera.
    Mask,
}

/// A `[[rules]]` entry. The kind's own parameters stand beside the other keys: `seconds = 20`, `direction = "left"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rule {
    /// Letters, digits, `-` and `_`, unique over all.
    pub id: String,
    /// `entry`, `exit`, `dwell`, `crossing`, `crowd` ...: the kinds and their parameters are in `docs/rules.md`.
    pub kind: String,
    /// Camera; empty for every camera that has the zone.
    #[serde(default)]
    pub camera: String,
    /// Zone or line; empty for the whole picture where the kind allows it.
    #[serde(default)]
    pub zone: String,
    /// Classes it looks at; empty for the kind's own: `person` for most, vehicles for some.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Severity of what it raises.
    #[serde(default)]
    pub severity: Severity,
    /// The condition may be interrupted this long, in seconds, and still count as one.
    #[serde(default = "default_gap")]
    pub gap_s: f32,
    /// After it fired, the same subject is left alone this long, in seconds.
    #[serde(default)]
    pub cooldown_s: f32,
    /// When it is in force, as `22:00-06:00 mon-fri`, in `time_zone`; empty for always.
    #[serde(default)]
    pub schedule: String,
    /// IANA name; empty for UTC.
    #[serde(default)]
    pub time_zone: String,
    /// Objects lower than this share of the picture's height are left out.
    #[serde(default)]
    pub min_height: f32,
    /// It tells nobody but the rules that combine it.
    #[serde(default)]
    pub silent: bool,
    /// Rules that a combining kind (`all`, `any`, `then`) rests on, by id.
    #[serde(default)]
    pub of: Vec<String>,
    /// The kind's own numbers and words.
    #[serde(flatten)]
    pub parameters: BTreeMap<String, Parameter>,
}

/// A parameter of a rule's kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// A number, as `seconds`.
    Number(f64),
    /// A word, as `direction`.
    Word(String),
}

/// How much what a rule raises matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in the log.
    Info,
    /// Look when there is time.
    Low,
    /// Look now.
    #[default]
    Medium,
    /// Act.
    High,
    /// Somebody may be in danger.
    Critical,
}

/// The entries of a configuration as the control plane has them, all of [`v1::Origin::File`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// Without a partition: the front gives it.
    pub cameras: Vec<v1::Camera>,
    /// Points normalised.
    pub zones: Vec<v1::Zone>,
    /// As written.
    pub rules: Vec<v1::Rule>,
}

fn default_site() -> String {
    "default".to_owned()
}

fn default_gap() -> f32 {
    1.0
}

/// The entries for the control plane. `also` names cameras that are not listed and still exist, as recordings that are
/// analysed. A configuration that lists no camera may name any: its cameras come through the API.
///
/// # Errors
/// What is wrong, a sentence each that begins with the key, as `` `zones[1].camera` names … ``.
pub fn resolve(
    cameras: &[Camera],
    zones: &[Zone],
    rules: &[Rule],
    also: &[&str],
) -> Result<Entries, Vec<String>> {
    let known: BTreeSet<&str> =
        cameras.iter().map(|camera| camera.id.as_str()).chain(also.iter().copied()).collect();
    let mut check =
        Check { known: if cameras.is_empty() { BTreeSet::new() } else { known }, wrong: Vec::new() };
    check.cameras(cameras);
    check.zones(zones);
    check.rules(rules, zones);
    if !check.wrong.is_empty() {
        return Err(check.wrong);
    }
    Ok(Entries {
        cameras: cameras.iter().map(v1::Camera::from).collect(),
        zones: zones.iter().map(v1::Zone::from).collect(),
        rules: rules.iter().map(v1::Rule::from).collect(),
    })
}

struct Check<'a> {
    /// Empty when any camera may exist.
    known: BTreeSet<&'a str>,
    wrong: Vec<String>,
}

impl Check<'_> {
    fn cameras(&mut self, cameras: &[Camera]) {
        let mut ids = BTreeSet::new();
        for (n, camera) in cameras.iter().enumerate() {
            self.all(&format!("cameras[{n}]"), checks::camera(&camera.into()));
            if !ids.insert(&camera.id) {
                self.wrong.push(format!("`cameras[{n}].id` is `{}` again: ids are unique", camera.id));
            }
            self.url(&format!("cameras[{n}].url"), &camera.url);
            if !camera.sub_url.is_empty() {
                self.url(&format!("cameras[{n}].sub_url"), &camera.sub_url);
            }
            if let Some(wrong) = camera.ground.as_ref().and_then(Ground::wrong) {
                self.wrong.push(format!("`cameras[{n}].ground` {wrong}"));
            }
        }
    }

    /// The address is not shown: a password may be in it.
    fn url(&mut self, key: &str, url: &str) {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if scheme.is_empty() || rest.is_empty() {
            self.wrong.push(format!("`{key}` must be like rtsp://host/path or file:///path"));
        } else if scheme != "file" && rest.split(['/', '?']).next().is_some_and(|host| host.contains('@')) {
            self.wrong.push(format!(
                "`{key}` has a user or password: put them into the file of `keys.credentials` and name them in `credential`"
            ));
        }
    }

    fn zones(&mut self, zones: &[Zone]) {
        let mut ids = BTreeSet::new();
        for (n, zone) in zones.iter().enumerate() {
            if !ids.insert((&zone.camera, &zone.id)) {
                self.wrong
                    .push(format!("`zones[{n}].id` is `{}` again on camera `{}`", zone.id, zone.camera));
            }
            self.camera(&format!("zones[{n}].camera"), &zone.camera);
            if zone.size.is_some_and(|[width, height]| !(width >= 1.0 && height >= 1.0)) {
                self.wrong.push(format!("`zones[{n}].size` must be width and height in pixels"));
            } else {
                self.all(&format!("zones[{n}]"), checks::zone(&zone.into()));
            }
        }
    }

    fn rules(&mut self, rules: &[Rule], zones: &[Zone]) {
        let mut ids = BTreeSet::new();
        for (n, rule) in rules.iter().enumerate() {
            if let Err(why) = checks::id(&rule.id) {
                self.wrong.push(format!("`rules[{n}].id` {why}"));
            }
            if !ids.insert(&rule.id) {
                self.wrong.push(format!("`rules[{n}].id` is `{}` again: ids are unique", rule.id));
            }
            if !rule.camera.is_empty() {
                self.camera(&format!("rules[{n}].camera"), &rule.camera);
            }
            let of_camera =
                || zones.iter().filter(|zone| rule.camera.is_empty() || zone.camera == rule.camera);
            if !rule.zone.is_empty() && !of_camera().any(|zone| zone.id == rule.zone) {
                let meant = nearest(&rule.zone, of_camera().map(|zone| zone.id.as_str()));
                self.wrong.push(format!(
                    "`rules[{n}].zone` names `{}`, which is no zone here{}",
                    rule.zone,
                    hint(meant)
                ));
            }
            let other = |id: &String| rules.iter().any(|other| other.id == *id && other.id != rule.id);
            if let Some(id) = rule.of.iter().find(|id| !other(id)) {
                let meant =
                    nearest(id, rules.iter().map(|rule| rule.id.as_str()).filter(|id| *id != rule.id));
                self.wrong.push(format!(
                    "`rules[{n}].of` names `{id}`, which is no other rule here{}",
                    hint(meant)
                ));
            }
            if !(rule.gap_s >= 0.0 && rule.cooldown_s >= 0.0) {
                self.wrong.push(format!("`rules[{n}].gap_s` and `cooldown_s` must not be negative"));
            }
            if !(0.0..=1.0).contains(&rule.min_height) {
                self.wrong
                    .push(format!("`rules[{n}].min_height` is a share of the picture's height, 0 to 1"));
            }
        }
    }

    fn all(&mut self, entry: &str, wrong: Vec<Wrong>) {
        self.wrong.extend(wrong.into_iter().map(|wrong| format!("`{entry}.{}` {}", wrong.field, wrong.why)));
    }

    fn camera(&mut self, key: &str, camera: &str) {
        if !self.known.is_empty() && !self.known.contains(camera) {
            let meant = nearest(camera, self.known.iter().copied());
            self.wrong.push(format!("`{key}` names `{camera}`, which is no camera here{}", hint(meant)));
        }
    }
}

fn hint(meant: Option<String>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

fn or(text: &str, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text.to_owned() }
}

impl From<&Camera> for v1::Camera {
    fn from(entry: &Camera) -> Self {
        let playback = match entry.playback {
            Playback::Realtime => v1::Playback::Realtime,
            Playback::Fast => v1::Playback::Fast,
            Playback::Loop => v1::Playback::Loop,
        };
        let priority = match entry.priority {
            Priority::Low => v1::Priority::Low,
            Priority::Normal => v1::Priority::Normal,
            Priority::High => v1::Priority::High,
        };
        Self {
            id: entry.id.clone(),
            name: or(&entry.name, &entry.id),
            site: or(&entry.site, "default"),
            url: entry.url.clone(),
            sub_url: entry.sub_url.clone(),
            priority: priority.into(),
            credential: entry.credential.clone(),
            rate: entry.rate,
            playback: playback.into(),
            disabled: entry.disabled,
            origin: v1::Origin::File.into(),
            ground: entry.ground.as_ref().map(v1::Ground::from),
            ..Self::default()
        }
    }
}

impl Zone {
    fn normalised(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [width, height] = self.size.unwrap_or([1.0, 1.0]);
        [x / width, y / height]
    }
}

impl From<&Zone> for v1::Zone {
    fn from(entry: &Zone) -> Self {
        let shape = match entry.shape {
            Shape::Polygon => v1::Shape::Polygon,
            Shape::Line => v1::Shape::Line,
            Shape::Mask => v1::Shape::Mask,
        };
        let point = |[x, y]: [f32; 2]| v1::Point { x, y };
        Self {
            id: entry.id.clone(),
            camera: entry.camera.clone(),
            name: or(&entry.name, &entry.id),
            shape: shape.into(),
            points: entry.points.iter().map(|corner| point(entry.normalised(*corner))).collect(),
            origin: v1::Origin::File.into(),
            ..Self::default()
        }
    }
}

impl From<&Rule> for v1::Rule {
    fn from(entry: &Rule) -> Self {
        let severity = match entry.severity {
            Severity::Info => v1::Severity::Info,
            Severity::Low => v1::Severity::Low,
            Severity::Medium => v1::Severity::Medium,
            Severity::High => v1::Severity::High,
            Severity::Critical => v1::Severity::Critical,
        };
        let mut rule = Self {
            id: entry.id.clone(),
            kind: entry.kind.clone(),
            camera: entry.camera.clone(),
            zone: entry.zone.clone(),
            classes: entry.classes.clone(),
            severity: severity.into(),
            gap_s: entry.gap_s,
            cooldown_s: entry.cooldown_s,
            schedule: entry.schedule.clone(),
            time_zone: entry.time_zone.clone(),
            min_height: entry.min_height,
            origin: v1::Origin::File.into(),
            of: entry.of.clone(),
            ..Self::default()
        };
        if entry.silent {
            rule.options.insert("silent".to_owned(), "true".to_owned());
        }
        for (name, parameter) in &entry.parameters {
            match parameter {
                Parameter::Number(number) => drop(rule.parameters.insert(name.clone(), *number)),
                Parameter::Word(word) => drop(rule.options.insert(name.clone(), word.clone())),
            }
        }
        rule
    }
}
