//! Runs the rules of one camera over its detections.

use std::collections::{BTreeMap, HashMap};

use cortex_proto::v1;
use cortex_runtime::Tables;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use super::{Finding, Memory, Moment, Rule, Scene, Schedule, Sight, geometry::Point, make, seconds};

/// The rules of one camera.
#[derive(Default)]
pub struct Engine {
    rules: Vec<Armed>,
    state: State,
    site: String,
}

/// A rule ready to look.
struct Armed {
    rule: v1::Rule,
    /// Rule and zone versions: memories made with others know no entry.
    version: (u64, u64),
    schedule: Schedule,
    look: Box<dyn Rule>,
}

/// What outlives a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By rule.
    rules: BTreeMap<String, RuleState>,
    /// Foot points of each track, in 1/65535 of the picture, oldest first.
    paths: BTreeMap<u64, (i64, Vec<[u16; 2]>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct RuleState {
    version: (u64, u64),
    /// By track; 0 is the scene.
    memories: BTreeMap<u64, Memory>,
    /// Tracks that were there when this version began: they do not enter.
    present: Vec<u64>,
}

/// Points of a path.
const PATH: usize = 32;
/// Seconds between two points of a path.
const PATH_EVERY: f64 = 0.4;
/// Memories of tracks not seen for this long are forgotten, in seconds; longer than any gap that makes sense.
const FORGET: f64 = 60.0;

impl Engine {
    /// Takes new rules. Rules that did not change keep what they remember.
    pub fn reload(&mut self, camera: &str, tables: &Tables) {
        self.site = tables.site(camera).to_owned();
        self.rules.clear();
        for rule in tables.rules_of(camera) {
            let zone = tables.zones.get(&(camera.to_owned(), rule.zone.clone()));
            let made = Schedule::parse(&rule.schedule, &rule.time_zone)
                .and_then(|schedule| Ok((schedule, make(rule, zone)?)));
            match made {
                Ok((schedule, look)) => {
                    let version = (rule.version, zone.map_or(0, |zone| zone.version));
                    self.rules.push(Armed { rule: rule.clone(), version, schedule, look });
                }
                Err(error) => warn!(rule = rule.id, camera, error, "rule left out"),
            }
        }
        let known: Vec<u64> = self.state.paths.keys().copied().collect();
        for armed in &self.rules {
            let state = self.state.rules.entry(armed.rule.id.clone()).or_default();
            if state.version != armed.version {
                *state = RuleState { version: armed.version, present: known.clone(), ..RuleState::default() };
            }
        }
        self.state.rules.retain(|id, _| self.rules.iter().any(|armed| armed.rule.id == *id));
    }

    /// What is remembered.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from what was remembered; call before [`Engine::reload`].
    pub fn restore(&mut self, state: State) {
        self.state = state;
    }

    /// Whether a timer runs that needs to hear of time.
    pub fn waits(&self) -> bool {
        self.state
            .rules
            .values()
            .any(|rule| rule.memories.values().any(|memory| memory.since_us != 0 && !memory.told))
    }

    /// Looks at one message. Everything it needs is in it.
    pub fn look(&mut self, seen: &v1::Detections) -> Vec<v1::Anomaly> {
        let Some(frame) = &seen.frame else { return Vec::new() };
        let number = (frame.epoch, frame.seq, seen.time_us);
        let visible = |object: &&v1::Object| object.track != 0 && object.state() != v1::ObjectState::Hidden;
        let objects: Vec<&v1::Object> = seen.objects.iter().filter(visible).collect();
        self.remember_paths(&objects, seen.time_us);
        let mut anomalies = Vec::new();
        for armed in &self.rules {
            if !armed.schedule.holds(seen.time_us) {
                continue;
            }
            let state = self.state.rules.entry(armed.rule.id.clone()).or_default();
            let sights: Vec<Sight<'_>> = objects
                .iter()
                .filter(|object| armed.watches(object))
                .map(|object| Sight {
                    object,
                    foot: foot(object),
                    time_us: seen.time_us,
                    frame: number,
                    fresh: state.present.contains(&object.track),
                })
                .collect();
            for sight in &sights {
                let memory = state.memories.entry(sight.object.track).or_default();
                memory.seen_us = seen.time_us;
                if let Some(finding) = armed.look.track(sight, memory)
                    && armed.may_tell(memory, seen.time_us)
                {
                    anomalies.push(tell(
                        armed,
                        seen,
                        &self.site,
                        finding,
                        memory.began,
                        Some(sight.object),
                        &self.state.paths,
                    ));
                }
            }
            let scene = Scene { sights: &sights, time_us: seen.time_us, frame: number };
            let memory = state.memories.entry(0).or_default();
            memory.seen_us = seen.time_us;
            if let Some(finding) = armed.look.scene(&scene, memory)
                && armed.may_tell(memory, seen.time_us)
            {
                anomalies.push(tell(armed, seen, &self.site, finding, memory.began, None, &self.state.paths));
            }
            state.memories.retain(|_, memory| seconds(memory.seen_us, seen.time_us) < FORGET);
        }
        anomalies
    }

    fn remember_paths(&mut self, objects: &[&v1::Object], time_us: i64) {
        for object in objects {
            let (last, path) = self.state.paths.entry(object.track).or_default();
            if path.is_empty() || seconds(*last, time_us) >= PATH_EVERY {
                let foot = foot(object);
                path.push([foot.x, foot.y].map(|value| (value.clamp(0.0, 1.0) * 65535.0) as u16));
                *last = time_us;
                if path.len() > PATH {
                    path.remove(0);
                }
            }
        }
        self.state.paths.retain(|_, (last, _)| seconds(*last, time_us) < FORGET);
    }
}

impl Armed {
    fn watches(&self, object: &v1::Object) -> bool {
        let class = if self.rule.classes.is_empty() {
            object.class == "person"
        } else {
            self.rule.classes.contains(&object.class)
        };
        let tall = object.r#box.as_ref().is_some_and(|place| place.y2 - place.y1 >= self.rule.min_height);
        class && tall
    }

    fn may_tell(&self, memory: &mut Memory, time_us: i64) -> bool {
        let cool =
            memory.fired_us == 0 || seconds(memory.fired_us, time_us) >= f64::from(self.rule.cooldown_s);
        if cool {
            memory.fired_us = time_us;
        }
        cool
    }
}

/// The foot point: the middle of the lower edge.
fn foot(object: &v1::Object) -> Point {
    object
        .r#box
        .as_ref()
        .map_or(Point { x: 0.0, y: 0.0 }, |place| Point { x: (place.x1 + place.x2) / 2.0, y: place.y2 })
}

fn tell(
    armed: &Armed,
    seen: &v1::Detections,
    site: &str,
    finding: Finding,
    began: Moment,
    object: Option<&v1::Object>,
    paths: &BTreeMap<u64, (i64, Vec<[u16; 2]>)>,
) -> v1::Anomaly {
    let rule = &armed.rule;
    let frame = seen.frame.clone().unwrap_or_default();
    let track = object.map_or(0, |object| object.track);
    let subject = object.map_or_else(String::new, |object| format!("{} ", object.class));
    let path = paths.get(&track).map(|(_, path)| path.as_slice()).unwrap_or_default();
    v1::Anomaly {
        id: id(&rule.id, &frame.camera, &rule.zone, track, began),
        camera: frame.camera.clone(),
        site: site.to_owned(),
        rule: rule.id.clone(),
        rule_version: rule.version,
        kind: rule.kind.clone(),
        severity: rule.severity,
        place: rule.zone.clone(),
        track,
        class: object.map(|object| object.class.clone()).unwrap_or_default(),
        began: Some(v1::FrameId { epoch: began.0, seq: began.1, ..frame.clone() }),
        began_us: began.2,
        frame: Some(frame),
        time_us: seen.time_us,
        received_us: seen.received_us,
        direction: finding.direction.to_owned(),
        why: format!("{subject}{}", finding.why),
        measures: finding.measures,
        path: path
            .iter()
            .map(|[x, y]| v1::Point { x: f32::from(*x) / 65535.0, y: f32::from(*y) / 65535.0 })
            .collect(),
        r#box: object.and_then(|object| object.r#box),
        models: HashMap::clone(&seen.models),
        ..Default::default()
    }
}

/// The same event has the same id, whoever decides it and how often.
fn id(rule: &str, camera: &str, place: &str, track: u64, began: Moment) -> String {
    let mut hash = Sha256::new();
    for part in [rule, camera, place] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    for part in [track, began.0, began.1] {
        hash.update(part.to_be_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}
