//! Which rules a replay looks at: those of a file in the place of those that were in force.

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::v1;
use cortex_rules as rules;
use cortex_runtime::{Tables, config::entries::Entries};

use crate::past;

/// The rules of one camera from one stored state on.
pub(super) struct Plan {
    state: v1::RuleState,
    zones: Vec<v1::Zone>,
    /// In force and as they are to be.
    rules: Vec<v1::Rule>,
    /// Rules that are new or not as they were, by id. Those that rest on a changed one are changed too.
    pub(super) changed: BTreeSet<String>,
}

/// Version of what differs from what was in force; the front counts from 1.
const CHANGED: u64 = 0;

impl Plan {
    /// Puts the file's zones and rules in the place of those that came from a file; what came through the API stays.
    pub(super) fn of(state: &v1::RuleState, entries: &Entries) -> anyhow::Result<Self> {
        let camera = &state.camera;
        let mut zones: Vec<v1::Zone> =
            state.zones.iter().filter(|zone| zone.origin() != v1::Origin::File).cloned().collect();
        for zone in entries.zones.iter().filter(|zone| zone.camera == *camera) {
            let same = |old: &&v1::Zone| {
                v1::Zone { version: zone.version, origin: zone.origin, ..(*old).clone() } == *zone
            };
            let version = state.zones.iter().find(same).map_or(CHANGED, |old| old.version);
            zones.push(v1::Zone { version, ..zone.clone() });
        }
        let everything = past::tables(
            state,
            entries.rules.iter().chain(state.rules.iter().filter(|rule| rule.origin() != v1::Origin::File)),
            &zones,
        );
        let mut changed = BTreeSet::new();
        let mut rules = Vec::new();
        for rule in everything.rules_of(camera) {
            rules::validate(rule, &everything)
                .map_err(|error| anyhow::anyhow!("rule {}: {error}", rule.id))?;
            let same = |old: &&v1::Rule| {
                v1::Rule { version: rule.version, origin: rule.origin, ..(*old).clone() } == *rule
            };
            let old = state.rules.iter().find(same);
            let moved = zones.iter().any(|zone| zone.id == rule.zone && zone.version == CHANGED);
            if old.is_none() || moved {
                changed.insert(rule.id.clone());
            }
            rules.push(v1::Rule { version: old.map_or(CHANGED, |old| old.version), ..rule.clone() });
        }
        // What rests on a changed rule answers differently.
        let mut more = true;
        while more {
            let rests = |rule: &&v1::Rule| {
                !changed.contains(&rule.id) && rule.of.iter().any(|part| changed.contains(part))
            };
            let found: Vec<String> = rules.iter().filter(rests).map(|rule| rule.id.clone()).collect();
            more = !found.is_empty();
            changed.extend(found);
        }
        Ok(Self { state: state.clone(), zones, rules, changed })
    }

    /// Ids of the rules in force then and of those to come.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.state.rules.iter().chain(&self.rules).map(|rule| rule.id.clone()).collect()
    }

    /// The longest that a changed rule, or a part of one, remembers, in microseconds.
    pub(super) fn window_us(&self) -> i64 {
        let seconds = self.changed_with_parts().map(rules::window_s).fold(0.0, f64::max);
        (seconds * 1e6).ceil() as i64
    }

    /// The changed rules with the parts they rest on.
    fn changed_with_parts(&self) -> impl Iterator<Item = &v1::Rule> {
        let mut wanted = self.changed.clone();
        loop {
            let parts =
                self.rules.iter().filter(|rule| wanted.contains(&rule.id)).flat_map(|rule| rule.of.clone());
            let before = wanted.len();
            wanted.extend(parts.collect::<Vec<_>>());
            if wanted.len() == before {
                break;
            }
        }
        self.rules.iter().filter(move |rule| wanted.contains(&rule.id))
    }

    /// The control plane with the rules as they are to be.
    pub(super) fn tables(&self) -> Tables {
        past::tables(&self.state, &self.rules, &self.zones)
    }
}

/// Finds what could not be judged, since a cue was not computed then.
#[derive(Default)]
pub(super) struct Blind {
    /// By rule: tracks that it would watch, and whether their pose is known.
    poses: BTreeMap<String, BTreeMap<u64, bool>>,
    /// Rules that ask what was left or taken, while nothing in force asked.
    changes: BTreeSet<String>,
}

impl Blind {
    /// Takes a message that is compared.
    pub(super) fn see(&mut self, plan: &Plan, seen: &v1::Detections) {
        for rule in plan.rules.iter().filter(|rule| plan.changed.contains(&rule.id)) {
            let cue = rules::cue(&rule.kind);
            if cue == rules::Cue::Changes && !plan.state.rules.iter().any(|old| rules::cue(&old.kind) == cue)
            {
                self.changes.insert(rule.id.clone());
            }
            if cue != rules::Cue::Pose || seen.outcome() != v1::Outcome::Analysed {
                continue;
            }
            let zone = plan.zones.iter().find(|zone| zone.id == rule.zone);
            for object in
                seen.objects.iter().filter(|object| object.track != 0 && rules::watches(rule, zone, object))
            {
                let tracks = self.poses.entry(rule.id.clone()).or_default();
                *tracks.entry(object.track).or_default() |= object.pose.is_some();
            }
        }
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let poses = self.poses.iter().filter_map(|(rule, tracks)| {
            let blind = tracks.values().filter(|known| !**known).count();
            (blind > 0)
                .then(|| format!("{rule}: pose was not computed for {blind} of {} tracks", tracks.len()))
        });
        let changes =
            self.changes.iter().map(|rule| format!("{rule}: what is left or taken was not looked for"));
        poses.chain(changes).collect()
    }
}
