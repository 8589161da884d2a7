//! What is live, for everybody who watches: one thread reads the bus, every watcher has a bounded view of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Fatal,
    bus::{From, Record},
    telemetry::Delivery,
};
use tokio::sync::broadcast;
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
    /// What a stage said last of a camera, and when it came.
    statuses: Mutex<BTreeMap<(String, String), (v1::Status, Instant)>>,
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

    /// What the stages say of a camera. A stage that says nothing any more has no say: it is dead, and nobody took over.
    pub(crate) fn statuses(&self, camera: &str) -> Vec<v1::Status> {
        self.statuses_at(camera, Instant::now())
    }

    fn statuses_at(&self, camera: &str, now: Instant) -> Vec<v1::Status> {
        let mut statuses = self.statuses_locked();
        statuses.retain(|_, (_, came)| now.saturating_duration_since(*came) < topics::STATUS.retention);
        let first = (camera.to_owned(), String::new());
        let of_camera = statuses.range(first..).take_while(|((id, _), _)| id == camera);
        of_camera.map(|(_, (status, _))| status.clone()).collect()
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
                self.statuses_locked().insert(key, (v1::Status::clone(&status), Instant::now()));
            }),
        };
        if let Err(error) = taken {
            warn!(topic = record.topic.noun, %error, "message left out");
        }
    }

    fn statuses_locked(&self) -> MutexGuard<'_, BTreeMap<(String, String), (v1::Status, Instant)>> {
        self.0.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_fell_silent_has_no_say() {
        let hub = Hub(Arc::new(Inner {
            alerts: broadcast::channel(1).0,
            log: broadcast::channel(1).0,
            pictures: broadcast::channel(1).0,
            statuses: Mutex::default(),
        }));
        let came = Instant::now();
        for (camera, stage) in [("a", "ingest"), ("b", "detector"), ("b", "ingest"), ("bb", "ingest")] {
            let status = v1::Status { camera: camera.into(), stage: stage.into(), ..Default::default() };
            hub.statuses_locked().insert((camera.into(), stage.into()), (status, came));
        }
        let stages = |now: Instant| -> Vec<String> {
            hub.statuses_at("b", now).into_iter().map(|status| status.stage).collect()
        };
        assert_eq!(stages(came), ["detector", "ingest"]);
        assert_eq!(stages(came + topics::STATUS.retention), [""; 0]);
    }
}
