//! The bus: what carries messages between stages. Engines are chosen by URL; a stage never sees which.
//!
//! Both kinds of reader are synchronous, because stages are: a [`Consumer`] shares a topic's partitions with the
//! other members of its group and commits what it is done with; a [`Tail`] sees every partition and commits
//! nothing.

mod embedded;
mod fence;
mod group;
#[cfg(feature = "kafka")]
pub mod kafka;
mod log;
mod memory;

use std::{any::Any, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use cortex_proto::{Message, Topic};
use prost::DecodeError;

pub use embedded::{Embedded, Full};
pub use fence::{Fence, Writer};

/// What a message is made of.
#[derive(Clone)]
pub enum Body {
    /// The message itself, by reference, and how to encode it where it must leave the process.
    Local {
        /// The message.
        message: Arc<dyn Any + Send + Sync>,
        /// Encodes it.
        encode: Arc<dyn Fn() -> Bytes + Send + Sync>,
    },
    /// Encoded protobuf.
    Bytes(Bytes),
}

/// A message on its way to the bus.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where to.
    pub topic: &'static Topic,
    /// Which partition of it.
    pub partition: u32,
    /// What keeps it in order.
    pub key: Arc<str>,
    /// What it wins over, where the newest wins.
    pub slot: String,
    /// Of what led to it: W3C `traceparent`, and behind a space `tracestate`.
    pub trace: Option<String>,
    /// The message.
    pub body: Body,
}

/// A message from the bus.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where from.
    pub topic: &'static Topic,
    /// Which partition of it.
    pub partition: u32,
    /// Its place in the partition. Offsets grow, also over restarts; with newest-wins there are gaps. `None` for a
    /// message that is only in memory: it has no place, and is never delivered again.
    pub offset: Option<u64>,
    /// The offset under which an engine keeps it, for whoever looks for it there; also where nobody goes back to it. `None`
    /// for a message that is only in memory.
    pub reference: Option<u64>,
    /// What keeps it in order.
    pub key: Arc<str>,
    /// What it wins over, where the newest wins.
    pub slot: Arc<str>,
    /// Who wrote it.
    pub writer: Writer,
    /// W3C `traceparent`, and behind a space `tracestate`.
    pub trace: Option<String>,
    /// The message.
    pub body: Body,
}

/// What a consumer is told.
#[derive(Debug)]
pub enum Event {
    /// These partitions are this member's from now on.
    Assigned(Vec<u32>),
    /// Partitions are about to move, and nobody knows which: everything changed is to be saved before the next poll.
    /// What does not move stays without a further word.
    Moving,
    /// These partitions are another member's from now on.
    Revoked(Vec<u32>),
    /// Messages, in order within each partition of each topic.
    Records(Vec<Record>),
}

/// How much a consumer takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Take {
    /// At most so many messages.
    pub count: usize,
    /// Wait so long for the first.
    pub wait: Duration,
}

/// Where a [`Tail`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With everything the topic still holds: for tables.
    Start,
    /// With what comes next.
    End,
}

/// What went wrong on the bus.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine behind the bus failed; the same call may work later.
    #[error("{attempt}: {reason}")]
    Engine {
        /// What was attempted, lower-case.
        attempt: &'static str,
        /// What the engine said.
        reason: String,
    },
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
    /// The writer is not the owner any more: it must stop.
    #[error("{owner} has a new owner with a higher term")]
    Fenced {
        /// What it owned.
        owner: Arc<str>,
    },
}

/// A bus engine.
pub trait Bus: Send + Sync + 'static {
    /// Publishes messages in order. Returns when every fact among them is durable; pictures never wait for a
    /// reader. What a writer says once a higher term of the same owner spoke in the same partition reaches nobody;
    /// an engine that knows in time refuses it with [`Error::Fenced`], every other drops it where it is read (see
    /// [`Fence`]).
    fn publish(&self, messages: &[Outgoing], writer: &Writer) -> Result<(), Error>;

    /// Joins a group as `member`. Pictures are read from the end, facts from the group's committed offset; of what is void
    /// soon a new owner hears the newest, where the engine outlives the process that said it.
    fn subscribe(
        &self,
        group: &str,
        member: &str,
        topics: &[&'static Topic],
    ) -> Result<Box<dyn Consumer>, Error>;

    /// Reads every partition of topics, without a group. From the start, [`Tail::next`] answers nothing only once
    /// everything that was there at this moment was given.
    fn tail(&self, topics: &[&'static Topic], from: From) -> Result<Box<dyn Tail>, Error>;
}

/// Whether a partition is a member's.
pub type Held = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// A member of a group. Dropping it leaves the group.
pub trait Consumer: Send {
    /// Waits for what comes next. After an error nothing is lost: the same comes with a later call.
    fn poll(&mut self, take: Take) -> Result<Option<Event>, Error>;

    /// Everything of `topic` below `offset` in this partition is done with: it is not delivered again.
    fn commit(&mut self, topic: &'static Topic, partition: u32, offset: u64) -> Result<(), Error>;

    /// Tells of each partition whether it is this member's at the moment of asking. It may be another's already when that is
    /// not yet told: then nothing may be said in its name any more.
    fn held(&self) -> Held;

    /// Everything delivered so far is worked on; what follows from it is published.
    fn done(&mut self);

    /// Messages not yet delivered to this member.
    fn lag(&self) -> u64;

    /// Messages that gave way to newer ones of their slot before this group read them, since it last asked.
    fn superseded(&mut self) -> u64;
}

/// A reader without a group.
pub trait Tail: Send {
    /// Waits for what comes next; empty when nothing came in time.
    fn next(&mut self, take: Take) -> Result<Vec<Record>, Error>;
}

impl Body {
    /// The message, decoded when it must be.
    pub fn message<M: Message>(&self) -> Result<Arc<M>, DecodeError> {
        match self {
            Self::Local { message, encode } => match Arc::clone(message).downcast::<M>() {
                Ok(message) => Ok(message),
                Err(_) => M::decode(&encode()).map(Arc::new),
            },
            Self::Bytes(bytes) => M::decode(bytes).map(Arc::new),
        }
    }

    /// Whether it came as no bytes at all, which nothing of ours writes.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    /// The message as bytes, encoded when it must be.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Local { encode, .. } => encode(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl Record {
    /// The message.
    pub fn message<M: Message>(&self) -> Result<Arc<M>, DecodeError> {
        self.body.message()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { .. } => f.write_str("Local"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

impl Error {
    pub(crate) fn engine(attempt: &'static str, reason: impl fmt::Display) -> Self {
        Self::Engine { attempt, reason: reason.to_string() }
    }
}
