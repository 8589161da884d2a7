//! What is live, for everybody who watches: one thread reads the bus, every watcher has a bounded view of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Fatal,
    bus::{From, Record},
    telemetry::Delivery,
};
use tokio::sync::{broadcast, watch};
use tracing::warn;

/// Revisions a slow subscriber may be behind; what it misses above that it reads from the store.
const ALERTS: usize = 1024;
/// Lines of the log a slow reader may be behind; above that it misses some and is told.
const LOG: usize = 1024;
/// Live pictures a slow viewer may be behind: it misses pictures, and never gets old ones.
const PICTURES: usize = 8;

/// Everything live. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    alerts: broadcast::Sender<Arc<LiveAlert>>,
    log: broadcast::Sender<Arc<v1::LogEntry>>,
    pictures: broadcast::Sender<Arc<v1::Cloaked>>,
    statuses: Mutex<BTreeMap<(String, String), v1::Status>>,
    changed: watch::Sender<u64>,
}

/// A revision of an alert as it came.
pub(crate) struct LiveAlert {
    pub(crate) alert: Arc<v1::Alert>,
    delivery: Mutex<Option<Delivery>>,
}

impl LiveAlert {
    /// For whoever takes it first: the way to the first subscriber is part of the alert's trace.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Hub {
    /// Begins to read.
    pub fn start(context: &Context) -> Result<Self, Fatal> {
        let hub = Self(Arc::new(Inner {
            alerts: broadcast::channel(ALERTS).0,
            log: broadcast::channel(LOG).0,
            pictures: broadcast::channel(PICTURES).0,
            statuses: Mutex::default(),
            changed: watch::channel(0).0,
        }));
        let failed = |error| Fatal::new(format!("follow what is live: {error}"));
        let read = [&topics::ALERTS, &topics::LOG, &topics::CLOAKED, &topics::STATUS];
        let tail = context.bus.tail(&read, From::End).map_err(failed)?;
        let reader = hub.clone();
        context.follow("hub", tail, move |records| records.iter().for_each(|record| reader.take(record)));
        Ok(hub)
    }

    /// Live revisions of alerts.
    pub(crate) fn alerts(&self) -> broadcast::Receiver<Arc<LiveAlert>> {
        self.0.alerts.subscribe()
    }

    /// Live lines of the log.
    pub(crate) fn log(&self) -> broadcast::Receiver<Arc<v1::LogEntry>> {
        self.0.log.subscribe()
    }

    /// Live cloaked pictures.
    pub(crate) fn pictures(&self) -> broadcast::Receiver<Arc<v1::Cloaked>> {
        self.0.pictures.subscribe()
    }

    /// Changes whenever a status does.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// What the stages say of a camera.
    pub(crate) fn statuses(&self, camera: &str) -> Vec<v1::Status> {
        let statuses = self.statuses_locked();
        statuses.iter().filter(|((id, _), _)| id == camera).map(|(_, status)| status.clone()).collect()
    }

    fn take(&self, record: &Record) {
        // Nobody listening is no error.
        let taken = match record.topic.noun {
            "alerts" => record.message().map(|alert| {
                let delivery = Mutex::new(Delivery::begin(record));
                self.0.alerts.send(Arc::new(LiveAlert { alert, delivery })).ok();
            }),
            "log" => record.message().map(|entry| drop(self.0.log.send(entry))),
            "cloaked" => record.message().map(|picture| drop(self.0.pictures.send(picture))),
            _ => record.message::<v1::Status>().map(|status| {
                let key = (status.camera.clone(), status.stage.clone());
                self.statuses_locked().insert(key, v1::Status::clone(&status));
                self.0.changed.send_modify(|changes| *changes += 1);
            }),
        };
        if let Err(error) = taken {
            warn!(topic = record.topic.noun, %error, "message left out");
        }
    }

    fn statuses_locked(&self) -> MutexGuard<'_, BTreeMap<(String, String), v1::Status>> {
        self.0.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
