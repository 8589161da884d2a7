//! Sends messages, and waits for those that count.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use cortex_proto::topics;
use opentelemetry::{KeyValue, global, metrics::Counter};
use rdkafka::{
    ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Message as _},
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
};
use tracing::{error, warn};

use super::{
    Settings,
    client::{Ears, MESSAGE},
    envelope,
};
use crate::{
    bus::{Error, Outgoing, Writer},
    captured::LARGEST,
};

/// A fact that is not acknowledged in this time fails; whoever sent it sends it again.
pub(super) const DELIVERY: Duration = Duration::from_secs(8);
/// A picture that is not sent in this time is of no use any more.
const PICTURE: Duration = Duration::from_secs(2);
/// Between two tries to hand the client a message while its queue is full.
const FULL: Duration = Duration::from_millis(5);
/// How long the thread that hears what became of messages waits at once. The client's wait counts whole milliseconds and
/// spins through the rest, so a short one costs much: of a tenth of a second it is a hundredth of a core.
const HEAR: Duration = Duration::from_secs(1);

// The rest of a message, its headers and its seal are a few kilobytes.
const _: () = assert!(LARGEST + (64 << 10) <= MESSAGE, "a picture fits into a message");

/// A producer.
pub(super) struct Publisher {
    producer: Arc<BaseProducer<Deliveries>>,
    /// For messages that nobody waits for.
    nobody: Arc<Receipt>,
    undelivered: Counter<u64>,
}

/// What became of messages that were sent together.
#[derive(Default)]
pub(super) struct Receipt {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    count: usize,
    failed: Option<KafkaError>,
}

/// Hears what became of messages.
struct Deliveries {
    ears: Ears,
    /// What topics are called before their own names.
    prefix: String,
    undelivered: Counter<u64>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.ears.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ears.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        let failed = result.as_ref().err().map(|(error, message)| {
            let name = message.topic().strip_prefix(&self.prefix);
            let topic = topics::ALL.iter().find(|topic| Some(topic.name) == name);
            self.undelivered.add(1, &[KeyValue::new("topic", topic.map_or("", |topic| topic.noun))]);
            error.clone()
        });
        receipt.came(failed);
    }
}

impl Receipt {
    fn goes(&self, count: usize) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).count += count;
    }

    fn came(&self, failed: Option<KafkaError>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.count -= 1;
        pending.failed = failed.or_else(|| pending.failed.take());
        self.changed.notify_all();
    }

    /// Waits until all came, or the first failure is known for all of them.
    fn wait(&self) -> Result<(), KafkaError> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = self
            .changed
            .wait_while(pending, |pending| pending.count > 0)
            .unwrap_or_else(PoisonError::into_inner);
        done.failed.take().map_or(Ok(()), Err)
    }
}

impl Publisher {
    /// For what must arrive: acknowledged by every replica in sync, in order, never twice by the client's own doing.
    pub(super) fn of_facts(settings: &Settings) -> Result<Self, Error> {
        let delivery = DELIVERY.as_millis().to_string();
        Self::new(
            settings,
            &[
                ("acks", "all"),
                ("enable.idempotence", "true"),
                ("delivery.timeout.ms", &delivery),
                ("compression.type", "lz4"),
                ("linger.ms", "1"),
                ("queue.buffering.max.kbytes", "65536"),
            ],
        )
    }

    /// For pictures: the leader's word is enough, and what cannot be sent soon is not sent.
    pub(super) fn of_pictures(settings: &Settings) -> Result<Self, Error> {
        let delivery = PICTURE.as_millis().to_string();
        Self::new(
            settings,
            &[
                ("acks", "1"),
                ("enable.idempotence", "false"),
                ("retries", "0"),
                ("delivery.timeout.ms", &delivery),
                ("request.timeout.ms", &delivery),
                ("compression.type", "none"),
                ("linger.ms", "0"),
                ("queue.buffering.max.kbytes", "65536"),
            ],
        )
    }

    fn new(settings: &Settings, options: &[(&str, &str)]) -> Result<Self, Error> {
        let mut config = settings.client();
        for (key, value) in options {
            config.set(*key, *value);
        }
        let undelivered = global::meter("cortex")
            .u64_counter("cortex.bus.undelivered")
            .with_description("messages that the cluster did not take in time, by topic")
            .build();
        let deliveries = Deliveries {
            ears: Ears::default(),
            prefix: settings.prefix.clone(),
            undelivered: undelivered.clone(),
        };
        let producer = BaseProducer::from_config_and_context(&config, deliveries)
            .map_err(|error| Error::engine("start a kafka producer", error))?;
        let producer = Arc::new(producer);
        let heard = Arc::downgrade(&producer);
        let hear = move || {
            while let Some(producer) = heard.upgrade() {
                producer.poll(HEAR);
            }
        };
        thread::Builder::new()
            .name("kafka-deliveries".to_owned())
            .spawn(hear)
            .map_err(|error| Error::engine("start a thread", error))?;
        Ok(Self { producer, nobody: Arc::default(), undelivered })
    }

    /// Sends messages once, if there is room for them.
    pub(super) fn offer(&self, settings: &Settings, messages: &[Outgoing], writer: &Writer) {
        for message in messages {
            if let Err(error) = self.send(settings, message, writer, &self.nobody) {
                let topic = KeyValue::new("topic", message.topic.noun);
                self.undelivered.add(1, &[topic]);
                if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                    warn!(topic = message.topic.noun, key = %message.key, %error, "picture not sent");
                }
            }
        }
    }

    /// Sends messages without waiting for them.
    pub(super) fn enqueue(
        &self,
        settings: &Settings,
        messages: &[Outgoing],
        writer: &Writer,
    ) -> Result<(), Error> {
        for message in messages {
            self.send(settings, message, writer, &self.nobody).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Sends messages and waits until every replica in sync has them.
    pub(super) fn deliver(
        &self,
        settings: &Settings,
        messages: &[Outgoing],
        writer: &Writer,
        deadline: Instant,
    ) -> Result<(), Error> {
        let receipt = Arc::new(Receipt::default());
        for message in messages {
            loop {
                match self.send(settings, message, writer, &receipt) {
                    Ok(()) => break,
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
                        if Instant::now() < deadline =>
                    {
                        thread::park_timeout(FULL);
                    }
                    Err(error) => {
                        // Those on their way may still arrive; sending all again is harmless.
                        drop(receipt.wait());
                        return Err(self.failed(&error));
                    }
                }
            }
        }
        receipt.wait().map_err(|error| self.failed(&error))
    }

    fn send(
        &self,
        settings: &Settings,
        message: &Outgoing,
        writer: &Writer,
        receipt: &Arc<Receipt>,
    ) -> Result<(), KafkaError> {
        let Some(body) = envelope::body(message, settings.key.as_deref()) else {
            self.undelivered.add(1, &[KeyValue::new("topic", message.topic.noun)]);
            return Ok(());
        };
        let topic = settings.topic(message.topic);
        let record = BaseRecord::with_opaque_to(&topic, Arc::clone(receipt))
            .partition(message.partition as i32)
            .key(message.slot.as_str())
            .payload(body.as_ref())
            .headers(envelope::headers(message, writer));
        receipt.goes(1);
        self.producer.send(record).map_err(|(error, _)| {
            receipt.came(None);
            error
        })
    }

    fn failed(&self, error: &KafkaError) -> Error {
        if let Some((_, reason)) = self.producer.client().fatal_error() {
            error!(reason, "this process can publish nothing any more and ends; a new one can");
            return Error::Closed;
        }
        let heard = self.producer.context().ears.heard();
        Error::engine("publish to kafka", format!("{error}{heard}"))
    }
}

impl Drop for Publisher {
    /// What is still on its way arrives, if the cluster is there.
    fn drop(&mut self) {
        if let Err(error) = self.producer.flush(super::PATIENCE) {
            warn!(%error, "messages not sent at the end");
        }
    }
}
