//! How partitions come to a worker and go.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use prost::Message;
use tracing::{debug, error, info};

use super::{
    IDLE,
    keys::{KeyState, Saved, at, owner},
    sinks::Failure,
    worker::Worker,
};
use crate::{
    stage::{Clock, Fatal, Key, Snapshot, Stage},
    store::{Scan, StoredRow, table},
};

impl<S: Stage> Worker<S> {
    /// Begins partitions. While the store cannot be read it waits: nobody may go on from a state that he does not know.
    pub(super) fn assigned(&mut self, partitions: &[u32]) -> Result<(), Fatal> {
        self.sinks.gather(Duration::MAX)?;
        let stop = self.sinks.context.stop();
        for partition in partitions {
            while (self.sinks.held)(*partition) {
                while !self.sinks.away.is_due() && !stop.is_cancelled() {
                    self.measure();
                    thread::park_timeout(IDLE);
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
                match self.take_over(*partition) {
                    Ok(()) => break,
                    Err(Failure::Fenced(reason)) => return Err(Fatal::new(reason)),
                    Err(Failure::Away(reason)) => self.sinks.away.failed(reason),
                }
            }
        }
        self.sinks.away.answered();
        self.owned.extend(partitions);
        self.tell_share();
        debug!(stage = S::NAME, worker = self.name, count = partitions.len(), "partitions assigned");
        // The own term is in every snapshot before anything new is said.
        self.carry_out(true)
    }

    /// Restores every key of a partition, each from the highest term that saved it, and publishes its outbox.
    fn take_over(&mut self, partition: u32) -> Result<(), Failure> {
        let store = Arc::clone(&self.sinks.context.store);
        let rows = store.scan(&Scan::all(&table::SNAPSHOTS, &owner(S::NAME, partition)))?;
        for (key, (saved, replaces)) in latest::<S>(rows) {
            self.stage.restore(&key, Some(Snapshot(saved.state.clone())));
            self.sinks.keys.insert(key, KeyState::restored(partition, saved, replaces));
        }
        if S::CLOCK == Clock::Wall {
            // The partition is its own only key; it may have rows to recall without a snapshot.
            self.begin(&Key::from(partition.to_string()), partition);
        }
        let own: Vec<Key> = self
            .sinks
            .keys
            .iter()
            .filter(|(_, state)| state.partition == partition)
            .map(|(key, _)| key.clone())
            .collect();
        if own.iter().any(|key| !self.sinks.keys[key].outbox.is_empty()) {
            // What is recalled from the store must have in it what the last owner decided.
            let keys = self.due(false).unwrap_or_default();
            self.sinks.flush(&keys)?;
        }
        for key in own {
            self.stage.recall(&key, &*store)?;
        }
        Ok(())
    }

    pub(super) fn revoked(&mut self, partitions: &[u32]) -> Result<(), Fatal> {
        self.carry_out(true)?;
        for key in self.sinks.forget(partitions) {
            self.stage.release(&key);
        }
        self.owned.retain(|partition| !partitions.contains(partition));
        self.tell_share();
        info!(stage = S::NAME, worker = self.name, count = partitions.len(), "partitions revoked");
        Ok(())
    }

    /// Readiness has in it whether anything is this worker's.
    fn tell_share(&self) {
        let share = if self.owned.is_empty() { Err("none".to_owned()) } else { Ok(()) };
        self.sinks.context.lifecycle.health().set(self.part("partitions"), share);
    }

    /// Begins a key that nobody saved.
    pub(super) fn begin(&mut self, key: &Key, partition: u32) {
        if !self.sinks.keys.contains_key(key) {
            self.stage.restore(key, None);
            self.sinks.keys.insert(key.clone(), KeyState::new(partition));
        }
    }
}

/// Of each key what the highest term saved, and the places of all readable rows: those it replaces. A row that cannot be
/// read stays where it is, for people.
fn latest<S: Stage>(rows: Vec<StoredRow>) -> BTreeMap<Key, (Saved, Vec<Vec<u8>>)> {
    let mut latest: BTreeMap<Key, (u64, Saved, Vec<Vec<u8>>)> = BTreeMap::new();
    for row in rows {
        let (Some((key, term)), Ok(saved)) = (at(&row.sort), Saved::decode(row.body.as_slice())) else {
            let place = hex::encode(&row.sort);
            error!(
                stage = S::NAME,
                partition = row.partition,
                place,
                "snapshot that cannot be read, left out"
            );
            continue;
        };
        let (highest, best, replaces) = latest.entry(key).or_default();
        replaces.push(row.sort);
        if term >= *highest {
            (*highest, *best) = (term, saved);
        }
    }
    latest.into_iter().map(|(key, (_, saved, replaces))| (key, (saved, replaces))).collect()
}
