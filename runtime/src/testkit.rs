//! Drives one stage by hand, as the runner would, for the stories of stages.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod binary;
mod certificate;
#[cfg(feature = "cql")]
pub mod keyspace;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    collector::Collector,
    stage::{Key, Snapshot, Stage, StreamTime},
    tables::Tables,
};

pub use binary::Binary;
pub use certificate::certify;

/// One stage and everything it said.
pub struct Harness<S: Stage> {
    /// The stage.
    pub stage: S,
    /// What it said since [`Harness::take`].
    pub out: Collector,
    keys: BTreeSet<Key>,
}

impl<S: Stage> Harness<S> {
    /// A stage with its first tables.
    pub fn new(mut stage: S, tables: Tables) -> Self {
        stage.reload(Arc::new(tables));
        Self { stage, out: Collector::default(), keys: BTreeSet::new() }
    }

    /// Feeds one input: a heartbeat ticks, everything else is inferred and applied.
    pub fn feed(&mut self, key: &str, input: S::In) {
        let key = self.begin(key);
        if let Some(now) = crate::stage::Input::heartbeat(&input) {
            return self.stage.tick(&key, now, &mut self.out);
        }
        let seen = self.stage.infer(&[&input]).remove(0).expect("the input is good");
        self.stage.apply(&key, &input, seen, &mut self.out).expect("the stage goes on");
    }

    /// Applies one input with what the models would have seen in it: for stories with drawn tracks.
    pub fn apply(&mut self, key: &str, input: &S::In, seen: S::Seen) {
        let key = self.begin(key);
        self.stage.apply(&key, input, seen, &mut self.out).expect("the stage goes on");
    }

    /// Ticks a key.
    pub fn tick(&mut self, key: &str, now: StreamTime) {
        let key = self.begin(key);
        self.stage.tick(&key, now, &mut self.out);
    }

    /// Moves a key to a fresh stage through its snapshot, as a crash and restart would.
    pub fn hand_over(&mut self, key: &str, mut fresh: S, tables: Tables) {
        let snapshot = self.stage.snapshot(&key.into());
        assert!(snapshot.0.len() <= Snapshot::MAX, "a snapshot of {} bytes", snapshot.0.len());
        fresh.reload(Arc::new(tables));
        fresh.restore(&key.into(), Some(snapshot));
        self.stage = fresh;
    }

    /// Everything said so far, and begins anew.
    pub fn take(&mut self) -> Collector {
        std::mem::take(&mut self.out)
    }

    fn begin(&mut self, key: &str) -> Key {
        let key = Key::from(key);
        if self.keys.insert(key.clone()) {
            self.stage.restore(&key, None);
        }
        key
    }
}
