//! What the rules of a camera remember between frames and over restarts.

use std::collections::BTreeMap;

use super::{Memory, Moment, Subject, scale::Heights, series::Series};

/// What outlives a restart. It is stored without loss: an engine that goes on from it gives what the other would have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The last frame taken; zeros before the first.
    pub(super) now: Moment,
    /// By id: that of the first track.
    pub(super) subjects: BTreeMap<u64, Subject>,
    /// Subject by track.
    pub(super) tracks: BTreeMap<u64, u64>,
    /// Changes of the scene that are remembered, and when they were last there, in stream time.
    pub(super) changes: BTreeMap<u64, i64>,
    /// By rule.
    pub(super) rules: BTreeMap<String, RuleState>,
    /// How tall people look.
    pub(super) heights: Heights,
}

/// What one rule remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RuleState {
    /// Rule and zone versions: memories made with others are dropped.
    pub(super) version: (u64, u64),
    /// When this version began; who was there before then does not enter.
    pub(super) since: Moment,
    /// Of the scene as a whole.
    pub(super) shared: Memory,
    /// By subject, without those that remember nothing.
    pub(super) memories: BTreeMap<u64, Memory>,
    /// Values measured, by subject; 0 is the scene.
    pub(super) series: BTreeMap<u64, Series>,
}

impl State {
    /// Id, version and zone's version of the rules whose memories are here.
    pub fn versions(&self) -> impl Iterator<Item = (&str, (u64, u64))> {
        self.rules.iter().map(|(id, rule)| (id.as_str(), rule.version))
    }

    /// Stream time of the last message taken, in microseconds; 0 before the first.
    pub fn time_us(&self) -> i64 {
        self.now.time_us
    }

    /// Forgets everything about what is in the picture: a loop or a clock jump ends it silently. Counts, cool-downs of
    /// the scene and learned heights stay.
    pub(super) fn cut(&mut self) {
        self.subjects.clear();
        self.tracks.clear();
        self.changes.clear();
        for rule in self.rules.values_mut() {
            rule.memories.clear();
            rule.series.clear();
            let shared = &mut rule.shared;
            (shared.since, shared.told, shared.noted, shared.fired) = (None, false, false, None);
            shared.marks.clear();
        }
    }

    /// Forgets a subject.
    pub(super) fn forget(&mut self, id: u64) {
        self.subjects.remove(&id);
        self.tracks.retain(|_, subject| *subject != id);
        self.drop_memories(id);
    }

    /// Forgets what rules know of a subject or a change.
    pub(super) fn drop_memories(&mut self, id: u64) {
        for rule in self.rules.values_mut() {
            rule.memories.remove(&id);
            rule.series.remove(&id);
        }
    }
}
