//! What the runner knows of each key: where its inputs stand, and what it decided and has not yet published.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Instant,
};

use cortex_proto::topics;
use prost::Message;

use crate::{
    bus::{Body, Outgoing, Record},
    stage::{Key, Snapshot},
    store::{StoredRow, rows::number, table},
};

/// A message as the outbox holds it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Letter {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(uint32, tag = "2")]
    partition: u32,
    #[prost(string, tag = "3")]
    key: String,
    #[prost(string, tag = "4")]
    slot: String,
    #[prost(string, optional, tag = "5")]
    trace: Option<String>,
    #[prost(bytes = "vec", tag = "6")]
    body: Vec<u8>,
}

/// Decisions of one input: their rows, then their messages.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Decision {
    #[prost(message, repeated, tag = "1")]
    pub(super) rows: Vec<StoredRow>,
    #[prost(message, repeated, tag = "2")]
    pub(super) letters: Vec<Letter>,
}

/// A snapshot row: what the runner needs to go on, and the stage's state as bytes that only the stage reads. Protobuf,
/// so that versions of the runner understand each other's, and an outbox never hangs on a stage's state.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Saved {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) state: Vec<u8>,
    /// Next offset of each durable input topic: inputs below are in the state already.
    #[prost(btree_map = "string, uint64", tag = "2")]
    pub(super) offsets: BTreeMap<String, u64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) outbox: Vec<Decision>,
}

/// One key of a worker.
pub(super) struct KeyState {
    pub(super) partition: u32,
    /// Next offset of each durable input topic.
    offsets: BTreeMap<String, u64>,
    /// First offset of each input topic that no snapshot has in it.
    unsaved: HashMap<&'static str, u64>,
    /// First offset of each input topic that only the snapshot which is being written has in it.
    writing: HashMap<&'static str, u64>,
    pub(super) changed: bool,
    pub(super) saved_at: Instant,
    /// Decided and not known to be published.
    pub(super) outbox: VecDeque<Decision>,
    /// So many at the front of the outbox are in a written snapshot, with their rows.
    pub(super) recorded: usize,
    /// The state that a poisoned apply goes back to.
    pub(super) last: Option<Snapshot>,
    /// Places of the rows that earlier owners wrote, which the first own row replaces.
    pub(super) replaces: Vec<Vec<u8>>,
}

impl KeyState {
    pub(super) fn new(partition: u32) -> Self {
        Self {
            partition,
            offsets: BTreeMap::new(),
            unsaved: HashMap::new(),
            writing: HashMap::new(),
            changed: false,
            saved_at: Instant::now(),
            outbox: VecDeque::new(),
            recorded: 0,
            last: None,
            replaces: Vec::new(),
        }
    }

    /// Goes on from what an earlier owner saved. It counts as changed, so that it is soon saved in the own term.
    pub(super) fn restored(partition: u32, saved: Saved, replaces: Vec<Vec<u8>>) -> Self {
        Self {
            offsets: saved.offsets,
            changed: true,
            outbox: saved.outbox.into(),
            last: Some(Snapshot(saved.state)),
            replaces,
            ..Self::new(partition)
        }
    }

    /// Whether the key's state has this input already. What is only in memory has no place and never comes twice.
    pub(super) fn has(&self, record: &Record) -> bool {
        let next = self.offsets.get(record.topic.noun);
        record.offset.zip(next).is_some_and(|(offset, next)| offset < *next)
    }

    pub(super) fn took(&mut self, record: &Record) {
        self.changed = true;
        if let Some(offset) = record.offset {
            self.offsets.insert(record.topic.noun.to_owned(), offset + 1);
            self.unsaved.entry(record.topic.noun).or_insert(offset);
        }
    }

    pub(super) fn decide(&mut self, decision: Decision) {
        self.outbox.push_back(decision);
        self.changed = true;
    }

    /// The row that saves this key.
    pub(super) fn row(&self, owner: &str, key: &Key, term: u64, now_us: i64) -> StoredRow {
        let saved = Saved {
            state: self.last.clone().unwrap_or_default().0,
            offsets: self.offsets.clone(),
            outbox: self.outbox.iter().cloned().collect(),
        };
        StoredRow {
            table: table::SNAPSHOTS.name.to_owned(),
            partition: owner.to_owned(),
            sort: place(key, term),
            time_us: now_us,
            body: saved.encode_to_vec(),
        }
    }

    /// Its row is being written. Answers the places of the rows that are of no use once it is.
    pub(super) fn writes(&mut self) -> Vec<Vec<u8>> {
        self.changed = false;
        self.writing = std::mem::take(&mut self.unsaved);
        std::mem::take(&mut self.replaces)
    }

    /// Its row is written, with so many decisions.
    pub(super) fn wrote(&mut self, decisions: usize) {
        self.saved_at = Instant::now();
        self.writing.clear();
        self.recorded = decisions;
    }

    /// Its row may not be written.
    pub(super) fn failed(&mut self) {
        self.changed = true;
        // Offsets grow, so those of before come first.
        self.unsaved.extend(self.writing.drain());
    }

    /// So many decisions are told.
    pub(super) fn told(&mut self, decisions: usize) {
        self.outbox.drain(..decisions);
        self.recorded -= decisions;
        self.changed = true;
    }

    /// Input topics with offsets from which on no written snapshot has them in it.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.unsaved.iter().chain(&self.writing).map(|(topic, offset)| (*topic, *offset))
    }
}

impl Letter {
    pub(super) fn seal(message: &Outgoing) -> Self {
        Self {
            topic: message.topic.noun.to_owned(),
            partition: message.partition,
            key: message.key.to_string(),
            slot: message.slot.clone(),
            trace: message.trace.clone(),
            body: message.body.bytes().to_vec(),
        }
    }

    /// The message again; `None` for a topic that this version does not know.
    pub(super) fn open(&self) -> Option<Outgoing> {
        Some(Outgoing {
            topic: topics::find(&self.topic)?,
            partition: self.partition,
            key: self.key.as_str().into(),
            slot: self.slot.clone(),
            trace: self.trace.clone(),
            body: Body::Bytes(self.body.clone().into()),
        })
    }
}

/// What a worker owns of a partition: where its snapshots lie, and what its terms are counted for.
pub(super) fn owner(stage: &str, partition: u32) -> String {
    format!("{stage}/{partition}")
}

/// The place of a key's snapshot. Each term has its own, so a writer whose term is over overwrites nobody's but its own.
pub(super) fn place(key: &Key, term: u64) -> Vec<u8> {
    [key.as_bytes(), &[0], &term.to_be_bytes()].concat()
}

/// Key and term of a snapshot's place.
pub(super) fn at(place: &[u8]) -> Option<(Key, u64)> {
    let (key, term) = place.split_last_chunk::<8>()?;
    let key = std::str::from_utf8(key.strip_suffix(&[0])?).ok()?;
    Some((Key::from(key), number(term)))
}
