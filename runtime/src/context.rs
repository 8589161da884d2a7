//! What a source or a server is given: the engines, the control plane, and when to stop.

use std::sync::Arc;

use arc_swap::ArcSwap;
use cortex_proto::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{Bus, Outgoing, Writer},
    lifecycle::Lifecycle,
    stage::Fatal,
    store::{Row, Store, StoredRow},
    tables::Tables,
    telemetry::trace::Work,
};

/// Shared by everything in a process; cloning it copies pointers.
#[derive(Clone)]
pub struct Context {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The control plane, newest value.
    pub tables: Arc<ArcSwap<Tables>>,
    /// Names and ends tasks and threads.
    pub lifecycle: Lifecycle,
}

/// A stage without input: cameras. Runs on a thread of its own until it is told to stop.
pub trait Source: Send + 'static {
    /// The word for it.
    const NAME: &'static str;

    /// Publishes until [`Context::stop`] is cancelled.
    fn run(self, context: Context) -> Result<(), Fatal>;
}

/// Something that answers requests. Runs on the process's tokio runtime until it is told to stop.
pub trait Server: Send + 'static {
    /// The word for it.
    const NAME: &'static str;

    /// Serves until [`Context::stop`] is cancelled, then lets requests in flight end.
    fn run(self, context: Context) -> impl Future<Output = Result<(), Fatal>> + Send;
}

impl Context {
    /// Cancelled when the process is to end.
    pub fn stop(&self) -> CancellationToken {
        self.lifecycle.stop()
    }

    /// Publishes one message to a partition. It begins a trace, if it is drawn.
    pub fn publish<M: Message>(
        &self,
        message: M,
        partition: u32,
        writer: &Writer,
    ) -> Result<(), crate::bus::Error> {
        let work = Work::begin(M::TOPIC);
        let message = Outgoing { trace: work.traceparent(), ..Outgoing::new(message, partition) };
        self.bus.publish(&[message], writer)
    }

    /// Stores a fact, then publishes it. After an error the same call may be made again.
    pub fn record<M: Message + Row>(&self, message: M, partition: u32, writer: &Writer) -> Result<(), Fatal> {
        let row = StoredRow::of(&message);
        self.store.write(&[row]).map_err(|error| Fatal::new(format!("store {}: {error}", M::TOPIC.noun)))?;
        self.publish(message, partition, writer)
            .map_err(|error| Fatal::new(format!("publish {}: {error}", M::TOPIC.noun)))
    }
}
