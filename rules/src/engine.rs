//! Runs the rules of one camera over its detections.

use cortex_proto::v1;
use cortex_runtime::Tables;
use tracing::warn;

use super::{
    Memory, Rule, Scale, Schedule, Sight, Stop,
    combine::Combined,
    geometry::Point,
    make,
    pass::{Pass, SUCCESSION},
    state::{RuleState, State},
};

/// The rules of one camera. Fed the same detections from the same state, it gives the same anomalies, byte for byte.
#[derive(Default)]
pub struct Engine {
    /// Combined rules last.
    rules: Vec<Armed>,
    state: State,
    site: String,
    ground: Option<v1::Ground>,
    scale: Scale,
    /// Of the picture that `scale` was made for.
    size: (u32, u32),
}

/// A rule ready to look.
pub(super) struct Armed {
    pub(super) rule: v1::Rule,
    pub(super) version: (u64, u64),
    pub(super) schedule: Schedule,
    pub(super) classes: Vec<String>,
    /// Only combined rules hear of it.
    pub(super) silent: bool,
    pub(super) body: Body,
}

pub(super) enum Body {
    One(Box<dyn Rule>),
    Many(Combined),
}

/// What a rule made of one subject in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The rule.
    pub rule: String,
    /// The track it looked at; 0 for the scene.
    pub track: u64,
    /// What was measured, against what; `None` when there was nothing to measure.
    pub measure: Option<v1::Measure>,
    /// How near it came: 0 for far away, 1 for reached.
    pub near: f64,
    /// What stopped it, in words; `None` when it fired.
    pub stopped: Option<&'static str>,
}

/// Seconds of its way that a subject's speed is taken from.
const TRAIL_S: f64 = 3.0;

impl Engine {
    /// Takes new rules. Rules that did not change keep what they remember.
    pub fn reload(&mut self, camera: &str, tables: &Tables) {
        self.site = tables.site(camera).to_owned();
        self.ground = tables.cameras.get(camera).and_then(|camera| camera.ground.clone());
        self.size = (0, 0);
        self.rules.clear();
        let rules: Vec<&v1::Rule> = tables.rules_of(camera).collect();
        let (many, one): (Vec<&v1::Rule>, Vec<&v1::Rule>) =
            rules.into_iter().partition(|rule| Combined::is(&rule.kind));
        for rule in one.into_iter().chain(many) {
            // One for every camera rests on rules that not every camera has.
            if rule.camera.is_empty()
                && !rule.of.iter().all(|id| self.rules.iter().any(|one| one.rule.id == *id))
            {
                continue;
            }
            let zone = tables.zones.get(&(camera.to_owned(), rule.zone.clone()));
            match self.arm(rule, zone) {
                Ok(armed) => self.rules.push(armed),
                Err(error) => warn!(rule = rule.id, camera, error, "rule left out"),
            }
        }
        for armed in &self.rules {
            let state = self.state.rules.entry(armed.rule.id.clone()).or_default();
            if state.version != armed.version {
                *state = RuleState { version: armed.version, since: self.state.now, ..RuleState::default() };
            }
        }
        let known = |id: &String| self.rules.iter().any(|armed| armed.rule.id == *id);
        self.state.rules.retain(|id, _| known(id));
    }

    fn arm(&self, rule: &v1::Rule, zone: Option<&v1::Zone>) -> Result<Armed, String> {
        let schedule = Schedule::parse(&rule.schedule, &rule.time_zone)?;
        let body = if Combined::is(&rule.kind) {
            let place = |id: &String| self.rules.iter().position(|armed| armed.rule.id == *id);
            Body::Many(Combined::new(rule, place)?)
        } else {
            Body::One(make(rule, zone)?)
        };
        let classes = match &body {
            Body::One(look) if rule.classes.is_empty() => {
                look.classes().iter().map(|class| (*class).to_owned()).collect()
            }
            _ => rule.classes.clone(),
        };
        let silent = rule.options.get("silent").is_some_and(|word| word == "true");
        let version = (rule.version, zone.map_or(0, |zone| zone.version));
        Ok(Armed { rule: rule.clone(), version, schedule, classes, silent, body })
    }

    /// What is remembered.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from what was remembered; call before [`Engine::reload`].
    pub fn restore(&mut self, state: State) {
        self.state = state;
    }

    /// Goes on from what other rules of this camera remembered; rules of which it knows nothing in the same version keep
    /// what they remember themselves. Call before [`Engine::reload`].
    pub fn adopt(&mut self, mut state: State) {
        for (id, own) in std::mem::take(&mut self.state.rules) {
            if state.rules.get(&id).is_none_or(|known| known.version != own.version) {
                state.rules.insert(id, own);
            }
        }
        self.state = state;
    }

    /// Whether a timer runs that needs to hear of time.
    pub fn waits(&self) -> bool {
        let runs = |memory: &Memory| memory.since.is_some();
        self.state.rules.values().any(|rule| runs(&rule.shared) || rule.memories.values().any(runs))
    }

    /// Seconds of detections after which a rule that begins without memory answers as if it had always been there:
    /// the longest duration, window and cool-down of all rules together, once who was hidden is known again.
    pub fn warm_up(&self) -> f64 {
        let longest = |rule: &v1::Rule| {
            let own =
                ["seconds", "within_s"].iter().filter_map(|name| rule.parameters.get(*name)).sum::<f64>();
            own + f64::from(rule.gap_s) + f64::from(rule.cooldown_s)
        };
        TRAIL_S.max(SUCCESSION.0) + self.rules.iter().map(|armed| longest(&armed.rule)).fold(0.0, f64::max)
    }

    /// Looks at one message. Everything it needs is in it.
    pub fn look(&mut self, seen: &v1::Detections) -> Vec<v1::Anomaly> {
        if self.size != size(seen) {
            self.size = size(seen);
            self.scale = scale_of(self.ground.as_ref(), seen, &self.state);
        }
        let mut pass = Pass::new(seen, &self.site, None);
        pass.run(&self.rules, &mut self.state, &mut self.scale);
        pass.found
    }

    /// Why each rule fires or does not, were this the next message: one entry for each rule and subject, by rule, the
    /// nearest first. Nothing is changed, so ask before [`Engine::look`] takes the message: what was taken is not taken
    /// again.
    pub fn explain(&self, seen: &v1::Detections) -> Vec<Explained> {
        let mut state = self.state.clone();
        let mut scale = scale_of(self.ground.as_ref(), seen, &state);
        let mut told = Vec::new();
        let mut pass = Pass::new(seen, &self.site, Some(&mut told));
        pass.run(&self.rules, &mut state, &mut scale);
        told.sort_by(|a, b| a.rule.cmp(&b.rule).then(b.near.total_cmp(&a.near)));
        told
    }
}

fn size(seen: &v1::Detections) -> (u32, u32) {
    (seen.source_width.max(1), seen.source_height.max(1))
}

fn scale_of(ground: Option<&v1::Ground>, seen: &v1::Detections, state: &State) -> Scale {
    let (width, height) = size(seen);
    let aspect = f64::from(width) / f64::from(height);
    let mut scale = Scale::new(ground, aspect)
        .or_else(|error| {
            warn!(error, "the camera's ground is not used");
            Scale::new(None, aspect)
        })
        .unwrap_or_default();
    scale.learn(state.heights.line());
    scale
}

impl Armed {
    /// Why the rule does not look at this.
    pub(super) fn refuses(&self, sight: &Sight<'_>) -> Option<Stop> {
        if !self.classes.contains(&sight.object.class) {
            return Some(Stop::Class);
        }
        (sight.height < self.rule.min_height).then_some(Stop::TooSmall)
    }
}

/// The foot point: the middle of the lower edge. Who stands at the picture's edge stands in what is drawn up to it.
pub(super) fn foot(place: &v1::Box) -> Point {
    const EDGE: f32 = 1e-4;
    Point { x: ((place.x1 + place.x2) / 2.0).clamp(EDGE, 1.0 - EDGE), y: place.y2.min(1.0 - EDGE) }
}
