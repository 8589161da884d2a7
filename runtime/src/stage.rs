//! What a stage is: everything its author must know.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use cortex_proto::Topic;
use prost::DecodeError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    bus::Record,
    collector::Collector,
    store::{self, Store},
    tables::Tables,
};

/// What a stage's state belongs to: the camera, in the alerter the partition in decimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A moment as the camera saw it, in microseconds since 1970-01-01T00:00:00Z, monotone within an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamTime(pub i64);

/// The state of one key, as bytes; at most [`Snapshot::MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot(pub Vec<u8>);

/// One input cannot be used; it goes to the dead letters and the batch goes on.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Poison {
    /// What is wrong with it, lower-case.
    pub reason: String,
}

/// The stage cannot go on at all; the process ends with an error.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Fatal {
    /// What happened and what to do, lower-case.
    pub reason: String,
}

/// Which clock ticks a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The cameras' heartbeats: one [`Stage::tick`] each.
    Stream,
    /// The process's clock, once a second for every key: for the alerter, whose partitions have no camera.
    Wall,
}

/// What a stage reads: one message type, or an enum over several.
pub trait Input: Sized + Send + Sync + 'static {
    /// The topics it is read from.
    const TOPICS: &'static [&'static Topic];

    /// Makes it from what the bus delivered.
    fn decode(record: &Record) -> Result<Self, DecodeError>;

    /// The moment it tells, when it is a heartbeat: the runner then ticks the key instead of applying it.
    fn heartbeat(&self) -> Option<StreamTime> {
        None
    }

    /// When ingest had its frame in hand, in microseconds since 1970: for the metric of a frame's age.
    fn received_us(&self) -> Option<i64> {
        None
    }

    /// Bytes of picture that it holds alive; counts against the batch's limit.
    fn bytes(&self) -> usize {
        0
    }

    /// What [`Stage::infer`] does for it: inputs without are applied with `Seen::default()` and never held back.
    fn wants_models(&self) -> bool {
        true
    }
}

/// A stage: synchronous, without I/O of its own, on its own thread. The runner owns polling, batching, sinks,
/// snapshots and commits.
pub trait Stage: Send + 'static {
    /// The word for it: folder, metric label, consumer group, deployment.
    const NAME: &'static str;
    /// Which clock ticks it.
    const CLOCK: Clock = Clock::Stream;
    /// What it reads.
    type In: Input;
    /// What the models saw in one input.
    type Seen: Default + Send;

    /// Runs the models over inputs of many keys. Has no keyed state, and may be repeated input by input when it
    /// panics. Answers one result for each input, in order.
    fn infer(&mut self, batch: &[&Self::In]) -> Vec<Result<Self::Seen, Poison>>;

    /// Takes one input into its key's state. Called in order of the key, once for each input.
    fn apply(
        &mut self,
        key: &Key,
        input: &Self::In,
        seen: Self::Seen,
        out: &mut Collector,
    ) -> Result<(), Fatal>;

    /// Time passes without pictures too.
    fn tick(&mut self, key: &Key, now: StreamTime, out: &mut Collector);

    /// Begins a key, from its latest snapshot where there is one.
    fn restore(&mut self, key: &Key, snapshot: Option<Snapshot>);

    /// Completes a key, once it is restored, with what the store knows better than its snapshot. Only reads; the runner
    /// calls it again when the store is away.
    ///
    /// # Errors
    /// The store could not be read.
    fn recall(&mut self, _key: &Key, _store: &dyn Store) -> Result<(), store::Error> {
        Ok(())
    }

    /// The state of a key; what [`Stage::restore`] would need.
    fn snapshot(&self, key: &Key) -> Snapshot;

    /// Forgets a key.
    fn release(&mut self, key: &Key);

    /// Works with new cameras, zones and rules from now on. Called between batches, and once before the first.
    fn reload(&mut self, tables: Arc<Tables>);
}

impl Key {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Key {
    fn from(text: T) -> Self {
        Self(text.as_ref().into())
    }
}

impl Deref for Key {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StreamTime {
    /// Seconds from `earlier` to this moment; negative when it is the later one.
    pub fn since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / 1e6
    }

    /// This moment plus `seconds`.
    pub fn plus(self, seconds: f64) -> Self {
        Self(self.0 + (seconds * 1e6).round() as i64)
    }
}

impl Snapshot {
    /// The most bytes one key's state may have.
    pub const MAX: usize = 64 * 1024;

    /// The snapshot of a value.
    pub fn of(value: &impl Serialize) -> Self {
        Self(postcard::to_stdvec(value).expect("state has no type that postcard refuses"))
    }

    /// The value again; `None` when another version of the stage wrote it.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        postcard::from_bytes(&self.0).ok()
    }
}

impl Poison {
    /// Says what is wrong with an input.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

impl Fatal {
    /// Says what happened and what to do.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}
