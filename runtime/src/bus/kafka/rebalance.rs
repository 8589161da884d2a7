//! What a member has, what waits for it, and how both change when the group moves partitions.
//!
//! The group protocol takes everything from everybody, then gives out anew. A member keeps what it knows of its
//! partitions meanwhile, and hears only what really changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use cortex_proto::{Topic, topics::Class};
use opentelemetry::{KeyValue, global, metrics::Counter};
use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use tracing::{error, info};

use super::{super::memory::Inbox, client::Ears, ends};
use crate::{
    bus::{Error, Event, Fence, Record},
    runner::wall_clock,
};

/// How long the group waits for this member's snapshots before partitions move.
const SAVE: Duration = Duration::from_secs(2);

/// Shared by the thread that polls the cluster and the stage's own.
pub(super) struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// What the stage must hear before it gets records.
    pub(super) events: VecDeque<Event>,
    pub(super) inbox: Inbox,
    /// Partitions that the stage has, or is about to hear that it has.
    pub(super) held: BTreeSet<u32>,
    /// The next offset of each partition of a topic, of those held.
    next: HashMap<(&'static str, u32), i64>,
    fence: Fence,
    /// Partitions may move: told to the stage, and whether it has saved.
    pub(super) saving: Saving,
    pub(super) superseded: u64,
    /// Messages that wait in the cluster, as it said last.
    pub(super) lag: u64,
    /// The cluster is asked for no more facts, because enough are in hand.
    pub(super) paused: bool,
    /// When everything was taken from this member, to be given out anew.
    revoked: Option<Instant>,
    pub(super) failed: Option<Error>,
    pub(super) closing: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Saving {
    /// Nothing moves.
    #[default]
    No,
    /// The stage is to save.
    Asked,
    /// It was told, and is at it.
    Told,
    /// It has saved, and gets nothing more until it is clear what it has.
    Saved,
}

impl Room {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changed: Condvar::new() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client leaves: nobody waits for the stage any more.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.notify();
    }

    /// Another client comes, and others may have had everything meanwhile.
    pub(super) fn open(&self) {
        let mut state = self.lock();
        state.lose_all();
        (state.closing, state.saving, state.revoked, state.failed) = (false, Saving::No, None, None);
    }

    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Takes a record in; the newest of a slot wins, and an outdated writer is not heard.
    pub(super) fn put(&self, record: Record, offset: i64) {
        let mut state = self.lock();
        let place = (record.topic.noun, record.partition);
        if !state.held.contains(&record.partition) {
            return;
        }
        state.next.insert(place, offset + 1);
        if state.fence.admits(&record.writer, place.0, place.1) {
            state.superseded += u64::from(state.inbox.put(record, Instant::now()).is_some());
            drop(state);
            self.notify();
        }
    }
}

/// What the client calls back, on the thread that polls it.
pub(super) struct Group {
    room: Arc<Room>,
    topics: Vec<(String, &'static Topic)>,
    name: String,
    session: Duration,
    ears: Ears,
    rebalances: Counter<u64>,
}

impl Group {
    pub(super) fn new(
        room: Arc<Room>,
        topics: Vec<(String, &'static Topic)>,
        name: &str,
        session: Duration,
    ) -> Self {
        let rebalances = global::meter("cortex")
            .u64_counter("cortex.bus.rebalances")
            .with_description("times that a group gave out its partitions anew, by group")
            .build();
        Self { room, topics, name: name.to_owned(), session, ears: Ears::default(), rebalances }
    }

    pub(super) fn topic(&self, name: &str) -> Option<&'static Topic> {
        self.topics.iter().find(|(known, _)| known == name).map(|(_, topic)| *topic)
    }

    pub(super) fn heard(&self) -> String {
        self.ears.heard()
    }

    /// Where this member begins in pictures of partitions that are new to it: where they end now, or a little before.
    fn begins(
        &self,
        consumer: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> HashMap<(String, i32), i64> {
        let mut pictures: BTreeMap<Duration, TopicPartitionList> = BTreeMap::new();
        let held = self.room.lock().held.clone();
        for element in list.elements() {
            if let Some(topic) = self.topic(element.topic())
                && matches!(topic.class, Class::Picture | Class::Batch)
                && !held.contains(&(element.partition() as u32))
            {
                let pictures = pictures.entry(topic.looks_back()).or_default();
                pictures.add_partition(element.topic(), element.partition());
            }
        }
        let mut begins = HashMap::new();
        for (back, pictures) in pictures {
            let from = match back.as_millis() as i64 {
                0 => Offset::End,
                back_ms => Offset::Offset(wall_clock() / 1000 - back_ms),
            };
            match ends::offsets(consumer, &pictures, from, SAVE) {
                Ok(found) => begins.extend(found),
                Err(problem) => {
                    info!(group = self.name, error = %problem, "pictures are taken from whenever the cluster answers");
                }
            }
        }
        begins
    }

    /// These partitions, each where this member is to go on in it.
    fn assigned(
        &self,
        list: &TopicPartitionList,
        begins: &HashMap<(String, i32), i64>,
    ) -> TopicPartitionList {
        let mut state = self.room.lock();
        if state.revoked.take().is_some_and(|since| since.elapsed() >= self.session) {
            // So long without a heartbeat: somebody else may have had them meanwhile.
            state.lose_all();
        }
        let mut fresh = TopicPartitionList::with_capacity(list.count());
        let mut given: BTreeSet<u32> = BTreeSet::new();
        for element in list.elements() {
            let (partition, Some(topic)) = (element.partition() as u32, self.topic(element.topic())) else {
                continue;
            };
            given.insert(partition);
            let known = state.next.get(&(topic.noun, partition)).filter(|_| state.held.contains(&partition));
            let offset = match (known, topic.class) {
                (Some(next), _) => Offset::Offset(*next),
                (None, Class::Fact | Class::Table) => Offset::Stored,
                // The newest word of a slot may have been said a while ago.
                (None, Class::Latest) => Offset::Beginning,
                (None, Class::Picture | Class::Batch) => {
                    let place = (element.topic().to_owned(), element.partition());
                    begins.get(&place).map_or(Offset::End, |begin| Offset::Offset(*begin))
                }
            };
            if let Err(problem) = fresh.add_partition_offset(element.topic(), element.partition(), offset) {
                error!(group = self.name, error = %problem, "partition left out");
            }
        }
        let apart = self.topics.iter().any(|(name, _)| fresh.elements_for_topic(name).len() != given.len());
        if apart {
            error!(group = self.name, "the group splits joined topics: its members must all use `range`");
        }
        let lost: Vec<u32> = state.held.difference(&given).copied().collect();
        let gained: Vec<u32> = given.difference(&state.held).copied().collect();
        state.lose(&lost);
        state.held = given;
        if !gained.is_empty() {
            state.events.push_back(Event::Assigned(gained));
        }
        (state.saving, state.paused) = (Saving::No, false);
        drop(state);
        self.room.notify();
        fresh
    }

    /// Partitions may move: what the stage has in hand is saved first, if it can be in time.
    fn revoking(&self, lost: bool) {
        let mut state = self.room.lock();
        if lost {
            // Others had them meanwhile: what this member knows of them is old.
            state.lose_all();
            state.saving = Saving::No;
            drop(state);
            self.room.notify();
            return;
        }
        state.revoked = Some(Instant::now());
        if state.held.is_empty() || state.closing {
            return;
        }
        state.saving = Saving::Asked;
        self.room.notify();
        let deadline = Instant::now() + SAVE;
        while matches!(state.saving, Saving::Asked | Saving::Told) && !state.closing {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                info!(group = self.name, "partitions move before everything was saved");
                break;
            };
            state = self.room.wait(state, left);
        }
    }
}

impl State {
    /// Records for the stage; none while it is not clear what it has.
    pub(super) fn records(&mut self, count: usize) -> Vec<Record> {
        if self.saving == Saving::Saved {
            return Vec::new();
        }
        let Self { inbox, held, .. } = self;
        inbox.take(|partition| held.contains(&partition), count, Instant::now())
    }

    /// Forgets partitions that are another's now.
    fn lose(&mut self, lost: &[u32]) {
        if lost.is_empty() {
            return;
        }
        self.next.retain(|(_, partition), _| !lost.contains(partition));
        self.inbox.take(|partition| lost.contains(&partition), usize::MAX, Instant::now());
        // It never hears that it had them, if it did not yet.
        self.events.retain_mut(|event| match event {
            Event::Assigned(partitions) => {
                partitions.retain(|partition| !lost.contains(partition));
                !partitions.is_empty()
            }
            _ => true,
        });
        self.events.push_back(Event::Revoked(lost.to_vec()));
    }

    fn lose_all(&mut self) {
        let all: Vec<u32> = std::mem::take(&mut self.held).into_iter().collect();
        self.lose(&all);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.ears.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ears.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let lag: i64 = partitions.map(|partition| partition.consumer_lag.max(0)).sum();
        self.room.lock().lag = lag as u64;
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let moved = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.rebalances.add(1, &[KeyValue::new("group", self.name.clone())]);
                let begins = self.begins(consumer, list);
                let own = self.assigned(list, &begins);
                // A partition that was paused when it went is paused when it comes.
                consumer.assign(&own).and_then(|()| consumer.resume(&own))
            }
            _ => {
                self.revoking(consumer.assignment_lost());
                consumer.unassign()
            }
        };
        if let Err(problem) = moved {
            error!(group = self.name, error = %problem, "partitions not moved");
        }
    }
}
