//! One thread of a stage.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use cortex_proto::{topics, topics::Class, v1};
use sha2::{Digest, Sha256};
use tracing::{debug, error, info, warn};

use super::{
    Config, IDLE, SNAPSHOT_EVERY,
    keys::{Decision, KeyState, Saved, place},
    sinks::{Job, Outcome, Sinks, seal},
    wall_clock,
};
use crate::{
    bus::{Consumer, Event, Outgoing, Record, Take},
    collector::Collector,
    context::Context,
    stage::{Clock, Fatal, Input, Key, Poison, Snapshot, Stage, StreamTime},
    store::{self, Scan, StoredRow, table},
    tables::Tables,
    telemetry::{StageMetrics, trace::Work},
};

pub(super) struct Worker<S: Stage> {
    stage: S,
    name: String,
    context: Context,
    config: Config,
    consumer: Box<dyn Consumer>,
    sinks: Sinks,
    /// Term of each partition owned.
    terms: HashMap<u32, u64>,
    keys: BTreeMap<Key, KeyState>,
    /// Next offset of each topic and partition: where to commit when no key holds it back.
    seen: HashMap<(&'static str, u32), u64>,
    committed: HashMap<(&'static str, u32), u64>,
    tables: Arc<Tables>,
    ticked: Instant,
    metrics: StageMetrics,
}

/// An input with what the runner needs of its record.
struct Item<I> {
    record: Record,
    key: Key,
    input: I,
}

impl<S: Stage> Worker<S> {
    pub(super) fn new(mut stage: S, context: Context, config: Config, name: &str) -> Result<Self, Fatal> {
        let tables = context.tables.load_full();
        stage.reload(Arc::clone(&tables));
        let consumer = context
            .bus
            .subscribe(S::NAME, name, S::In::TOPICS)
            .map_err(|error| Fatal::new(format!("join group {}: {error}", S::NAME)))?;
        Ok(Self {
            stage,
            name: name.to_owned(),
            context,
            config,
            consumer,
            sinks: Sinks::new(S::NAME),
            terms: HashMap::new(),
            keys: BTreeMap::new(),
            seen: HashMap::new(),
            committed: HashMap::new(),
            tables,
            ticked: Instant::now(),
            metrics: StageMetrics::new(S::NAME),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn run(mut self) -> Result<(), Fatal> {
        let stop = self.context.stop();
        while !stop.is_cancelled() {
            self.reload();
            if self.sinks.is_full() {
                // Facts wait, and so does whoever makes them; pictures are shed at their slots meanwhile.
                std::thread::park_timeout(IDLE);
                self.carry_out(false)?;
                continue;
            }
            match self.poll()? {
                Some(Event::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Event::Revoked(partitions)) => self.revoked(&partitions)?,
                Some(Event::Records(records)) => self.records(records)?,
                None => {}
            }
            if S::CLOCK == Clock::Wall && self.ticked.elapsed() >= Duration::from_secs(1) {
                self.ticked = Instant::now();
                for key in self.keys.keys().cloned().collect::<Vec<_>>() {
                    self.tick(&key, StreamTime(wall_clock()))?;
                }
            }
            self.save_changed(false);
            self.carry_out(false)?;
        }
        self.save_changed(true);
        self.carry_out(true)
    }

    fn reload(&mut self) {
        let tables = self.context.tables.load_full();
        if !Arc::ptr_eq(&tables, &self.tables) {
            self.stage.reload(Arc::clone(&tables));
            self.tables = tables;
        }
    }

    /// Takes what is there, and waits for more only while the batch is young.
    fn poll(&mut self) -> Result<Option<Event>, Fatal> {
        let failed = |error: crate::bus::Error| Fatal::new(format!("poll {}: {error}", S::NAME));
        let count = self.config.batch_count;
        let first = self.consumer.poll(Take { count, wait: IDLE }).map_err(failed)?;
        let Some(Event::Records(mut records)) = first else { return Ok(first) };
        let closes = Instant::now() + Duration::from_millis(self.config.batch_age_ms);
        while records.len() < count {
            let Some(wait) = closes.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
            else {
                break;
            };
            match self.consumer.poll(Take { count: count - records.len(), wait }).map_err(failed)? {
                Some(Event::Records(more)) => records.extend(more),
                Some(Event::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Event::Revoked(partitions)) => {
                    self.records(std::mem::take(&mut records))?;
                    self.revoked(&partitions)?;
                }
                None => break,
            }
        }
        Ok(Some(Event::Records(records)))
    }

    /// Begins partitions: a term, every key from its snapshot, and what it had decided published again.
    fn assigned(&mut self, partitions: &[u32]) -> Result<(), Fatal> {
        for partition in partitions {
            let owner = place(S::NAME, *partition);
            let failed = |error: store::Error| Fatal::new(format!("take over {owner}: {error}"));
            let rows = self.context.store.scan(&Scan::all(&table::SNAPSHOTS, &owner)).map_err(failed)?;
            // A partition that nobody ever used needs no term yet; it gets one with its first key.
            for row in rows {
                let key = Key::from(String::from_utf8_lossy(&row.sort));
                let Ok(saved) = postcard::from_bytes::<Saved>(&row.body) else {
                    warn!(stage = S::NAME, %key, "snapshot of another version, beginning anew");
                    continue;
                };
                self.stage.restore(&key, Some(saved.state.clone()));
                let mut state = KeyState::new(*partition, Some(&saved));
                for decision in saved.outbox {
                    let term = self.term(*partition)?;
                    state.outbox.push(decision.clone());
                    let snapshot = state.save(S::NAME, &key, term, saved.state.clone(), wall_clock());
                    self.sinks.push(Job::Decide { key: key.clone(), snapshot, decision });
                }
                self.keys.insert(key, state);
            }
        }
        debug!(stage = S::NAME, worker = self.name, count = partitions.len(), "partitions assigned");
        self.carry_out(true)
    }

    fn revoked(&mut self, partitions: &[u32]) -> Result<(), Fatal> {
        self.save_changed(true);
        self.carry_out(true)?;
        let gone: Vec<Key> = self
            .keys
            .iter()
            .filter(|(_, state)| partitions.contains(&state.partition))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.keys.remove(&key);
            self.stage.release(&key);
        }
        self.terms.retain(|partition, _| !partitions.contains(partition));
        self.seen.retain(|(_, partition), _| !partitions.contains(partition));
        info!(stage = S::NAME, worker = self.name, count = partitions.len(), "partitions revoked");
        Ok(())
    }

    fn records(&mut self, records: Vec<Record>) -> Result<(), Fatal> {
        self.metrics.received(records.len() as u64);
        self.metrics.lag(self.consumer.lag());
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            self.seen.insert((record.topic.noun, record.partition), record.offset + 1);
            let key = match S::CLOCK {
                Clock::Stream => Key::from(&*record.key),
                Clock::Wall => Key::from(record.partition.to_string()),
            };
            if self.keys.get(&key).is_some_and(|state| state.has(record.topic.noun, record.offset)) {
                continue;
            }
            match S::In::decode(&record) {
                Ok(input) => items.push(Item { record, key, input }),
                Err(error) => {
                    self.bury(&record, &Poison::new(format!("decode {}: {error}", record.topic.noun)))
                }
            }
        }
        let limit = self.config.batch_mib << 20;
        while !items.is_empty() {
            let mut bytes = 0;
            let fits = items.iter().take_while(|item| {
                bytes += item.input.bytes();
                bytes <= limit
            });
            let count = fits.count().max(1);
            let rest = items.split_off(count);
            self.batch(std::mem::replace(&mut items, rest))?;
        }
        Ok(())
    }

    fn batch(&mut self, items: Vec<Item<S::In>>) -> Result<(), Fatal> {
        let (begun, since) = (Instant::now(), SystemTime::now());
        let models: Vec<usize> = (0..items.len())
            .filter(|index| items[*index].input.heartbeat().is_none() && items[*index].input.wants_models())
            .collect();
        let inputs: Vec<&S::In> = models.iter().map(|index| &items[*index].input).collect();
        let seen = if inputs.is_empty() { Vec::new() } else { self.infer(&inputs) };
        let mut seen: HashMap<usize, Result<S::Seen, Poison>> = models.into_iter().zip(seen).collect();
        for (index, item) in items.iter().enumerate() {
            self.begin(&item.key, item.record.partition)?;
            if let Some(now) = item.input.heartbeat() {
                self.took(item);
                self.tick(&item.key, now)?;
                continue;
            }
            let trace = item.record.trace.as_deref();
            let work = Work::go_on(S::NAME, item.record.topic, trace, since, items.len());
            match seen.remove(&index).unwrap_or_else(|| Ok(S::Seen::default())) {
                Ok(seen) => self.apply(item, seen, work.traceparent())?,
                Err(poison) => {
                    self.took(item);
                    self.bury(&item.record, &poison);
                }
            }
        }
        self.metrics.batch(items.len() as u64, begun.elapsed());
        Ok(())
    }

    /// Runs the models; after a panic once more input by input, so that only the guilty one is poisoned.
    fn infer(&mut self, inputs: &[&S::In]) -> Vec<Result<S::Seen, Poison>> {
        match catch_unwind(AssertUnwindSafe(|| self.stage.infer(inputs))) {
            Ok(seen) if seen.len() == inputs.len() => seen,
            Ok(seen) => {
                error!(
                    stage = S::NAME,
                    given = inputs.len(),
                    answered = seen.len(),
                    "infer broke its contract"
                );
                inputs.iter().map(|_| Err(Poison::new("infer answered another number of inputs"))).collect()
            }
            Err(_) if inputs.len() == 1 => {
                vec![Err(Poison::new("infer panicked; the message is in the log"))]
            }
            Err(_) => inputs.iter().flat_map(|input| self.infer(&[input])).collect(),
        }
    }

    fn apply(&mut self, item: &Item<S::In>, seen: S::Seen, trace: Option<String>) -> Result<(), Fatal> {
        let mut out = Collector::new(item.record.partition);
        let applied =
            catch_unwind(AssertUnwindSafe(|| self.stage.apply(&item.key, &item.input, seen, &mut out)));
        self.took(item);
        if let Some(received_us) = item.input.received_us() {
            let age = u64::try_from(wall_clock() - received_us).unwrap_or(0);
            self.metrics.age(Duration::from_micros(age));
        }
        match applied {
            Ok(result) => {
                result?;
                out.messages.iter_mut().for_each(|message| message.trace.clone_from(&trace));
                self.say(&item.key, out)
            }
            Err(_) => {
                self.rebuild(&item.key);
                self.bury(&item.record, &Poison::new("apply panicked; the message is in the log"));
                Ok(())
            }
        }
    }

    fn tick(&mut self, key: &Key, now: StreamTime) -> Result<(), Fatal> {
        let Some(state) = self.keys.get(key) else { return Ok(()) };
        let mut out = Collector::new(state.partition);
        if catch_unwind(AssertUnwindSafe(|| self.stage.tick(key, now, &mut out))).is_err() {
            error!(stage = S::NAME, %key, "tick panicked, the key begins again from its snapshot");
            self.rebuild(key);
            return Ok(());
        }
        if !out.messages.is_empty() || !out.rows.is_empty() {
            self.keys.entry(key.clone()).and_modify(|state| state.changed = true);
        }
        self.say(key, out)
    }

    /// Carries out what a stage said about one input: volatile messages at once, derived rows behind, and decisions
    /// by way of the key's snapshot.
    fn say(&mut self, key: &Key, out: Collector) -> Result<(), Fatal> {
        self.metrics.emitted(out.messages.len() as u64);
        let (decisions, now): (Vec<Outgoing>, Vec<Outgoing>) =
            out.messages.into_iter().partition(Outgoing::is_decision);
        if !now.is_empty() {
            self.sinks.publish_now(&self.context, &now)?;
        }
        let derived = |row: &StoredRow| {
            table::find(&row.table)
                .is_some_and(|table| matches!(table.class, table::Class::Detections | table::Class::Stills))
        };
        let (behind, rows): (Vec<StoredRow>, Vec<StoredRow>) = out.rows.into_iter().partition(derived);
        self.sinks.store_behind(behind);
        if decisions.is_empty() && rows.is_empty() {
            return Ok(());
        }
        let decision = Decision { rows, letters: decisions.iter().map(seal).collect() };
        let state = self.keys.get_mut(key).expect("a key is begun before it is applied");
        state.outbox.push(decision.clone());
        let term = self.terms.get(&state.partition).copied().unwrap_or(0);
        let snapshot = state.save(S::NAME, key, term, self.stage.snapshot(key), wall_clock());
        self.sinks.push(Job::Decide { key: key.clone(), snapshot, decision });
        self.carry_out(false)
    }

    /// Goes back to the key's last snapshot, so that half of an input is never kept.
    fn rebuild(&mut self, key: &Key) {
        let last = self.keys.get(key).and_then(|state| state.last.clone());
        self.stage.release(key);
        self.stage.restore(key, last);
    }

    fn begin(&mut self, key: &Key, partition: u32) -> Result<(), Fatal> {
        if !self.keys.contains_key(key) {
            self.term(partition)?;
            self.stage.restore(key, None);
            self.keys.insert(key.clone(), KeyState::new(partition, None));
        }
        Ok(())
    }

    fn term(&mut self, partition: u32) -> Result<u64, Fatal> {
        if let Some(term) = self.terms.get(&partition) {
            return Ok(*term);
        }
        let owner = place(S::NAME, partition);
        let term = store::next_term(&*self.context.store, &owner)
            .map_err(|error| Fatal::new(format!("get a term for {owner}: {error}")))?;
        self.terms.insert(partition, term);
        self.sinks.set_term(term);
        Ok(term)
    }

    fn took(&mut self, item: &Item<S::In>) {
        if let Some(state) = self.keys.get_mut(&item.key) {
            state.took(item.record.topic.noun, item.record.offset);
        }
    }

    /// Sends an input to the dead letters: a copy of a fact, reference and hash of a picture.
    fn bury(&mut self, record: &Record, poison: &Poison) {
        self.metrics.poisoned();
        warn!(stage = S::NAME, topic = record.topic.noun, key = %record.key, offset = record.offset, %poison, "input poisoned");
        let encoded = matches!(record.body, crate::bus::Body::Bytes(_)).then(|| record.body.bytes());
        let fact = if record.topic.class == Class::Fact { record.body.bytes().to_vec() } else { Vec::new() };
        let dead = v1::Dead {
            stage: S::NAME.to_owned(),
            topic: record.topic.noun.to_owned(),
            partition: record.partition,
            offset: record.offset,
            camera: record.key.to_string(),
            reason: poison.reason.clone(),
            sha256: encoded.map(|bytes| hex::encode(Sha256::digest(&bytes))).unwrap_or_default(),
            fact,
            time_us: wall_clock(),
        };
        let letter = seal(&Outgoing::new(dead, record.partition));
        let decision = Decision { rows: Vec::new(), letters: vec![letter] };
        let key = match S::CLOCK {
            Clock::Stream => Key::from(&*record.key),
            Clock::Wall => Key::from(record.partition.to_string()),
        };
        let state = self.keys.entry(key.clone()).or_insert_with(|| {
            self.stage.restore(&key, None);
            KeyState::new(record.partition, None)
        });
        state.took(record.topic.noun, record.offset);
        state.outbox.push(decision.clone());
        let term = self.terms.get(&record.partition).copied().unwrap_or(0);
        let snapshot = state.save(S::NAME, &key, term, self.stage.snapshot(&key), wall_clock());
        self.sinks.push(Job::Decide { key, snapshot, decision });
    }

    /// Writes the snapshots of changed keys that are due, the rows stored behind, and commits what they allow.
    fn save_changed(&mut self, all: bool) {
        let due = |state: &KeyState| state.changed && (all || state.saved_at.elapsed() >= SNAPSHOT_EVERY);
        let mut rows = Vec::new();
        for (key, state) in self.keys.iter_mut().filter(|(_, state)| due(state)) {
            let snapshot = self.stage.snapshot(key);
            if snapshot.0.len() > Snapshot::MAX {
                error!(stage = S::NAME, %key, bytes = snapshot.0.len(), "snapshot above its limit, kept the last one");
                state.changed = false;
                continue;
            }
            let term = self.terms.get(&state.partition).copied().unwrap_or(0);
            rows.push(state.save(S::NAME, key, term, snapshot, wall_clock()));
        }
        if rows.is_empty() && !all {
            return;
        }
        rows.extend(self.sinks.take_behind());
        if !rows.is_empty() {
            self.sinks.push(Job::Write(rows));
        }
        for (topic, partition, offset) in self.settled() {
            self.committed.insert((topic.noun, partition), offset);
            self.sinks.push(Job::Commit { topic, partition, offset });
        }
    }

    /// Where each partition may be committed: below every input that no snapshot has in it.
    fn settled(&self) -> Vec<(&'static topics::Topic, u32, u64)> {
        let mut held: HashMap<(&'static str, u32), u64> = HashMap::new();
        for state in self.keys.values() {
            for (topic, offset) in &state.unsaved {
                let lowest = held.entry((topic, state.partition)).or_insert(*offset);
                *lowest = (*lowest).min(*offset);
            }
        }
        let topics: HashSet<&'static str> =
            S::In::TOPICS.iter().filter(|topic| !topic.volatile).map(|topic| topic.noun).collect();
        self.seen
            .iter()
            .filter(|((noun, _), _)| topics.contains(noun))
            .filter_map(|(place, next)| {
                let offset = held.get(place).copied().unwrap_or(*next);
                let news = self.committed.get(place).is_none_or(|committed| offset > *committed);
                news.then(|| (topics::find(place.0), place.1, offset))
            })
            .filter_map(|(topic, partition, offset)| Some((topic?, partition, offset)))
            .collect()
    }

    fn carry_out(&mut self, force: bool) -> Result<(), Fatal> {
        let begun = Instant::now();
        let outcome = self.sinks.run(&self.context, &mut *self.consumer, force)?;
        match &outcome {
            Outcome::Done(published) if published.is_empty() => {}
            Outcome::Done(_) => self.metrics.blocked(begun.elapsed()),
            Outcome::Waiting(_) => self.metrics.retried(),
        }
        let (Outcome::Done(published) | Outcome::Waiting(published)) = outcome;
        for key in published {
            if let Some(state) = self.keys.get_mut(&key)
                && !state.outbox.is_empty()
            {
                state.outbox.remove(0);
                state.changed = true;
            }
        }
        Ok(())
    }
}
