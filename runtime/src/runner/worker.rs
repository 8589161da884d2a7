//! One thread of a stage.

use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tracing::error;

use super::{Config, GLANCE, IDLE, MEASURE_EVERY, away::Away, sinks::Sinks, wall_clock};
use crate::{
    bus::{self, Event, Record, Take},
    collector::Collector,
    context::Context,
    stage::{Clock, Fatal, Input, Key, Poison, Snapshot, Stage, StreamTime},
    tables::Tables,
    telemetry::trace::Work,
};

pub(super) struct Worker<S: Stage> {
    pub(super) stage: S,
    pub(super) name: String,
    config: Config,
    pub(super) sinks: Sinks,
    /// The partitions that it has begun and not given up.
    pub(super) owned: BTreeSet<u32>,
    /// Whether the bus gives inputs.
    inputs: Away,
    tables: Arc<Tables>,
    ticked: Instant,
    measured: Option<Instant>,
}

/// An input with what the runner needs of its record.
struct Item<I> {
    record: Record,
    key: Key,
    /// Why not, where it cannot be read.
    input: Result<I, Poison>,
}

impl<S: Stage> Worker<S> {
    pub(super) fn new(mut stage: S, context: Context, config: Config, name: &str) -> Result<Self, Fatal> {
        let tables = context.tables.load_full();
        stage.reload(Arc::clone(&tables));
        let consumer = context
            .bus
            .subscribe(S::NAME, name, S::In::TOPICS)
            .map_err(|error| Fatal::new(format!("join group {}: {error}", S::NAME)))?;
        let part = |what: &str| format!("{}-{name} {what}", S::NAME);
        let health = context.lifecycle.health();
        health.set(part("partitions"), Err("none".to_owned()));
        let (away, inputs) = (Away::new(part("sinks"), health.clone()), Away::new(part("inputs"), health));
        let sinks = Sinks::new(S::NAME, context, consumer, away)?;
        Ok(Self {
            stage,
            name: name.to_owned(),
            config,
            sinks,
            owned: BTreeSet::new(),
            inputs,
            tables,
            ticked: Instant::now(),
            measured: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What readiness calls a part of this worker.
    pub(super) fn part(&self, what: &str) -> String {
        format!("{}-{} {what}", S::NAME, self.name)
    }

    pub(super) fn run(mut self) -> Result<(), Fatal> {
        let stop = self.sinks.context.stop();
        // There may be more at once, and nothing waits for what this led to but what is carried out beside.
        let mut said = false;
        while !stop.is_cancelled() {
            self.reload();
            self.measure();
            if self.is_full() {
                // Facts wait in the log, and so does whoever makes them.
                thread::park_timeout(IDLE);
                self.carry_out(false)?;
                continue;
            }
            let event = self.poll(if said || self.sinks.is_out() { Duration::ZERO } else { IDLE })?;
            said = matches!(event, Some(Event::Records(_)));
            match event {
                Some(Event::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Event::Revoked(partitions)) => self.revoked(&partitions)?,
                Some(Event::Moving) => self.carry_out(true)?,
                Some(Event::Records(records)) => self.records(records)?,
                None => {}
            }
            if S::CLOCK == Clock::Wall && self.ticked.elapsed() >= Duration::from_secs(1) {
                self.ticked = Instant::now();
                for key in self.sinks.keys.keys().cloned().collect::<Vec<_>>() {
                    self.tick(&key, StreamTime(wall_clock()), Work::NONE)?;
                }
            }
            self.carry_out(false)?;
            if !said && self.sinks.gather(GLANCE)? {
                match self.sinks.due(false) {
                    Some(_) => self.carry_out(false)?,
                    None => self.sinks.consumer.done(),
                }
            }
        }
        self.carry_out(true)
    }

    /// Whether so many decisions wait that no more inputs are taken. Only inputs that wait in the log by themselves are
    /// left there; a worker of pictures goes on, because the live view depends on it.
    fn is_full(&self) -> bool {
        self.sinks.is_full() && S::In::TOPICS.iter().any(|topic| !topic.volatile)
    }

    /// Begins to carry out what was said, unless something is still out; with `all`, as in [`Sinks::due`], waits until it
    /// is done.
    pub(super) fn carry_out(&mut self, all: bool) -> Result<(), Fatal> {
        let limit = if all { Duration::MAX } else { Duration::ZERO };
        if self.sinks.gather(limit)?
            && let Some(keys) = self.due(all)
        {
            self.sinks.begin(&keys)?;
            self.sinks.gather(limit)?;
        }
        Ok(())
    }

    /// What [`Sinks::due`] answers, with the state of each of these keys taken out of the stage.
    pub(super) fn due(&mut self, all: bool) -> Option<BTreeSet<Key>> {
        let keys = self.sinks.due(all)?;
        keys.iter().for_each(|key| self.remember(key));
        Some(keys)
    }

    /// Takes a key's state out of its stage. One above the limit is not taken: what was decided and read counts all the
    /// same, so that nothing is decided twice.
    fn remember(&mut self, key: &Key) {
        let Some(state) = self.sinks.keys.get_mut(key) else { return };
        let snapshot = self.stage.snapshot(key);
        if snapshot.0.len() <= Snapshot::MAX {
            state.last = Some(snapshot);
        } else {
            error!(stage = S::NAME, %key, bytes = snapshot.0.len(), "snapshot above its limit, kept the last state");
        }
    }

    /// Tells what waits for it, also while it takes nothing.
    pub(super) fn measure(&mut self) {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
            self.measured = Some(Instant::now());
            self.sinks.metrics.lag(&self.name, self.sinks.consumer.lag());
        }
    }

    fn reload(&mut self) {
        let tables = self.sinks.context.tables.load_full();
        if !Arc::ptr_eq(&tables, &self.tables) {
            self.stage.reload(Arc::clone(&tables));
            self.tables = tables;
        }
    }

    /// Takes what is there, waits so long if that is nothing, and waits for more only while the batch is young.
    fn poll(&mut self, wait: Duration) -> Result<Option<Event>, Fatal> {
        let count = self.config.batch_count;
        let Some(first) = self.take(Take { count, wait })? else { return Ok(None) };
        let Event::Records(mut records) = first else { return Ok(Some(first)) };
        let closes = Instant::now() + Duration::from_millis(self.config.batch_age_ms);
        while records.len() < count {
            let Some(wait) = closes.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
            else {
                break;
            };
            match self.take(Take { count: count - records.len(), wait })? {
                Some(Event::Records(more)) => records.extend(more),
                Some(Event::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Event::Revoked(partitions)) => {
                    self.records(std::mem::take(&mut records))?;
                    self.revoked(&partitions)?;
                }
                Some(Event::Moving) => {
                    self.records(std::mem::take(&mut records))?;
                    self.carry_out(true)?;
                }
                None => break,
            }
        }
        Ok(Some(Event::Records(records)))
    }

    /// What the bus has; nothing while it is away.
    fn take(&mut self, take: Take) -> Result<Option<Event>, Fatal> {
        match self.sinks.consumer.poll(take) {
            Ok(event) => {
                self.inputs.answered();
                Ok(event)
            }
            Err(error @ (bus::Error::Closed | bus::Error::Fenced { .. })) => {
                Err(Fatal::new(format!("poll {}: {error}", S::NAME)))
            }
            Err(error) => {
                self.inputs.failed(error.to_string());
                thread::park_timeout(IDLE);
                Ok(None)
            }
        }
    }

    fn records(&mut self, records: Vec<Record>) -> Result<(), Fatal> {
        let sinks = &mut self.sinks;
        sinks.metrics.received(records.len() as u64);
        sinks.metrics.dropped("superseded", sinks.consumer.superseded());
        let next =
            |record: &Record| record.offset.map(|offset| ((record.topic.noun, record.partition), offset + 1));
        let seen: Vec<_> = records.iter().filter_map(next).collect();
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            let key = Self::key_of(&record);
            self.begin(&key, record.partition);
            if self.sinks.keys[&key].has(&record) {
                self.sinks.metrics.dropped("stale", 1);
                continue;
            }
            // Protobuf would read an empty one as a message with nothing in it.
            let decoded = match record.body.is_empty() {
                true => Err(Poison::new("an empty message")),
                false => S::In::decode(&record)
                    .map_err(|error| Poison::new(format!("decode {}: {error}", record.topic.noun))),
            };
            items.push(Item { record, key, input: decoded });
        }
        let limit = self.config.batch_mib << 20;
        while !items.is_empty() {
            let mut bytes = 0;
            let fits = items.iter().take_while(|item| {
                bytes += item.input.as_ref().map_or(0, Input::bytes);
                bytes <= limit
            });
            let count = fits.count().max(1);
            let rest = items.split_off(count);
            self.batch(std::mem::replace(&mut items, rest))?;
        }
        // Not before: what was seen may be committed as soon as an errand is back.
        self.sinks.seen.extend(seen);
        Ok(())
    }

    fn batch(&mut self, items: Vec<Item<S::In>>) -> Result<(), Fatal> {
        let (begun, since) = (Instant::now(), SystemTime::now());
        let wants = |input: &&S::In| input.heartbeat().is_none() && input.wants_models();
        let (models, inputs): (Vec<usize>, Vec<&S::In>) = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((index, item.input.as_ref().ok().filter(wants)?)))
            .unzip();
        let seen = infer(&mut self.stage, &inputs);
        let mut seen: HashMap<usize, Result<S::Seen, Poison>> = models.into_iter().zip(seen).collect();
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            let work = work::<S>(&item.record, since, count);
            // In the order in which they came: a key that took one has taken all before it.
            let seen = seen.remove(&index).unwrap_or_else(|| Ok(S::Seen::default()));
            let Item { record, key, input } = item;
            match input.and_then(|input| Ok((input, seen?))) {
                Ok((input, seen)) => match input.heartbeat() {
                    Some(now) => {
                        self.took(&key, &record);
                        self.tick(&key, now, work)?;
                    }
                    None => self.apply(&key, &record, &input, seen, work)?,
                },
                Err(poison) => {
                    self.took(&key, &record);
                    self.bury(&key, &record, &poison, work);
                }
            }
        }
        self.sinks.metrics.batch(count as u64, begun.elapsed());
        Ok(())
    }

    fn apply(
        &mut self,
        key: &Key,
        record: &Record,
        input: &S::In,
        seen: S::Seen,
        work: Work,
    ) -> Result<(), Fatal> {
        let mut out = Collector::new(record.partition);
        let applied = catch_unwind(AssertUnwindSafe(|| self.stage.apply(key, input, seen, &mut out)));
        self.took(key, record);
        if let Some(received_us) = input.received_us() {
            let age = u64::try_from(wall_clock() - received_us).unwrap_or(0);
            self.sinks.metrics.age(Duration::from_micros(age));
        }
        match applied {
            Ok(result) => {
                result?;
                trace(work, &mut out);
                self.say(key, out)
            }
            Err(_) => {
                self.rebuild(key);
                let poison = Poison::new("apply panicked; the message is in the log");
                self.bury(key, record, &poison, work);
                Ok(())
            }
        }
    }

    fn tick(&mut self, key: &Key, now: StreamTime, work: Work) -> Result<(), Fatal> {
        let Some(state) = self.sinks.keys.get(key) else { return Ok(()) };
        let mut out = Collector::new(state.partition);
        if catch_unwind(AssertUnwindSafe(|| self.stage.tick(key, now, &mut out))).is_err() {
            error!(stage = S::NAME, %key, "tick panicked, the key begins again from its snapshot");
            self.rebuild(key);
            return Ok(());
        }
        if !out.messages.is_empty() || !out.rows.is_empty() {
            self.sinks.keys.entry(key.clone()).and_modify(|state| state.changed = true);
        }
        trace(work, &mut out);
        self.say(key, out)
    }

    /// Goes back to the key's last snapshot, so that half of an input is never kept.
    fn rebuild(&mut self, key: &Key) {
        let last = self.sinks.keys.get(key).and_then(|state| state.last.clone());
        self.stage.release(key);
        self.stage.restore(key, last);
    }

    /// Carries out what the stage said about one input.
    fn say(&mut self, key: &Key, out: Collector) -> Result<(), Fatal> {
        if self.sinks.say(key, out)? {
            // What comes next may panic, and must find the state that decided.
            self.remember(key);
        }
        Ok(())
    }

    fn bury(&mut self, key: &Key, record: &Record, poison: &Poison, work: Work) {
        self.sinks.bury(key, record, poison, work);
        self.remember(key);
    }

    fn took(&mut self, key: &Key, record: &Record) {
        if let Some(state) = self.sinks.keys.get_mut(key) {
            state.took(record);
        }
    }

    /// What a record belongs to.
    fn key_of(record: &Record) -> Key {
        match S::CLOCK {
            Clock::Stream => Key::from(&*record.key),
            Clock::Wall => Key::from(record.partition.to_string()),
        }
    }
}

/// Runs the models; after a panic once more input by input, so that only the guilty one is poisoned.
fn infer<S: Stage>(stage: &mut S, inputs: &[&S::In]) -> Vec<Result<S::Seen, Poison>> {
    if inputs.is_empty() {
        return Vec::new();
    }
    match catch_unwind(AssertUnwindSafe(|| stage.infer(inputs))) {
        Ok(seen) if seen.len() == inputs.len() => seen,
        Ok(seen) => {
            error!(stage = S::NAME, given = inputs.len(), answered = seen.len(), "infer broke its contract");
            inputs.iter().map(|_| Err(Poison::new("infer answered another number of inputs"))).collect()
        }
        Err(_) if inputs.len() == 1 => {
            vec![Err(Poison::new("infer panicked; the message is in the log"))]
        }
        Err(_) => inputs.iter().flat_map(|input| infer(stage, &[input])).collect(),
    }
}

/// Work on an input that was taken then, with others that make a batch of this size.
fn work<S: Stage>(record: &Record, since: SystemTime, batch: usize) -> Work {
    Work::go_on(S::NAME, record.topic, record.trace.as_deref(), since, batch)
}

/// Ends work on an input; what came of it carries its trace.
fn trace(mut work: Work, out: &mut Collector) {
    work.led_to(out.messages.iter().map(|message| message.topic));
    let carried = work.carries();
    out.messages.iter_mut().for_each(|message| message.trace.clone_from(&carried));
}
