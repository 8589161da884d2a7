//! Carries out what a stage said, and again when a sink is away: nothing is inferred or applied twice for that.
//!
//! What is volatile goes out at once. Everything durable goes out together, as an [`Errand`], when something was decided
//! or a snapshot is due: first one write of snapshots with their outboxes and of rows, then the decisions' messages; once
//! it is back, commits. One is out at a time, and what is said meanwhile waits for the next.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use cortex_proto::{Topic, topics, topics::Class, v1};
use sha2::{Digest, Sha256};
use tracing::{error, warn};

use super::{
    SNAPSHOT_EVERY,
    away::Away,
    behind::Behind,
    errand::{Courier, Errand, Save, Tell},
    keys::{Decision, KeyState, Letter, owner, place},
    wall_clock,
};
use crate::{
    bus::{self, Body, Consumer, Held, Outgoing, Record, Writer},
    collector::Collector,
    context::Context,
    stage::{Fatal, Key, Poison},
    store::{self, StoredRow, table},
    telemetry::{StageMetrics, trace::Work},
};

/// Decisions that wait at most. One is a few kilobytes, so this is what a worker may take of memory while the store is
/// away: hours of one camera.
const WAITING: usize = 4_000;
/// Volatile facts that wait at most while the bus is away; beyond it the oldest go.
const LATE: usize = 4_096;

/// What a worker said and where it goes.
pub(super) struct Sinks {
    stage: &'static str,
    pub(super) context: Context,
    pub(super) consumer: Box<dyn Consumer>,
    /// Which partitions are this worker's.
    pub(super) held: Held,
    /// Whether the store and the bus take what is said.
    pub(super) away: Away,
    pub(super) keys: BTreeMap<Key, KeyState>,
    behind: Behind,
    /// Volatile facts, with their writers, that the bus did not take.
    late: VecDeque<(Outgoing, Writer)>,
    /// Some of them are out, so that later ones wait behind them.
    late_out: bool,
    courier: Courier,
    /// Term of each partition in which something was said.
    terms: HashMap<u32, u64>,
    /// Next offset of each durable topic and partition: where to commit when no key holds it back.
    pub(super) seen: HashMap<(&'static str, u32), u64>,
    committed: HashMap<(&'static str, u32), u64>,
    pub(super) metrics: StageMetrics,
}

/// Why something was not carried out.
pub(super) enum Failure {
    /// The sink may take it later.
    Away(String),
    /// Somebody else owns what this worker thinks is its own.
    Fenced(String),
}

impl Sinks {
    pub(super) fn new(
        stage: &'static str,
        context: Context,
        consumer: Box<dyn Consumer>,
        away: Away,
    ) -> Result<Self, Fatal> {
        let (bus, store) = (Arc::clone(&context.bus), Arc::clone(&context.store));
        let held = consumer.held();
        let courier = Courier::start(&format!("{stage}-sinks"), bus, store, Arc::clone(&held))
            .map_err(|error| Fatal::new(format!("start the thread of {stage}'s sinks: {error}")))?;
        Ok(Self {
            stage,
            context,
            consumer,
            held,
            away,
            keys: BTreeMap::new(),
            behind: Behind::default(),
            late: VecDeque::new(),
            late_out: false,
            courier,
            terms: HashMap::new(),
            seen: HashMap::new(),
            committed: HashMap::new(),
            metrics: StageMetrics::new(stage),
        })
    }

    /// Carries out what a stage said about one input: volatile messages at once, derived rows behind, and decisions
    /// by way of the key's snapshot. Answers whether it decided something.
    pub(super) fn say(&mut self, key: &Key, out: Collector) -> Result<bool, Fatal> {
        self.metrics.emitted(out.messages.len() as u64);
        let partition = self.keys[key].partition;
        let (decisions, now): (Vec<Outgoing>, Vec<Outgoing>) =
            out.messages.into_iter().partition(Outgoing::is_decision);
        self.publish_now(now, partition)?;
        let derived = |row: &StoredRow| {
            table::find(&row.table)
                .is_some_and(|table| matches!(table.class, table::Class::Detections | table::Class::Stills))
        };
        let (behind, rows): (Vec<StoredRow>, Vec<StoredRow>) = out.rows.into_iter().partition(derived);
        self.store_behind(behind);
        let decides = !decisions.is_empty() || !rows.is_empty();
        if decides {
            self.decide(key, Decision { rows, letters: decisions.iter().map(Letter::seal).collect() });
        }
        Ok(decides)
    }

    /// Sends an input to the dead letters: a copy of a fact, reference and hash of a picture.
    pub(super) fn bury(&mut self, key: &Key, record: &Record, poison: &Poison, mut work: Work) {
        self.metrics.poisoned();
        warn!(stage = self.stage, topic = record.topic.noun, key = %record.key, offset = record.reference, %poison, "input poisoned");
        let encoded = matches!(record.body, Body::Bytes(_)).then(|| record.body.bytes());
        let fact = if record.topic.class == Class::Fact { record.body.bytes().to_vec() } else { Vec::new() };
        let dead = v1::Dead {
            stage: self.stage.to_owned(),
            topic: record.topic.noun.to_owned(),
            partition: record.partition,
            offset: record.reference.unwrap_or_default(),
            camera: record.key.to_string(),
            reason: poison.reason.clone(),
            sha256: encoded.map(|bytes| hex::encode(Sha256::digest(&bytes))).unwrap_or_default(),
            fact,
            time_us: wall_clock(),
        };
        work.led_to([&topics::DEAD]);
        let dead = Outgoing { trace: work.carries(), ..Outgoing::new(dead, record.partition) };
        let letters = vec![Letter::seal(&dead)];
        self.decide(key, Decision { rows: Vec::new(), letters });
    }

    /// Whether as many decisions wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.waiting() >= WAITING
    }

    fn waiting(&self) -> usize {
        self.keys.values().map(|state| state.outbox.len()).sum()
    }

    fn decide(&mut self, key: &Key, decision: Decision) {
        // A sink that hangs is not known to be away.
        let limit = if self.away.is_away() { WAITING } else { 2 * WAITING };
        if self.waiting() >= limit {
            self.metrics.dropped("outbox_full", 1);
            error!(stage = self.stage, %key, "sinks are away for too long, a decision is lost");
            return;
        }
        self.keys.get_mut(key).expect("a key is begun before it decides").decide(decision);
    }

    /// Publishes what must not wait for the store. While the bus is away pictures are shed and facts wait.
    fn publish_now(&mut self, messages: Vec<Outgoing>, partition: u32) -> Result<(), Fatal> {
        if messages.is_empty() || !(self.held)(partition) {
            return Ok(());
        }
        let writer = self.writer(partition);
        if self.late.is_empty() && !self.late_out {
            match self.context.bus.publish(&messages, &writer).map_err(Failure::from) {
                Ok(()) => return Ok(()),
                Err(Failure::Fenced(reason)) => return Err(Fatal::new(reason)),
                Err(Failure::Away(reason)) => self.away.failed(reason),
            }
        }
        let (facts, pictures): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.topic.class == Class::Fact);
        self.late.extend(facts.into_iter().map(|message| (message, writer.clone())));
        let excess = self.late.len().saturating_sub(LATE);
        self.late.drain(..excess);
        self.metrics.dropped("bus_away", (pictures.len() + excess) as u64);
        Ok(())
    }

    fn store_behind(&mut self, rows: Vec<StoredRow>) {
        let excess = self.behind.put(rows);
        self.metrics.dropped("store_away", excess as u64);
    }

    /// Who speaks for a partition. Without a term while the store gives none: then there is nobody to be told from.
    fn writer(&self, partition: u32) -> Writer {
        let term = self.terms.get(&partition);
        term.map_or(Writer::ANYBODY, |term| Writer::new(owner(self.stage, partition), *term))
    }

    /// Takes the terms of the partitions of keys from the store, where there are none yet.
    fn terms(&mut self, keys: &BTreeSet<Key>) -> Result<(), store::Error> {
        for partition in keys.iter().map(|key| self.keys[key].partition) {
            // It may be another's by now: then it is he who begins one.
            if !self.terms.contains_key(&partition) && (self.held)(partition) {
                let term = store::next_term(&*self.context.store, &owner(self.stage, partition))?;
                self.terms.insert(partition, term);
            }
        }
        Ok(())
    }

    /// The keys that are to be saved now; `None` when nothing is to be carried out, or a sink is away and its time has not
    /// come. `all` is the end: everything is saved, and tried once more.
    pub(super) fn due(&self, all: bool) -> Option<BTreeSet<Key>> {
        if !all && !self.away.is_due() {
            return None;
        }
        // What is another's already is decided again there.
        let own = |state: &KeyState| (self.held)(state.partition);
        // All that changed go with the first that is due: one wait for the store, not one for each.
        let time = self
            .keys
            .values()
            .any(|state| state.changed && state.saved_at.elapsed() >= SNAPSHOT_EVERY && own(state));
        let due = |state: &KeyState| state.recorded < state.outbox.len() || state.changed && (all || time);
        let keys: BTreeSet<Key> = self
            .keys
            .iter()
            .filter(|(_, state)| due(state) && own(state))
            .map(|(key, _)| key.clone())
            .collect();
        let waits = self.away.is_away()
            || !self.late.is_empty()
            || self.keys.values().any(|state| !state.outbox.is_empty() && own(state));
        (all || waits || !keys.is_empty()).then_some(keys)
    }

    /// Whether something is being carried out.
    pub(super) fn is_out(&self) -> bool {
        self.courier.is_out()
    }

    /// Begins to carry out what waits, and to save these keys. Nothing else may be out.
    pub(super) fn begin(&mut self, keys: &BTreeSet<Key>) -> Result<(), Fatal> {
        if self.away.is_away() {
            self.metrics.retried();
        }
        match self.send(keys) {
            Err(Failure::Away(reason)) => self.away.failed(reason),
            Err(Failure::Fenced(reason)) => return Err(Fatal::new(reason)),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Waits so long for what is out, and answers whether nothing is out any more.
    pub(super) fn gather(&mut self, limit: Duration) -> Result<bool, Fatal> {
        match self.back(limit) {
            Some(Ok(())) => self.away.answered(),
            Some(Err(Failure::Away(reason))) => self.away.failed(reason),
            Some(Err(Failure::Fenced(reason))) => return Err(Fatal::new(reason)),
            None => {}
        }
        Ok(!self.is_out())
    }

    /// Carries out what waits, and saves these keys, before it returns. Nothing else may be out.
    pub(super) fn flush(&mut self, keys: &BTreeSet<Key>) -> Result<(), Failure> {
        self.send(keys)?;
        self.back(Duration::MAX).unwrap_or(Ok(()))
    }

    fn send(&mut self, keys: &BTreeSet<Key>) -> Result<(), Failure> {
        let nobody = BTreeSet::new();
        let keys = match self.terms(keys) {
            Ok(()) => keys,
            // What waits for the bus alone must not wait for the store.
            Err(_) if !self.late.is_empty() => &nobody,
            Err(error) => return Err(error.into()),
        };
        let mut errand = Errand::default();
        let now_us = wall_clock();
        for (key, state) in &mut self.keys {
            let saves = keys.contains(key);
            let mut recorded = state.recorded;
            // It may have taken a while to get the terms.
            if !saves && recorded == 0 || !(self.held)(state.partition) {
                continue;
            }
            let Some(term) = self.terms.get(&state.partition) else { continue };
            let owner = owner(self.stage, state.partition);
            if saves {
                errand.rows.push(state.row(&owner, key, *term, now_us));
                let decided = state.outbox.iter().skip(recorded).flat_map(|decision| &decision.rows);
                errand.rows.extend(decided.filter(|row| !is_once(row)).cloned());
                recorded = state.outbox.len();
                let mut replaces = state.writes();
                replaces.retain(|old| *old != place(key, *term));
                errand.saves.push(Save { key: key.clone(), owner: owner.clone(), recorded, replaces });
            }
            if recorded > 0 {
                let rows = state.outbox.iter().take(recorded).flat_map(|decision| &decision.rows);
                let letters = state.outbox.iter().take(recorded).flat_map(|decision| &decision.letters);
                errand.tells.push(Tell {
                    key: key.clone(),
                    partition: state.partition,
                    decisions: recorded,
                    once: rows.filter(|row| is_once(row)).cloned().collect(),
                    messages: letters.filter_map(Letter::open).collect(),
                    writer: Writer::new(owner, *term),
                    told: false,
                });
            }
        }
        errand.own = errand.rows.len();
        errand.rows.extend(self.behind.take());
        errand.late = std::mem::take(&mut self.late);
        self.late_out = !errand.late.is_empty();
        self.courier.send(errand);
        Ok(())
    }

    /// Books what is back.
    fn back(&mut self, limit: Duration) -> Option<Result<(), Failure>> {
        let (mut errand, result) = self.courier.back(limit)?;
        self.metrics.sinks(errand.took);
        errand.late.append(&mut self.late);
        (self.late, self.late_out) = (errand.late, false);
        let written = errand.rows.is_empty();
        for save in errand.saves {
            let Some(state) = self.keys.get_mut(&save.key) else { continue };
            match written {
                true => state.wrote(save.recorded),
                false => state.failed(),
            }
            state.replaces = save.replaces;
        }
        if !written {
            let excess = self.behind.put_back(errand.rows.split_off(errand.own));
            self.metrics.dropped("store_away", excess as u64);
        }
        for tell in errand.tells.iter().filter(|tell| tell.told) {
            if let Some(state) = self.keys.get_mut(&tell.key) {
                state.told(tell.decisions);
            }
        }
        Some(result.and_then(|()| self.commit()))
    }

    /// Commits below every input that no written snapshot has in it.
    fn commit(&mut self) -> Result<(), Failure> {
        let mut held: HashMap<(&'static str, u32), u64> = HashMap::new();
        for state in self.keys.values() {
            for (topic, offset) in state.unwritten() {
                let lowest = held.entry((topic, state.partition)).or_insert(offset);
                *lowest = (*lowest).min(offset);
            }
        }
        let settled: Vec<(&'static Topic, u32, u64)> = self
            .seen
            .iter()
            .map(|(place, next)| (place, held.get(place).copied().unwrap_or(*next)))
            .filter(|(place, offset)| self.committed.get(place).is_none_or(|committed| offset > committed))
            .filter_map(|(place, offset)| Some((topics::find(place.0)?, place.1, offset)))
            .collect();
        for (topic, partition, offset) in settled {
            self.consumer.commit(topic, partition, offset)?;
            self.committed.insert((topic.noun, partition), offset);
        }
        Ok(())
    }

    /// Lets go of what waits for partitions that are another's now, and answers their keys. What the log still has is
    /// decided again there.
    pub(super) fn forget(&mut self, partitions: &[u32]) -> Vec<Key> {
        let mut lost = 0;
        let mut gone = Vec::new();
        self.keys.retain(|key, state| {
            let stays = !partitions.contains(&state.partition);
            if !stays {
                lost += state.outbox.len() - state.recorded;
                gone.push(key.clone());
            }
            stays
        });
        if lost > 0 {
            error!(
                stage = self.stage,
                decisions = lost,
                "sinks are away, decisions of revoked partitions are left behind"
            );
        }
        self.late.retain(|(message, _)| !partitions.contains(&message.partition));
        self.terms.retain(|partition, _| !partitions.contains(partition));
        self.seen.retain(|(_, partition), _| !partitions.contains(partition));
        self.committed.retain(|(_, partition), _| !partitions.contains(partition));
        gone
    }
}

fn is_once(row: &StoredRow) -> bool {
    table::find(&row.table).is_some_and(|table| table.writes == table::Writes::Once)
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Away(error.to_string())
    }
}

impl From<bus::Error> for Failure {
    fn from(error: bus::Error) -> Self {
        match error {
            bus::Error::Fenced { .. } | bus::Error::Closed => Self::Fenced(format!("{error}: stopping")),
            bus::Error::Engine { .. } => Self::Away(error.to_string()),
        }
    }
}
