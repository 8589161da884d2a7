//! Carries out what a stage said, and again when a sink is away: nothing is inferred or applied twice for that.
//!
//! What is volatile goes out at once. Everything durable goes out together, when something was decided or a snapshot
//! is due: first one write of snapshots with their outboxes and of rows, then the decisions' messages, then commits.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Instant,
};

use cortex_proto::{Topic, topics, topics::Class, v1};
use sha2::{Digest, Sha256};
use tracing::{error, warn};

use super::{
    SNAPSHOT_EVERY,
    away::Away,
    behind::Behind,
    keys::{Decision, KeyState, Letter, owner, place},
    wall_clock,
};
use crate::{
    bus::{self, Body, Consumer, Outgoing, Record, Writer},
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

/// What a worker said and where it goes, apart from the stage that said it: so a write can go on while models run.
pub(super) struct Sinks {
    stage: &'static str,
    pub(super) context: Context,
    pub(super) consumer: Box<dyn Consumer>,
    /// Whether the store and the bus take what is said.
    pub(super) away: Away,
    pub(super) keys: BTreeMap<Key, KeyState>,
    behind: Behind,
    /// Volatile facts, with their writers, that the bus did not take.
    late: VecDeque<(Outgoing, Writer)>,
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
    ) -> Self {
        Self {
            stage,
            context,
            consumer,
            away,
            keys: BTreeMap::new(),
            behind: Behind::default(),
            late: VecDeque::new(),
            terms: HashMap::new(),
            seen: HashMap::new(),
            committed: HashMap::new(),
            metrics: StageMetrics::new(stage),
        }
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
        warn!(stage = self.stage, topic = record.topic.noun, key = %record.key, offset = record.offset, %poison, "input poisoned");
        let encoded = matches!(record.body, Body::Bytes(_)).then(|| record.body.bytes());
        let fact = if record.topic.class == Class::Fact { record.body.bytes().to_vec() } else { Vec::new() };
        let dead = v1::Dead {
            stage: self.stage.to_owned(),
            topic: record.topic.noun.to_owned(),
            partition: record.partition,
            offset: record.offset.unwrap_or_default(),
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
        self.keys.values().map(|state| state.outbox.len()).sum::<usize>() >= WAITING
    }

    fn decide(&mut self, key: &Key, decision: Decision) {
        if self.away.is_away() && self.is_full() {
            self.metrics.dropped("outbox_full", 1);
            error!(stage = self.stage, %key, "sinks are away for too long, a decision is lost");
            return;
        }
        self.keys.get_mut(key).expect("a key is begun before it decides").decide(decision);
    }

    /// Publishes what must not wait for the store. While the bus is away pictures are shed and facts wait.
    fn publish_now(&mut self, messages: Vec<Outgoing>, partition: u32) -> Result<(), Fatal> {
        if messages.is_empty() || !self.consumer.holds(partition) {
            return Ok(());
        }
        let writer = self.writer(partition);
        if self.late.is_empty() {
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
        if excess > 0 {
            self.metrics.dropped("store_away", excess as u64);
        }
    }

    /// Who speaks for a partition. Without a term while the store gives none: then there is nobody to be told from.
    fn writer(&self, partition: u32) -> Writer {
        let term = self.terms.get(&partition);
        term.map_or(Writer::ANYBODY, |term| Writer::new(owner(self.stage, partition), *term))
    }

    /// The term of a partition, from the store when there is none yet.
    fn term(&mut self, partition: u32) -> Result<u64, store::Error> {
        if let Some(term) = self.terms.get(&partition) {
            return Ok(*term);
        }
        let term = store::next_term(&*self.context.store, &owner(self.stage, partition))?;
        self.terms.insert(partition, term);
        Ok(term)
    }

    /// The keys that are to be saved now; `None` when nothing is to be carried out, or a sink is away and its time has not
    /// come. `all` is the end: everything is saved, and tried once more.
    pub(super) fn due(&self, all: bool) -> Option<Vec<Key>> {
        if !all && !self.away.is_due() {
            return None;
        }
        // What is another's already is decided again there.
        let own = |state: &KeyState| self.consumer.holds(state.partition);
        // All that changed go with the first that is due: one wait for the store, not one for each.
        let time = self
            .keys
            .values()
            .any(|state| state.changed && state.saved_at.elapsed() >= SNAPSHOT_EVERY && own(state));
        let due = |state: &KeyState| state.recorded < state.outbox.len() || state.changed && (all || time);
        let keys: Vec<Key> = self
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

    /// Carries out what waits, and saves these keys.
    pub(super) fn carry_out(&mut self, keys: &[Key]) -> Result<(), Fatal> {
        if self.away.is_away() {
            self.metrics.retried();
        }
        match self.flush(keys) {
            Ok(()) => self.away.answered(),
            Err(Failure::Away(reason)) => self.away.failed(reason),
            Err(Failure::Fenced(reason)) => return Err(Fatal::new(reason)),
        }
        Ok(())
    }

    /// The same, for whoever minds himself that a sink is away.
    pub(super) fn flush(&mut self, keys: &[Key]) -> Result<(), Failure> {
        let begun = Instant::now();
        while let Some((message, writer)) = self.late.front() {
            self.context.bus.publish(std::slice::from_ref(message), writer)?;
            self.late.pop_front();
        }
        self.save(keys)?;
        for key in self.keys.keys().cloned().collect::<Vec<_>>() {
            self.tell(&key)?;
        }
        self.commit()?;
        self.metrics.blocked(begun.elapsed());
        Ok(())
    }

    /// Writes these keys with what they decided, and the rows stored behind.
    fn save(&mut self, keys: &[Key]) -> Result<(), Failure> {
        let now_us = wall_clock();
        let (mut rows, mut written) = (Vec::new(), Vec::new());
        for key in keys {
            let partition = self.keys[key].partition;
            let term = self.term(partition)?;
            // It may have taken a while to get the term.
            let holds = self.consumer.holds(partition);
            let Some(state) = self.keys.get_mut(key).filter(|_| holds) else { continue };
            written.push(key);
            rows.push(state.row(self.stage, key, term, now_us));
            let decided = state.outbox.iter().skip(state.recorded).flat_map(|decision| &decision.rows);
            rows.extend(decided.filter(|row| !is_once(row)).cloned());
        }
        let own = rows.len();
        rows.extend(self.behind.take());
        if rows.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.context.store.write(&rows) {
            self.behind.put(rows.split_off(own));
            return Err(error.into());
        }
        for key in written {
            let Some(state) = self.keys.get_mut(key) else { continue };
            let (owner, own) = (owner(self.stage, state.partition), self.terms.get(&state.partition));
            for old in
                state.saved().into_iter().filter(|old| own.is_none_or(|term| *old != place(key, *term)))
            {
                self.context.store.delete(&table::SNAPSHOTS, &owner, &old)?;
            }
        }
        Ok(())
    }

    /// Publishes what a key decided. Its snapshot holds it already, so a crash loses nothing of it.
    fn tell(&mut self, key: &Key) -> Result<(), Failure> {
        let own = |state: &&KeyState| !state.outbox.is_empty() && self.consumer.holds(state.partition);
        let Some(state) = self.keys.get(key).filter(own) else { return Ok(()) };
        for row in state.outbox.iter().flat_map(|decision| &decision.rows).filter(|row| is_once(row)) {
            if !self.context.store.insert(row)? {
                return Err(Failure::Fenced(format!(
                    "another owner wrote place {:x?} of {}/{}: stopping, it goes on from there",
                    row.sort, row.table, row.partition
                )));
            }
        }
        let letters = state.outbox.iter().flat_map(|decision| &decision.letters);
        let messages: Vec<Outgoing> = letters.filter_map(Letter::open).collect();
        self.context.bus.publish(&messages, &self.writer(state.partition))?;
        if let Some(state) = self.keys.get_mut(key) {
            state.outbox.clear();
            state.recorded = 0;
            state.changed = true;
        }
        Ok(())
    }

    /// Commits below every input that no written snapshot has in it.
    fn commit(&mut self) -> Result<(), Failure> {
        let mut held: HashMap<(&'static str, u32), u64> = HashMap::new();
        for state in self.keys.values() {
            for (topic, offset) in &state.unsaved {
                let lowest = held.entry((topic, state.partition)).or_insert(*offset);
                *lowest = (*lowest).min(*offset);
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
