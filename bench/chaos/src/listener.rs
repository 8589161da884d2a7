//! Reads the cluster's topics from outside, every message of every partition, without Cortex's own client.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use cortex_proto::{
    Topic,
    topics::{self, PARTITIONS},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{BorrowedMessage, Headers as _, Message as _},
};

use crate::{
    ledger::{Book, Message, now_us},
    record,
    scene::Scene,
};

/// What is read.
const TOPICS: [&Topic; 6] = [
    &topics::FRAMES,
    &topics::DETECTIONS,
    &topics::ANOMALIES,
    &topics::IDENTITIES,
    &topics::ALERTS,
    &topics::DEAD,
];
const POLL: Duration = Duration::from_millis(100);
/// When nothing came for so long, everything was read.
const QUIET: Duration = Duration::from_secs(3);

/// A thread that writes down what it reads.
pub(crate) struct Listener {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Listener {
    /// Begins with what the topics hold.
    pub(crate) fn start(brokers: &str, prefix: &str, book: Book, scene: Arc<Scene>) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "chaos-ledger")
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "1000")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        let mut all = TopicPartitionList::new();
        for topic in TOPICS {
            for partition in 0..PARTITIONS as i32 {
                all.add_partition_offset(&format!("{prefix}.{}", topic.name), partition, Offset::Beginning)?;
            }
        }
        consumer.assign(&all)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, prefix) = (Arc::clone(&stop), format!("{prefix}."));
        let thread = thread::Builder::new().name("ledger".into()).spawn(move || {
            let mut quiet = Duration::ZERO;
            while !stopped.load(Ordering::Acquire) || quiet < QUIET {
                quiet += POLL;
                // The client connects again by itself.
                if let Some(Ok(message)) = consumer.poll(POLL) {
                    quiet = Duration::ZERO;
                    let message = read(&message, &prefix)?;
                    scene.heard(&message);
                    book.write(&message)?;
                }
            }
            Ok(())
        })?;
        Ok(Self { stop, thread })
    }

    /// Reads what is there still, and ends.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| anyhow!("the ledger panicked"))?.context("write the ledger")
    }
}

fn read(message: &BorrowedMessage<'_>, prefix: &str) -> anyhow::Result<Message> {
    let name = message.topic().strip_prefix(prefix).context("another deployment's topic")?;
    let topic = TOPICS.iter().find(|topic| topic.name == name).context("a topic nobody asked for")?;
    let header = |wanted: &str| {
        let found = message.headers()?.iter().find(|header| header.key == wanted)?;
        std::str::from_utf8(found.value?).ok()
    };
    Ok(Message {
        // Not when it was read: on a busy machine the ledger itself is late.
        at_us: message.timestamp().to_millis().map_or_else(now_us, |at_ms| at_ms * 1000),
        topic: topic.noun.to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        owner: header("cortex-owner").unwrap_or_default().to_owned(),
        term: header("cortex-term").and_then(|term| term.parse().ok()).unwrap_or_default(),
        body: record::body(topic.noun, message.payload().unwrap_or_default()),
    })
}
