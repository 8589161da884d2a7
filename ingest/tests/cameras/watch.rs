//! Ingest at work on some cameras, and what it says.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use cortex_ingest::{Config, Credentials, Ingest};
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Captured, Context, Lifecycle, Source, Tables,
    bus::{Embedded, Event, From, Full, Record, Tail, Take, Writer},
    store::{Retention, Sqlite, Store},
};

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Watch {
    runtime: tokio::runtime::Runtime,
    context: Context,
    frames: Box<dyn Tail>,
    anomalies: Box<dyn Tail>,
    statuses: Box<dyn Tail>,
    /// Anomalies that were read and not asked for yet.
    told: VecDeque<Record>,
}

pub(crate) fn clip() -> PathBuf {
    let clip = cortex_runtime::config::home().join("clips/vtest.mp4");
    assert!(clip.is_file(), "{} is missing: `make setup` makes it", clip.display());
    clip
}

pub(crate) fn store() -> Arc<dyn Store> {
    let day = Duration::from_secs(86_400);
    let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
    Arc::new(Sqlite::open(None, retention).unwrap())
}

impl Watch {
    /// What stories run with: stalls and outages are told soon.
    pub(crate) fn config() -> Config {
        Config { offline_after_s: 1.0, stall_s: 2.0, ..Config::default() }
    }

    /// Starts ingest on cameras, each an id and an address.
    pub(crate) fn begin(store: Arc<dyn Store>, cameras: &[(&str, &str)]) -> Self {
        Self::begin_with(Self::config(), store, cameras)
    }

    pub(crate) fn begin_with(config: Config, store: Arc<dyn Store>, cameras: &[(&str, &str)]) -> Self {
        Self::begin_as(config, Arc::new(|_| None), store, cameras)
    }

    /// The same with one camera as its entry says.
    pub(crate) fn begin_on(config: Config, credentials: Credentials, camera: v1::Camera) -> Self {
        let mut tables = Tables::default();
        tables.take_camera(&camera);
        Self::begin_from(config, credentials, store(), tables)
    }

    /// The same with logins: every camera's credential has its own id.
    pub(crate) fn begin_as(
        config: Config,
        credentials: Credentials,
        store: Arc<dyn Store>,
        cameras: &[(&str, &str)],
    ) -> Self {
        let mut tables = Tables::default();
        for (id, url) in cameras {
            let credential = credentials(id).map(|_| (*id).into()).unwrap_or_default();
            tables.take_camera(&v1::Camera { credential, ..Self::entry(id, url, 1) });
        }
        Self::begin_from(config, credentials, store, tables)
    }

    fn begin_from(config: Config, credentials: Credentials, store: Arc<dyn Store>, tables: Tables) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let context = Context {
            bus: Arc::new(Embedded::open(None, Full::Shed).unwrap()),
            store,
            tables: Arc::new(ArcSwap::from_pointee(tables)),
            lifecycle: Lifecycle::new(runtime.handle().clone()),
        };
        let frames = context.bus.tail(&[&topics::FRAMES], From::End).unwrap();
        let anomalies = context.bus.tail(&[&topics::ANOMALIES], From::End).unwrap();
        let statuses = context.bus.tail(&[&topics::STATUS], From::End).unwrap();
        let source = context.clone();
        context.lifecycle.thread("ingest", move || Ingest::new(config, credentials).run(source));
        Self { runtime, context, frames, anomalies, statuses, told: VecDeque::new() }
    }

    /// A camera as the front numbers it.
    pub(crate) fn entry(id: &str, url: &str, version: u64) -> v1::Camera {
        v1::Camera { id: id.into(), site: "s".into(), url: url.into(), version, ..Default::default() }
    }

    /// Changes the control plane, as the front would.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Tables)) {
        let mut tables = Tables::clone(&self.context.tables.load());
        change(&mut tables);
        self.context.tables.store(Arc::new(tables));
    }

    /// Others take every partition from ingest and leave at once: it has them again before its cameras have ended.
    pub(crate) fn flap(&self) {
        // Before ingest's own name, so that it is left with none; the last of them gets what ingest lets go of last.
        let join = |name: String| self.context.bus.subscribe("ingest", &name, &[&topics::DEMAND]).unwrap();
        let mut others: Vec<_> = (0..topics::PARTITIONS).map(|n| join(format!("-{n:02}"))).collect();
        let last = others.last_mut().unwrap();
        let look = Take { count: 1, wait: Duration::from_millis(1) };
        let given = |_| matches!(last.poll(look).unwrap(), Some(Event::Assigned(_)));
        assert!((0..20_000).any(given), "ingest lets go of what is another's");
        assert_eq!(self.context.lifecycle.health().readiness().waiting["ingest partitions"], "none");
    }

    /// Whether nothing comes of one camera between two pictures of another, sooner or later.
    pub(crate) fn is_quiet(&mut self, quiet: &str, other: &str) -> bool {
        let mut since = 0;
        for _ in 0..200 {
            let records = self.frames.next(Take { count: 1, wait: LIMIT }).unwrap();
            for record in &records {
                since = if &*record.key == quiet { 0 } else { since + usize::from(&*record.key == other) };
            }
            if since > 10 {
                return true;
            }
        }
        false
    }

    /// Asks something of a camera, as another stage would.
    pub(crate) fn ask(&self, demand: v1::Demand) {
        self.context.publish(demand, 0, &Writer::ANYBODY).unwrap();
    }

    /// The next picture of a camera for which `wanted` holds.
    pub(crate) fn picture(&mut self, camera: &str, wanted: impl Fn(&v1::Frame) -> bool) -> v1::Frame {
        self.frame(camera, |frame| frame.heartbeat() == v1::Heartbeat::None && wanted(frame))
    }

    /// The next picture or heartbeat of a camera for which `wanted` holds.
    pub(crate) fn frame(&mut self, camera: &str, wanted: impl Fn(&v1::Frame) -> bool) -> v1::Frame {
        loop {
            let records = self.frames.next(Take { count: 1, wait: LIMIT }).unwrap();
            assert!(!records.is_empty(), "nothing of {camera} came");
            for record in records.iter().filter(|record| &*record.key == camera) {
                let captured = record.message::<Captured>().unwrap();
                if wanted(&captured.message) {
                    return captured.message.clone();
                }
            }
        }
    }

    /// The next status of a camera for which `wanted` holds.
    pub(crate) fn status(&mut self, camera: &str, wanted: impl Fn(&v1::Status) -> bool) -> v1::Status {
        loop {
            let records = self.statuses.next(Take { count: 1, wait: LIMIT }).unwrap();
            assert!(!records.is_empty(), "nothing of {camera} was said");
            for record in records.iter().filter(|record| &*record.key == camera) {
                let status = record.message::<v1::Status>().unwrap();
                if wanted(&status) {
                    return (*status).clone();
                }
            }
        }
    }

    /// The next anomaly of a camera.
    pub(crate) fn anomaly(&mut self, camera: &str) -> v1::Anomaly {
        loop {
            let anomaly = self.next_anomaly();
            if anomaly.camera == camera {
                return anomaly;
            }
        }
    }

    /// The next anomaly of any camera.
    pub(crate) fn next_anomaly(&mut self) -> v1::Anomaly {
        if self.told.is_empty() {
            self.told.extend(self.anomalies.next(Take { count: 32, wait: LIMIT }).unwrap());
        }
        let record = self.told.pop_front().expect("no anomaly came");
        (*record.message::<v1::Anomaly>().unwrap()).clone()
    }

    pub(crate) fn end(self) {
        self.context.stop().cancel();
        self.runtime.block_on(self.context.lifecycle.ended(LIMIT)).unwrap();
    }
}
