//! The real ingest in this process, on engines in memory.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwap;
use cortex_ingest::Ingest;
use cortex_proto::v1;
use cortex_runtime::{
    Context, Lifecycle, Source as _, Tables,
    bus::{Embedded, Full},
    store::{Retention, Sqlite},
};

/// Ingest and its cameras.
pub(crate) struct Plant {
    runtime: tokio::runtime::Runtime,
    pub(crate) context: Context,
}

const GRACE: Duration = Duration::from_secs(10);

impl Plant {
    /// For these cameras; nothing runs yet.
    pub(crate) fn new(cameras: impl Iterator<Item = v1::Camera>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let mut tables = Tables::default();
        for camera in cameras {
            tables.take_camera(&v1::Camera { site: "site".to_owned(), ..camera });
        }
        let context = Context {
            bus: Arc::new(Embedded::open(None, Full::Shed)?),
            store: Arc::new(Sqlite::open(None, retention)?),
            tables: Arc::new(ArcSwap::from_pointee(tables)),
            lifecycle: Lifecycle::new(runtime.handle().clone()),
        };
        Ok(Self { runtime, context })
    }

    /// A camera at this address.
    pub(crate) fn camera(id: impl Into<String>, url: &str) -> v1::Camera {
        v1::Camera { id: id.into(), url: url.to_owned(), ..Default::default() }
    }

    /// Starts ingest. Who reads what it says has begun before.
    pub(crate) fn start(&self, config: cortex_ingest::Config) {
        let source = self.context.clone();
        let ingest = Ingest::new(config, Arc::new(|_| None));
        self.context.lifecycle.thread("ingest", move || ingest.run(source));
    }

    /// Ends everything that was started.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        self.context.stop().cancel();
        let ended = self.runtime.block_on(self.context.lifecycle.ended(GRACE));
        ended.map_err(|error| anyhow!(error)).context("end ingest")
    }
}
