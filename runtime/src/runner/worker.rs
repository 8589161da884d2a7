//! One thread of a stage.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use tracing::error;

use super::{Config, IDLE, away::Away, keys::KeyState, sinks::Waiting, wall_clock};
use crate::{
    bus::{self, Consumer, Event, Record, Take},
    collector::Collector,
    context::Context,
    stage::{Clock, Fatal, Input, Key, Poison, Stage, StreamTime},
    tables::Tables,
    telemetry::{StageMetrics, trace::Work},
};

pub(super) struct Worker<S: Stage> {
    pub(super) stage: S,
    pub(super) name: String,
    pub(super) context: Context,
    config: Config,
    pub(super) consumer: Box<dyn Consumer>,
    /// Whether the store and the bus take what is said.
    pub(super) sinks: Away,
    /// Whether the bus gives inputs.
    inputs: Away,
    pub(super) waiting: Waiting,
    /// Term of each partition in which something was said.
    pub(super) terms: HashMap<u32, u64>,
    pub(super) keys: BTreeMap<Key, KeyState>,
    /// Next offset of each durable topic and partition: where to commit when no key holds it back.
    pub(super) seen: HashMap<(&'static str, u32), u64>,
    pub(super) committed: HashMap<(&'static str, u32), u64>,
    tables: Arc<Tables>,
    ticked: Instant,
    pub(super) metrics: StageMetrics,
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
        let part = |what: &str| format!("{}-{name} {what}", S::NAME);
        let health = context.lifecycle.health();
        health.set(part("partitions"), Err("none yet".to_owned()));
        let (sinks, inputs) = (Away::new(part("sinks"), health.clone()), Away::new(part("inputs"), health));
        Ok(Self {
            stage,
            name: name.to_owned(),
            context,
            config,
            consumer,
            sinks,
            inputs,
            waiting: Waiting::default(),
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

    /// What readiness calls a part of this worker.
    pub(super) fn part(&self, what: &str) -> String {
        format!("{}-{} {what}", S::NAME, self.name)
    }

    pub(super) fn run(mut self) -> Result<(), Fatal> {
        let stop = self.context.stop();
        while !stop.is_cancelled() {
            self.reload();
            if self.is_full() {
                // Facts wait in the log, and so does whoever makes them.
                thread::park_timeout(IDLE);
                self.carry_out(false)?;
                continue;
            }
            match self.poll()? {
                Some(Event::Assigned(partitions)) => self.assigned(&partitions)?,
                Some(Event::Revoked(partitions)) => self.revoked(&partitions)?,
                Some(Event::Moving) => self.carry_out(true)?,
                Some(Event::Records(records)) => self.records(records)?,
                None => {}
            }
            if S::CLOCK == Clock::Wall && self.ticked.elapsed() >= Duration::from_secs(1) {
                self.ticked = Instant::now();
                for key in self.keys.keys().cloned().collect::<Vec<_>>() {
                    self.tick(&key, StreamTime(wall_clock()), Work::NONE)?;
                }
            }
            self.carry_out(false)?;
            self.consumer.done();
        }
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
        let count = self.config.batch_count;
        let Some(first) = self.take(Take { count, wait: IDLE })? else { return Ok(None) };
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
        match self.consumer.poll(take) {
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
        self.metrics.received(records.len() as u64);
        self.metrics.lag(self.consumer.lag());
        self.metrics.dropped("superseded", self.consumer.superseded());
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            if let Some(offset) = record.offset {
                self.seen.insert((record.topic.noun, record.partition), offset + 1);
            }
            let key = Self::key_of(&record);
            self.begin(&key, record.partition);
            if self.keys[&key].has(&record) {
                self.metrics.dropped("stale", 1);
                continue;
            }
            // Protobuf would read an empty one as a message with nothing in it.
            let decoded = match record.body.is_empty() {
                true => Err(Poison::new("an empty message")),
                false => S::In::decode(&record)
                    .map_err(|error| Poison::new(format!("decode {}: {error}", record.topic.noun))),
            };
            match decoded {
                Ok(input) => items.push(Item { record, key, input }),
                Err(poison) => {
                    let work = work::<S>(&record, SystemTime::now(), 1);
                    self.took(&key, &record);
                    self.bury(&key, &record, &poison, work);
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
            let work = work::<S>(&item.record, since, items.len());
            if let Some(now) = item.input.heartbeat() {
                self.took(&item.key, &item.record);
                self.tick(&item.key, now, work)?;
                continue;
            }
            match seen.remove(&index).unwrap_or_else(|| Ok(S::Seen::default())) {
                Ok(seen) => self.apply(item, seen, work)?,
                Err(poison) => {
                    self.took(&item.key, &item.record);
                    self.bury(&item.key, &item.record, &poison, work);
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

    fn apply(&mut self, item: &Item<S::In>, seen: S::Seen, work: Work) -> Result<(), Fatal> {
        let mut out = Collector::new(item.record.partition);
        let applied =
            catch_unwind(AssertUnwindSafe(|| self.stage.apply(&item.key, &item.input, seen, &mut out)));
        self.took(&item.key, &item.record);
        if let Some(received_us) = item.input.received_us() {
            let age = u64::try_from(wall_clock() - received_us).unwrap_or(0);
            self.metrics.age(Duration::from_micros(age));
        }
        match applied {
            Ok(result) => {
                result?;
                trace(work, &mut out);
                self.say(&item.key, out)
            }
            Err(_) => {
                self.rebuild(&item.key);
                let poison = Poison::new("apply panicked; the message is in the log");
                self.bury(&item.key, &item.record, &poison, work);
                Ok(())
            }
        }
    }

    fn tick(&mut self, key: &Key, now: StreamTime, work: Work) -> Result<(), Fatal> {
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
        trace(work, &mut out);
        self.say(key, out)
    }

    /// Goes back to the key's last snapshot, so that half of an input is never kept.
    fn rebuild(&mut self, key: &Key) {
        let last = self.keys.get(key).and_then(|state| state.last.clone());
        self.stage.release(key);
        self.stage.restore(key, last);
    }

    fn took(&mut self, key: &Key, record: &Record) {
        if let Some(state) = self.keys.get_mut(key) {
            state.took(record);
        }
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
