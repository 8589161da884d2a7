//! Carries out what a stage said, in order, and again when a sink is away: nothing is inferred or applied twice for
//! that.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use cortex_proto::{Topic, topics};
use tracing::{info, warn};

use super::keys::{Decision, Letter};
use crate::{
    bus::{Body, Consumer, Outgoing},
    context::Context,
    stage::{Fatal, Key},
    store::{StoredRow, table},
};

/// Something to carry out; doing it twice is harmless.
pub(super) enum Job {
    /// Write rows: snapshots, and facts that are stored behind their publication.
    Write(Vec<StoredRow>),
    /// A snapshot with the decision in its outbox, the decision's rows, then its messages.
    Decide { key: Key, snapshot: StoredRow, decision: Decision },
    /// Nothing below this offset is needed again.
    Commit { topic: &'static Topic, partition: u32, offset: u64 },
}

/// How a round went.
pub(super) enum Outcome {
    /// Everything is carried out; these keys' oldest decisions are published.
    Done(Vec<Key>),
    /// A sink is away; the rest waits. These keys' oldest decisions are published.
    Waiting(Vec<Key>),
}

/// Jobs that wait at most; above it the worker takes no more input until a sink is back. A decision or a second of
/// one camera is a job, so this is an hour of one camera.
const WAITING: usize = 4_000;
/// Rows stored behind that wait at most; beyond it the oldest go, since they are derived data.
const BEHIND: usize = 20_000;
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

pub(super) struct Sinks {
    stage: &'static str,
    term: u64,
    jobs: VecDeque<Job>,
    behind: Vec<StoredRow>,
    retry: Option<(Instant, Duration)>,
}

impl Sinks {
    pub(super) fn new(stage: &'static str) -> Self {
        Self { stage, term: 0, jobs: VecDeque::new(), behind: Vec::new(), retry: None }
    }

    /// Messages are written with this term from now on.
    pub(super) fn set_term(&mut self, term: u64) {
        self.term = self.term.max(term);
    }

    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    /// Takes rows that are written with the next snapshot.
    pub(super) fn store_behind(&mut self, rows: impl IntoIterator<Item = StoredRow>) {
        self.behind.extend(rows);
        if let Some(excess) = self.behind.len().checked_sub(BEHIND).filter(|excess| *excess > 0) {
            warn!(stage = self.stage, rows = excess, "the store is away, dropped the oldest derived rows");
            self.behind.drain(..excess);
        }
    }

    pub(super) fn take_behind(&mut self) -> Vec<StoredRow> {
        if self.retry.is_some() { Vec::new() } else { std::mem::take(&mut self.behind) }
    }

    /// Whether too much waits to take more input.
    pub(super) fn is_full(&self) -> bool {
        self.jobs.len() >= WAITING
    }

    /// Publishes what must not wait for the store: pictures and volatile facts.
    pub(super) fn publish_now(&self, context: &Context, messages: &[Outgoing]) -> Result<(), Fatal> {
        context.bus.publish(messages, self.term).map_err(|error| Fatal::new(format!("publish: {error}")))
    }

    /// Carries out what waits. With `force`, also before the time of the next retry.
    pub(super) fn run(
        &mut self,
        context: &Context,
        consumer: &mut dyn Consumer,
        force: bool,
    ) -> Result<Outcome, Fatal> {
        let mut published = Vec::new();
        if let Some((at, _)) = self.retry
            && !force
            && Instant::now() < at
        {
            return Ok(Outcome::Waiting(published));
        }
        while let Some(job) = self.jobs.front() {
            match carry_out(job, context, consumer, self.term) {
                Ok(key) => {
                    published.extend(key);
                    self.jobs.pop_front();
                    if self.retry.take().is_some() {
                        info!(stage = self.stage, "the sink is back");
                    }
                }
                Err(Failure::Fenced(reason)) => return Err(Fatal::new(reason)),
                Err(Failure::Away(reason)) => {
                    let wait = self.retry.map_or(BACKOFF.0, |(_, last)| (last * 2).min(BACKOFF.1));
                    if self.retry.is_none() {
                        warn!(stage = self.stage, reason, "a sink is away, facts wait");
                    }
                    self.retry = Some((Instant::now() + wait, wait));
                    return Ok(Outcome::Waiting(published));
                }
            }
        }
        Ok(Outcome::Done(published))
    }
}

enum Failure {
    Away(String),
    Fenced(String),
}

fn carry_out(
    job: &Job,
    context: &Context,
    consumer: &mut dyn Consumer,
    term: u64,
) -> Result<Option<Key>, Failure> {
    let away = |error: &dyn std::fmt::Display| Failure::Away(error.to_string());
    match job {
        Job::Write(rows) => context.store.write(rows).map(|()| None).map_err(|error| away(&error)),
        Job::Decide { key, snapshot, decision } => {
            let (once, rows): (Vec<_>, Vec<_>) =
                decision.rows.iter().partition(|row| table::find(&row.table).is_some_and(|table| table.once));
            // The snapshot holds the decision before anybody can see it.
            let rows: Vec<StoredRow> = std::iter::once(snapshot).chain(rows).cloned().collect();
            context.store.write(&rows).map_err(|error| away(&error))?;
            for row in once {
                if !context.store.insert(row).map_err(|error| away(&error))? {
                    return Err(Failure::Fenced(format!(
                        "another owner wrote place {:x?} of {}/{}: stopping, it goes on from there",
                        row.sort, row.table, row.partition
                    )));
                }
            }
            let messages: Vec<Outgoing> = decision.letters.iter().filter_map(open).collect();
            context.bus.publish(&messages, term).map_err(|error| away(&error))?;
            Ok(Some(key.clone()))
        }
        Job::Commit { topic, partition, offset } => {
            consumer.commit(topic, *partition, *offset).map(|()| None).map_err(|error| away(&error))
        }
    }
}

/// A message as the outbox holds it.
pub(super) fn seal(message: &Outgoing) -> Letter {
    Letter {
        topic: message.topic.noun.to_owned(),
        partition: message.partition,
        key: message.key.to_string(),
        slot: message.slot.clone(),
        trace: message.trace.clone(),
        body: message.body.bytes().to_vec(),
    }
}

/// The message again; `None` for a topic that this version does not know.
fn open(letter: &Letter) -> Option<Outgoing> {
    Some(Outgoing {
        topic: topics::find(&letter.topic)?,
        partition: letter.partition,
        key: letter.key.as_str().into(),
        slot: letter.slot.clone(),
        trace: letter.trace.clone(),
        body: Body::Bytes(letter.body.clone().into()),
    })
}
