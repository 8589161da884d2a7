//! What a source or a server is given: the engines, the control plane, and when to stop.

use std::{sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use cortex_proto::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{self, Bus, Outgoing, Record, Tail, Take, Writer},
    lifecycle::Lifecycle,
    stage::Fatal,
    store::{Row, Store, StoredRow},
    tables::Tables,
    telemetry::trace::Work,
};

/// Messages that a reader takes at once, and how long it waits for the first.
const READ: usize = 256;
const WAIT: Duration = Duration::from_millis(200);
/// Between two tries while the bus is away.
const AGAIN: Duration = Duration::from_secs(1);

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

    /// Gives everything that a reader gets to `take`, on a thread of this name, until the process ends. While the bus is
    /// away it waits, and readiness says so.
    pub fn follow(
        &self,
        name: &'static str,
        mut tail: Box<dyn Tail>,
        mut take: impl FnMut(&[Record]) + Send + 'static,
    ) {
        let (stop, health) = (self.stop(), self.lifecycle.health());
        self.lifecycle.thread(name, move || {
            while !stop.is_cancelled() {
                match tail.next(Take { count: READ, wait: WAIT }) {
                    Ok(records) => {
                        health.set(name, Ok(()));
                        take(&records);
                    }
                    Err(bus::Error::Closed) => return Err(Fatal::new(format!("{name}: the bus is closed"))),
                    Err(error) => {
                        health.set(name, Err(error.to_string()));
                        thread::park_timeout(AGAIN);
                    }
                }
            }
            Ok(())
        });
    }

    /// Publishes one message to a partition. An event begins a trace.
    pub fn publish<M: Message>(
        &self,
        message: M,
        partition: u32,
        writer: &Writer,
    ) -> Result<(), crate::bus::Error> {
        let work = Work::begin(M::TOPIC);
        let message = Outgoing { trace: work.carries(), ..Outgoing::new(message, partition) };
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
