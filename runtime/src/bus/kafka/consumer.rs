//! A member of a group. A thread of its own polls the cluster without a pause, so that a stage that works long keeps its
//! place in the group, and always finds the newest picture.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use cortex_proto::Topic;
use rdkafka::{
    TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Message as _,
    types::RDKafkaErrorCode,
};
use tracing::{debug, error, warn};

use super::{
    Settings, envelope,
    rebalance::{Group, Room, Saving},
};
use crate::{
    bus::{Consumer, Error, Event, Held, Take},
    keys::Key,
};

/// Above so many facts in hand the cluster is asked for no more, and below the half of it again.
const IN_HAND: usize = 1024;
/// How long the polling thread waits for the cluster, and so how late it sees that it is to end.
const POLL: Duration = Duration::from_millis(50);

/// A member whose place was given to another joins again, unless that happens twice within so many sessions.
const SESSIONS: u32 = 10;

/// A member.
pub(super) struct Member {
    room: Arc<Room>,
    settings: Settings,
    /// Of the group and of the member.
    names: (String, String),
    topics: Vec<&'static Topic>,
    /// `None` only while it joins again.
    seat: Option<Seat>,
    /// When its place was given to another.
    fenced: Option<Instant>,
}

impl Member {
    pub(super) fn join(
        settings: &Settings,
        group: &str,
        member: &str,
        topics: &[&'static Topic],
    ) -> Result<Self, Error> {
        let name = format!("{group}-{}-{member}", settings.instance);
        let mut this = Self {
            room: Room::new(),
            settings: settings.clone(),
            names: (group.to_owned(), name),
            topics: topics.to_vec(),
            seat: None,
            fenced: None,
        };
        this.seat = Some(this.take_seat()?);
        Ok(this)
    }

    fn take_seat(&self) -> Result<Seat, Error> {
        let (settings, (group, name)) = (&self.settings, &self.names);
        let id = format!("{}{group}", settings.prefix);
        let topics: Vec<(String, &'static Topic)> =
            self.topics.iter().map(|topic| (settings.topic(topic), *topic)).collect();
        let names: Vec<String> = topics.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let session = settings.session.as_millis();
        let mut config = settings.client();
        config
            .set("group.id", &id)
            .set("group.instance.id", format!("{}{name}", settings.prefix))
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", (session / 4).to_string())
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.min.messages", IN_HAND.to_string())
            .set("queued.max.messages.kbytes", "32768")
            .set("statistics.interval.ms", "5000");
        let context = Group::new(Arc::clone(&self.room), topics, &id, settings.session);
        let consumer = BaseConsumer::from_config_and_context(&config, context)
            .map_err(|error| Error::engine("start a kafka consumer", error))?;
        consumer.subscribe(&names).map_err(|error| Error::engine("join a kafka group", error))?;
        let (consumer, stop) = (Arc::new(consumer), Arc::new(AtomicBool::new(false)));
        let follow = Follow {
            name: name.clone(),
            key: settings.key.clone(),
            room: Arc::clone(&self.room),
            consumer: Arc::clone(&consumer),
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new()
            .name(format!("kafka-{name}"))
            .spawn(move || follow.run())
            .map_err(|error| Error::engine("start a thread", error))?;
        Ok(Seat { consumer, stop, thread: Some(thread) })
    }

    /// Somebody joined under this member's name. Mostly that was itself: when a broker dies, the answer to its joining may be
    /// lost, and the group counts what it asks again as another's. A second process of that name is the other case: the two
    /// would take the place from each other for ever.
    fn join_again(&mut self) -> Result<(), Error> {
        let (session, now) = (self.settings.session, Instant::now());
        let twice = self.fenced.is_some_and(|at| now.duration_since(at) < session * SESSIONS);
        if twice {
            return Err(Error::Fenced { owner: self.names.1.as_str().into() });
        }
        warn!(
            member = self.names.1,
            "its place in the group was given to another of its name, it joins again"
        );
        self.fenced = Some(now);
        self.room.close();
        self.seat = None;
        self.room.open();
        // Without a place it would hear nothing, for ever and without a word.
        self.seat = Some(self.take_seat().map_err(|error| {
            error!(member = self.names.1, %error, "it cannot join again, and ends");
            Error::Closed
        })?);
        Ok(())
    }
}

impl Consumer for Member {
    fn poll(&mut self, take: Take) -> Result<Option<Event>, Error> {
        let deadline = Instant::now() + take.wait;
        let failed = self.room.lock().failed.take();
        match failed {
            Some(Error::Fenced { .. }) => self.join_again()?,
            Some(error) => return Err(error),
            None => {}
        }
        let mut state = self.room.lock();
        if state.saving == Saving::Told {
            state.saving = Saving::Saved;
            self.room.notify();
        }
        loop {
            if state.failed.is_some() {
                return Ok(None);
            }
            if state.saving == Saving::Asked {
                state.saving = Saving::Told;
                return Ok(Some(Event::Moving));
            }
            if let Some(event) = state.events.pop_front() {
                return Ok(Some(event));
            }
            let records = state.records(take.count);
            if !records.is_empty() {
                return Ok(Some(Event::Records(records)));
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(None) };
            state = self.room.wait(state, left);
        }
    }

    fn commit(&mut self, topic: &'static Topic, partition: u32, offset: u64) -> Result<(), Error> {
        if topic.class.newest_wins() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(1);
        let place = rdkafka::Offset::Offset(offset as i64);
        let Some(seat) = &self.seat else { return Ok(()) };
        list.add_partition_offset(&self.settings.topic(topic), partition as i32, place)
            .and_then(|()| seat.consumer.store_offsets(&list))
            .or_else(|error| match error {
                // The partition is on its way to somebody: he reads it again, and skips what the snapshot has.
                KafkaError::StoreOffset(RDKafkaErrorCode::State) => Ok(()),
                error => Err(Error::engine("commit to kafka", error)),
            })
    }

    fn held(&self) -> Held {
        let room = Arc::clone(&self.room);
        Arc::new(move |partition| room.lock().held.contains(&partition))
    }

    fn done(&mut self) {}

    fn lag(&self) -> u64 {
        let state = self.room.lock();
        state.lag + state.inbox.len() as u64
    }

    fn superseded(&mut self) -> u64 {
        std::mem::take(&mut self.room.lock().superseded)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        debug!(member = self.names.1, "leaves");
        self.room.close();
    }
}

/// A client of the cluster in its group, with the thread that polls it.
struct Seat {
    consumer: Arc<BaseConsumer<Group>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic there was told already.
            drop(thread.join());
        }
    }
}

/// The thread that polls.
struct Follow {
    name: String,
    key: Option<Arc<Key>>,
    room: Arc<Room>,
    consumer: Arc<BaseConsumer<Group>>,
    stop: Arc<AtomicBool>,
}

impl Follow {
    fn run(self) {
        while !self.stop.load(Ordering::Acquire) {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let topic = self.consumer.context().topic(message.topic());
                    if let Some(record) =
                        topic.and_then(|topic| envelope::record(topic, &message, self.key.as_deref()))
                    {
                        self.room.put(record, message.offset());
                    }
                }
                Some(Err(error)) => self.failed(error),
                None => {}
            }
            self.hold_back();
        }
    }

    fn failed(&self, error: KafkaError) {
        let heard = self.consumer.context().heard();
        let failed = match error {
            KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId) => {
                Error::Fenced { owner: self.name.as_str().into() }
            }
            // The client goes on by itself.
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
            ) => return,
            error => Error::engine("read from kafka", format!("{error}{heard}")),
        };
        self.room.lock().failed = Some(failed);
        self.room.notify();
    }

    /// Facts are never dropped: when the stage is behind, they stay in the cluster.
    fn hold_back(&self) {
        let (in_hand, paused) = {
            let state = self.room.lock();
            (state.inbox.facts(), state.paused)
        };
        let wanted = if paused { in_hand > IN_HAND / 2 } else { in_hand >= IN_HAND };
        if wanted == paused {
            return;
        }
        let Ok(all) = self.consumer.assignment() else { return };
        let mut facts = TopicPartitionList::with_capacity(all.count());
        for element in all.elements() {
            let topic = self.consumer.context().topic(element.topic());
            if topic.is_some_and(|topic| !topic.class.newest_wins()) {
                facts.add_partition(element.topic(), element.partition());
            }
        }
        let changed = if wanted { self.consumer.pause(&facts) } else { self.consumer.resume(&facts) };
        match changed {
            Ok(()) => self.room.lock().paused = wanted,
            Err(error) => debug!(%error, "partitions moved while they were to be paused"),
        }
    }
}
