//! One subscriber: attached to what is live first, then given everything after its cursor from the store, then live. From the
//! store it is read a page at a time, the next when the last one is sent, so a subscriber that is far behind or slow takes
//! no more memory than any other.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use cortex_proto::{
    topics::PARTITIONS,
    v1::{self, subscribe_response::Event},
};
use cortex_runtime::{
    store::{Scan, Store, table},
    telemetry::Delivery,
};
use prost::Message;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::spawn_blocking,
    time::{Interval, interval},
};
use tonic::Status;

use crate::{
    Hub,
    cursor::{Seen, Step},
    hub::LiveAlert,
};

/// How often a cursor is sent, whether anything passed the filter or not.
const CURSOR_EVERY: Duration = Duration::from_secs(3);
/// Revisions read from the store at once.
const PAGE: usize = 100;

/// One subscriber.
pub(crate) struct Subscription {
    store: Arc<dyn Store>,
    filter: v1::AlertFilter,
    live: Receiver<Arc<LiveAlert>>,
    seen: Seen,
    /// Partitions of which the store has something not seen, up to these sequences.
    behind: VecDeque<(u32, u64)>,
    /// What is to be sent, with what ends when it is.
    waiting: VecDeque<(v1::SubscribeResponse, Option<Delivery>)>,
    ticker: Interval,
}

impl Subscription {
    /// Attaches a subscriber.
    pub(crate) async fn open(
        hub: &Hub,
        store: Arc<dyn Store>,
        request: v1::SubscribeRequest,
    ) -> Result<Self, Status> {
        // Attached before the store is read, so that nothing falls between.
        let live = hub.alerts();
        let heads = heads(Arc::clone(&store)).await?;
        let seen = request.after.as_ref().map_or_else(|| Seen::new(heads.clone()), Seen::from);
        Ok(Self {
            store,
            filter: request.filter.unwrap_or_default(),
            live,
            seen,
            behind: heads.into(),
            waiting: VecDeque::new(),
            ticker: interval(CURSOR_EVERY),
        })
    }

    /// The next thing to send; `None` when the process ends.
    pub(crate) async fn next(&mut self) -> Option<Result<v1::SubscribeResponse, Status>> {
        loop {
            if let Some((response, _delivered)) = self.waiting.pop_front() {
                return Some(Ok(response));
            }
            let taken = match self.behind.front().copied() {
                Some((partition, head)) if self.seen.of(partition) < head => self.read(partition, head).await,
                Some(_) => {
                    self.behind.pop_front();
                    Ok(())
                }
                None => tokio::select! {
                    _ = self.ticker.tick() => {
                        self.send_cursor();
                        Ok(())
                    }
                    alert = self.live.recv() => match alert {
                        Ok(alert) => {
                            self.take(&alert);
                            Ok(())
                        }
                        // It is too slow for the live view, and reads what it missed.
                        Err(RecvError::Lagged(_)) => {
                            heads(Arc::clone(&self.store)).await.map(|heads| self.behind.extend(heads))
                        }
                        Err(RecvError::Closed) => return None,
                    },
                },
            };
            if let Err(status) = taken {
                return Some(Err(status));
            }
        }
    }

    fn take(&mut self, live: &LiveAlert) {
        let alert = &live.alert;
        match self.seen.step(alert.partition, alert.sequence) {
            Step::Skip => {}
            Step::Take => self.send(v1::Alert::clone(alert), || live.delivery()),
            Step::Fill => self.behind.push_back((alert.partition, alert.sequence)),
        }
    }

    /// Reads the next page of a partition, up to `head`.
    async fn read(&mut self, partition: u32, head: u64) -> Result<(), Status> {
        let (store, from) = (Arc::clone(&self.store), self.seen.of(partition) + 1);
        let alerts = blocking(move || {
            let place = partition.to_string();
            let rows = store.scan(&Scan {
                from: from.to_be_bytes().to_vec(),
                to: (head + 1).to_be_bytes().to_vec(),
                limit: PAGE,
                ..Scan::all(&table::ALERTS, &place)
            })?;
            Ok(rows.iter().filter_map(|row| v1::Alert::decode(row.body.as_slice()).ok()).collect::<Vec<_>>())
        })
        .await?;
        // What retention removed is gone: go on above it.
        if alerts.is_empty() {
            self.seen.take(partition, head);
        }
        for alert in alerts {
            self.send(alert, || None);
        }
        // Whoever goes away in the middle of much, or filters most of it out, goes on from here.
        self.send_cursor();
        Ok(())
    }

    fn send_cursor(&mut self) {
        let cursor = Event::Cursor(self.seen.cursor());
        self.waiting.push_back((v1::SubscribeResponse { event: Some(cursor) }, None));
    }

    fn send(&mut self, alert: v1::Alert, delivery: impl FnOnce() -> Option<Delivery>) {
        self.seen.take(alert.partition, alert.sequence);
        if passes(&self.filter, &alert) {
            self.waiting.push_back((v1::SubscribeResponse { event: Some(Event::Alert(alert)) }, delivery()));
        }
    }
}

/// Whether an alert passes a filter.
pub(crate) fn passes(filter: &v1::AlertFilter, alert: &v1::Alert) -> bool {
    let one_of = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
    alert.severity >= filter.min_severity
        && one_of(&filter.cameras, &alert.camera)
        && one_of(&filter.sites, &alert.site)
        && one_of(&filter.kinds, &alert.kind)
}

/// The latest sequence of every partition that has one.
async fn heads(store: Arc<dyn Store>) -> Result<Vec<(u32, u64)>, Status> {
    blocking(move || {
        let mut heads = Vec::new();
        for partition in 0..PARTITIONS {
            let latest = store.scan(&Scan::latest(&table::ALERTS, &partition.to_string(), 1))?;
            heads.extend(
                latest.first().map(|row| (partition, cortex_runtime::store::rows::number(&row.sort))),
            );
        }
        Ok(heads)
    })
    .await
}

/// Reads the store on a thread that may wait.
pub(crate) async fn blocking<R: Send + 'static>(
    read: impl FnOnce() -> Result<R, cortex_runtime::store::Error> + Send + 'static,
) -> Result<R, Status> {
    let read = spawn_blocking(read).await.map_err(|_| Status::internal("reading the store panicked"))?;
    read.map_err(|error| Status::unavailable(format!("read the store: {error}")))
}
