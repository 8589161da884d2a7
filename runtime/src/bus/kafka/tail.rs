//! Reads every partition of topics without a group: tables from their start, streams from their end.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use cortex_proto::{Topic, topics::PARTITIONS};
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    message::Message as _,
    types::RDKafkaErrorCode,
};

use super::{PATIENCE, Settings, client::Ears, ends, envelope};
use crate::{
    bus::{Error, Fence, From, Record, Tail, Take},
    keys::Key,
};

impl ConsumerContext for Ears {}

/// A reader.
pub(super) struct Reader {
    consumer: BaseConsumer<Ears>,
    topics: Vec<(String, &'static Topic)>,
    fence: Fence,
    key: Option<Arc<Key>>,
    /// What was there when a table was opened and is not read yet: the last offset of each partition.
    behind: HashMap<(&'static str, u32), i64>,
}

/// A cluster that gives nothing of a table for so long is taken to be away.
const STUCK: Duration = Duration::from_secs(30);

impl Reader {
    pub(super) fn open(settings: &Settings, topics: &[&'static Topic], from: From) -> Result<Self, Error> {
        let mut config = settings.client();
        // Without a group nothing is committed, but the client wants a name.
        config
            .set("group.id", format!("{}tail", settings.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "32768");
        let consumer = BaseConsumer::from_config_and_context(&config, Ears::default())
            .map_err(|error| Error::engine("start a kafka consumer", error))?;
        let topics: Vec<(String, &'static Topic)> =
            topics.iter().map(|topic| (settings.topic(topic), *topic)).collect();
        let mut list = TopicPartitionList::new();
        for (name, _) in &topics {
            list.add_partition_range(name, 0, PARTITIONS as i32 - 1);
        }
        let places = |which: Offset| -> Result<HashMap<(&'static str, u32), i64>, Error> {
            let found = ends::offsets(&consumer, &list, which, ends::YOUNG).map_err(|error| {
                let heard = consumer.context().heard();
                Error::engine("ask kafka where topics end", format!("{error}{heard}"))
            })?;
            let known =
                |name: &str| topics.iter().find(|(known, _)| known == name).map(|(_, topic)| topic.noun);
            Ok(found
                .into_iter()
                .filter_map(|((name, partition), offset)| Some(((known(&name)?, partition as u32), offset)))
                .collect())
        };
        let ends = places(Offset::End)?;
        let (begin, behind) = match from {
            From::End => (ends, HashMap::new()),
            From::Start => {
                let starts = places(Offset::Beginning)?;
                let behind = ends
                    .iter()
                    .filter(|(place, end)| starts.get(*place).is_none_or(|start| start < *end))
                    .map(|(place, end)| (*place, *end - 1))
                    .collect();
                (starts, behind)
            }
        };
        let mut list = TopicPartitionList::new();
        for (name, topic) in &topics {
            for partition in 0..PARTITIONS {
                let offset = begin.get(&(topic.noun, partition)).copied().unwrap_or(0);
                list.add_partition_offset(name, partition as i32, Offset::Offset(offset))
                    .map_err(|error| Error::engine("read a topic", error))?;
            }
        }
        consumer.assign(&list).map_err(|error| Error::engine("read a topic", error))?;
        Ok(Self { consumer, topics, fence: Fence::default(), key: settings.key.clone(), behind })
    }

    /// The next record; `None` when nothing came in time.
    fn record(&mut self, wait: Duration) -> Result<Option<Record>, Error> {
        // The client counts whole milliseconds, and would spin through the rest of the last one.
        let wait = Duration::from_millis(wait.as_micros().div_ceil(1000) as u64);
        let message = match self.consumer.poll(wait) {
            None => return Ok(None),
            Some(Ok(message)) => message,
            Some(Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
            ))) => return Ok(None),
            Some(Err(error)) => {
                let heard = self.consumer.context().heard();
                return Err(Error::engine("read from kafka", format!("{error}{heard}")));
            }
        };
        let Some((_, topic)) = self.topics.iter().find(|(name, _)| name == message.topic()) else {
            return Ok(None);
        };
        let place = (topic.noun, message.partition() as u32);
        if self.behind.get(&place).is_some_and(|last| message.offset() >= *last) {
            self.behind.remove(&place);
        }
        let record = envelope::record(topic, &message, self.key.as_deref());
        Ok(record.filter(|record| self.fence.admits(&record.writer, place.0, place.1)))
    }
}

impl Tail for Reader {
    fn next(&mut self, take: Take) -> Result<Vec<Record>, Error> {
        let deadline = Instant::now() + take.wait;
        let mut heard = Instant::now();
        let mut records = Vec::new();
        while records.len() < take.count {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = match (records.is_empty(), self.behind.is_empty()) {
                (true, true) => left,
                // What a table held when it was opened is waited for.
                (true, false) => PATIENCE,
                (false, _) => Duration::ZERO,
            };
            match self.record(wait)? {
                Some(record) => {
                    heard = Instant::now();
                    records.push(record);
                }
                None if !records.is_empty() => break,
                None if self.behind.is_empty() && left.is_zero() => break,
                None if !self.behind.is_empty() && heard.elapsed() >= STUCK => {
                    let reason = format!("{} partitions were not read to their end", self.behind.len());
                    return Err(Error::engine("read a table from kafka", reason));
                }
                None => {}
            }
        }
        Ok(records)
    }
}
