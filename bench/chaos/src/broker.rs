//! The harness as a writer on the cluster, and where it learns what belongs into which partition.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{anyhow, ensure};
use cortex_proto::{
    Message as _, Topic,
    topics::{self, PARTITIONS},
    v1,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{Header, Message as _, OwnedHeaders},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// More than any message that is tried.
const LARGEST: &str = "4194304";

/// A connection to the brokers.
pub(crate) struct Broker {
    producer: ThreadedProducer<DefaultProducerContext>,
    prefix: String,
}

impl Broker {
    pub(crate) fn open(brokers: &str, prefix: &str) -> anyhow::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("message.max.bytes", LARGEST)
            .set("linger.ms", "0")
            .create()?;
        Ok(Self { producer, prefix: prefix.to_owned() })
    }

    /// Publishes bytes, whatever they are. `slot` is what newer messages win over, `key` whose they are.
    pub(crate) fn publish(
        &self,
        topic: &Topic,
        partition: u32,
        (key, slot): (&str, &str),
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let name = format!("{}.{}", self.prefix, topic.name);
        let headers = OwnedHeaders::new().insert(Header { key: "cortex-key", value: Some(key) });
        let record =
            BaseRecord::to(&name).partition(partition as i32).key(slot).payload(bytes).headers(headers);
        self.producer.send(record).map_err(|(error, _)| anyhow!("publish on {name}: {error}"))
    }

    /// Waits until everything is there.
    pub(crate) fn flush(&self) -> anyhow::Result<()> {
        Ok(self.producer.flush(PATIENCE)?)
    }
}

/// Messages that were ever published on a topic.
pub(crate) fn published(brokers: &str, prefix: &str, topic: &Topic) -> anyhow::Result<i64> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let name = format!("{prefix}.{}", topic.name);
    let ends = (0..PARTITIONS as i32).map(|place| Ok(consumer.fetch_watermarks(&name, place, PATIENCE)?.1));
    ends.sum()
}

/// The partition of each camera, as the front has chosen it.
pub(crate) fn partitions(
    brokers: &str,
    prefix: &str,
    cameras: usize,
) -> anyhow::Result<BTreeMap<String, u32>> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "chaos-cameras").create()?;
    let mut all = TopicPartitionList::new();
    let name = format!("{prefix}.{}", topics::CAMERAS.name);
    for partition in 0..PARTITIONS as i32 {
        all.add_partition_offset(&name, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let (mut found, until) = (BTreeMap::new(), Instant::now() + PATIENCE);
    while found.len() < cameras {
        ensure!(Instant::now() < until, "only {} of {cameras} cameras are told of", found.len());
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let camera = v1::Camera::decode(message?.payload().unwrap_or_default())?;
            found.insert(camera.id, camera.partition);
        }
    }
    Ok(found)
}
