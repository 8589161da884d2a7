//! What a stage says while it works; the runner carries it out.

use std::sync::Arc;

use bytes::Bytes;
use cortex_proto::{Message, topics};

use crate::{
    bus::{Body, Outgoing},
    store::{Row, StoredRow},
};

/// Takes a stage's messages and rows. Topic, key and table come from the type.
#[derive(Debug, Default)]
pub struct Collector {
    partition: u32,
    pub(crate) messages: Vec<Outgoing>,
    pub(crate) rows: Vec<StoredRow>,
}

impl Collector {
    /// Collects for a key of this partition.
    pub fn new(partition: u32) -> Self {
        Self { partition, ..Self::default() }
    }

    /// The partition of what the stage works on.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Publishes a message. Messages of the camera's topics go to the camera's partition. A fact that is not
    /// volatile (anomaly, identity, alert, log entry) is a decision: it is in the key's snapshot before it is
    /// published, and stored before it is published.
    pub fn publish<M: Message>(&mut self, message: M) {
        let partition = match M::TOPIC.key {
            topics::Key::Camera | topics::Key::Partition => self.partition,
            topics::Key::Site | topics::Key::Own | topics::Key::Writer => topics::partition_of(message.key()),
        };
        self.messages.push(Outgoing::new(message, partition));
    }

    /// Stores a row. Rows of one input are written before its decisions are published.
    pub fn store<R: Row>(&mut self, row: &R) {
        self.rows.push(StoredRow::of(row));
    }

    /// The messages of one type published so far, for tests of stages.
    pub fn published<M: Message>(&self) -> Vec<Arc<M>> {
        self.messages
            .iter()
            .filter(|out| out.topic == M::TOPIC)
            .filter_map(|out| out.body.message().ok())
            .collect()
    }

    /// The rows stored so far, for tests of stages.
    pub fn stored(&self) -> &[StoredRow] {
        &self.rows
    }
}

impl Outgoing {
    /// A message for the bus, by reference.
    pub fn new<M: Message>(message: M, partition: u32) -> Self {
        let (key, slot) = (message.key().into(), message.slot());
        let message = Arc::new(message);
        let encode = {
            let message = Arc::clone(&message);
            Arc::new(move || Bytes::from(message.encode())) as Arc<dyn Fn() -> Bytes + Send + Sync>
        };
        Self { topic: M::TOPIC, partition, key, slot, trace: None, body: Body::Local { message, encode } }
    }

    pub(crate) fn is_decision(&self) -> bool {
        self.topic.class == topics::Class::Fact && !self.topic.volatile
    }
}
