//! The Kafka engine: what a fleet shares. Facts are acknowledged by every replica in sync before they count; pictures
//! are sent once, and nobody waits for them.

mod client;
mod consumer;
mod ends;
mod envelope;
mod rebalance;
mod tail;
mod topics;
mod writer;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use cortex_proto::{Topic, topics::Class};

use self::{consumer::Member, tail::Reader, writer::Publisher};
use super::{Bus, Consumer, Error, From, Outgoing, Tail, Writer};
use crate::{config::Secret, keys::Key};

/// How a process finds its brokers, and who it is to them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers to begin with, `host:port` with commas between; the others are learnt from them.
    pub brokers: String,
    /// What topics and groups are called before their own names, so that several deployments share a cluster; empty for
    /// nothing.
    pub prefix: String,
    /// This process among those of its stage: with the same name it gets its partitions back when it returns within
    /// [`Settings::session`].
    pub instance: String,
    /// User of SASL/SCRAM-SHA-512; empty for none.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// PEM file of the authorities that signed the brokers' certificates; empty for those of the system.
    pub ca: PathBuf,
    /// What seals topics that leave a process sealed; without it nothing is published on them.
    pub key: Option<Arc<Key>>,
    /// Copies of a topic that is made. With three, one broker may be away.
    pub replication: u16,
    /// After so long without a heartbeat a member's partitions go to others.
    pub session: Duration,
}

/// The Kafka bus. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Kafka(Arc<Shared>);

struct Shared {
    settings: Settings,
    facts: Publisher,
    pictures: Publisher,
}

/// How long one question to the cluster may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Kafka {
    /// Connects, makes the topics that are missing, and checks partitions and settings of the others.
    ///
    /// # Errors
    /// No broker answers, the login is wrong, or a topic cannot be made, has another number of partitions, or has settings
    /// with which it loses what it is given or cannot take it.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        topics::apply(&settings)?;
        let facts = Publisher::of_facts(&settings)?;
        let pictures = Publisher::of_pictures(&settings)?;
        Ok(Self(Arc::new(Shared { settings, facts, pictures })))
    }

    /// Makes the topics that are missing and checks the others; answers the names of those made.
    ///
    /// # Errors
    /// As [`Kafka::open`].
    pub fn apply(settings: &Settings) -> Result<Vec<String>, Error> {
        topics::apply(settings)
    }
}

impl Bus for Kafka {
    fn publish(&self, messages: &[Outgoing], writer: &Writer) -> Result<(), Error> {
        let deadline = Instant::now() + writer::DELIVERY;
        for run in messages.chunk_by(|one, other| sort(one.topic) == sort(other.topic)) {
            match sort(run[0].topic) {
                Sort::Picture => self.0.pictures.offer(&self.0.settings, run, writer),
                Sort::Flow => self.0.facts.enqueue(&self.0.settings, run, writer)?,
                Sort::Fact => self.0.facts.deliver(&self.0.settings, run, writer, deadline)?,
            }
        }
        Ok(())
    }

    fn subscribe(
        &self,
        group: &str,
        member: &str,
        topics: &[&'static Topic],
    ) -> Result<Box<dyn Consumer>, Error> {
        Ok(Box::new(Member::join(&self.0.settings, group, member, topics)?))
    }

    fn tail(&self, topics: &[&'static Topic], from: From) -> Result<Box<dyn Tail>, Error> {
        Ok(Box::new(Reader::open(&self.0.settings, topics, from)?))
    }
}

/// How a topic's messages are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Once, and given up when the broker is not there.
    Picture,
    /// Until every replica has it, without waiting for that: what it tells of has a durable copy elsewhere, or is soon
    /// told again.
    Flow,
    /// Until every replica has it, and the publisher waits.
    Fact,
}

fn sort(topic: &Topic) -> Sort {
    match (topic.class, topic.volatile) {
        (Class::Picture | Class::Batch, _) => Sort::Picture,
        (_, true) => Sort::Flow,
        (_, false) => Sort::Fact,
    }
}
