//! What the runner knows of each key: where its inputs stand, and what it decided and has not yet published.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    stage::{Key, Snapshot},
    store::{StoredRow, table},
};

/// A message as the outbox holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) key: String,
    pub(super) slot: String,
    pub(super) trace: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Decisions of one input: their rows, then their messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) rows: Vec<StoredRow>,
    pub(super) letters: Vec<Letter>,
}

/// A snapshot row: the stage's state, and what the runner needs to go on from it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) term: u64,
    pub(super) state: Snapshot,
    /// Next offset of each input topic: inputs below are in the state already.
    pub(super) offsets: BTreeMap<String, u64>,
    pub(super) outbox: Vec<Decision>,
}

/// One key of a worker.
pub(super) struct KeyState {
    pub(super) partition: u32,
    /// Next offset of each input topic.
    pub(super) offsets: BTreeMap<String, u64>,
    /// First offset of each input topic that no written snapshot has in it.
    pub(super) unsaved: HashMap<&'static str, u64>,
    pub(super) changed: bool,
    pub(super) saved_at: Instant,
    /// Decided and not known to be published.
    pub(super) outbox: Vec<Decision>,
    /// The state that a poisoned apply goes back to.
    pub(super) last: Option<Snapshot>,
}

impl KeyState {
    pub(super) fn new(partition: u32, saved: Option<&Saved>) -> Self {
        Self {
            partition,
            offsets: saved.map(|saved| saved.offsets.clone()).unwrap_or_default(),
            unsaved: HashMap::new(),
            changed: false,
            saved_at: Instant::now(),
            outbox: Vec::new(),
            last: saved.map(|saved| saved.state.clone()),
        }
    }

    /// Whether the key's state has this input already.
    pub(super) fn has(&self, topic: &str, offset: u64) -> bool {
        self.offsets.get(topic).is_some_and(|next| offset < *next)
    }

    pub(super) fn took(&mut self, topic: &'static str, offset: u64) {
        self.offsets.insert(topic.to_owned(), offset + 1);
        self.unsaved.entry(topic).or_insert(offset);
        self.changed = true;
    }

    /// The row to write, after which this key's inputs count as saved.
    pub(super) fn save(
        &mut self,
        stage: &str,
        key: &Key,
        term: u64,
        state: Snapshot,
        now_us: i64,
    ) -> StoredRow {
        self.last = Some(state.clone());
        let saved = Saved { term, state, offsets: self.offsets.clone(), outbox: self.outbox.clone() };
        self.changed = false;
        self.saved_at = Instant::now();
        self.unsaved.clear();
        StoredRow {
            table: table::SNAPSHOTS.name.to_owned(),
            partition: place(stage, self.partition),
            sort: key.as_bytes().to_vec(),
            time_us: now_us,
            body: postcard::to_stdvec(&saved).expect("a snapshot has no type that postcard refuses"),
        }
    }
}

/// The partition of the snapshots table, and the owner of the term.
pub(super) fn place(stage: &str, partition: u32) -> String {
    format!("{stage}/{partition}")
}
