//! The source: every camera of the control plane, started, changed and stopped as it says.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cortex_proto::v1;
use cortex_runtime::{Context, Fatal, Source, store::next_term, telemetry::StageMetrics};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    Config,
    camera::{Camera, Credentials},
};

/// Ingest.
pub struct Ingest {
    config: Config,
    credentials: Credentials,
}

struct Running {
    entry: v1::Camera,
    stop: CancellationToken,
    ended: Arc<AtomicBool>,
}

const LOOK: Duration = Duration::from_millis(100);

impl Ingest {
    /// Ingest with its settings; `credentials` finds logins by name.
    pub fn new(config: Config, credentials: Credentials) -> Self {
        Self { config, credentials }
    }
}

impl Source for Ingest {
    const NAME: &'static str = "ingest";

    fn run(self, context: Context) -> Result<(), Fatal> {
        let (stop, health) = (context.stop(), context.lifecycle.health());
        let metrics = Arc::new(StageMetrics::new(Self::NAME));
        let mut running: HashMap<String, Running> = HashMap::new();
        while !stop.is_cancelled() {
            let tables = context.tables.load_full();
            let wanted = |id: &str| tables.cameras.get(id).filter(|camera| !camera.disabled);
            running.retain(|id, camera| {
                let stays = wanted(id).is_some_and(|entry| *entry == camera.entry);
                if !stays {
                    camera.stop.cancel();
                }
                // A changed camera begins again only when its old thread is gone: nobody is streamed twice.
                stays || !camera.ended.load(Ordering::Acquire)
            });
            let mut away = false;
            for entry in tables.cameras.values().filter(|entry| !entry.disabled) {
                if running.contains_key(&entry.id) {
                    continue;
                }
                // A term for every start, so a later start's epochs are above all before.
                let owner = format!("ingest/{}", entry.partition);
                let term = match next_term(&*context.store, &owner) {
                    Ok(term) => term,
                    // The other cameras go on; this one begins when the store is back.
                    Err(error) => {
                        health.set("ingest", Err(format!("get a term for {owner}: {error}")));
                        away = true;
                        break;
                    }
                };
                let started = self.start(entry, term, &context, &metrics);
                running.insert(entry.id.clone(), started);
            }
            if !away {
                health.set("ingest", Ok(()));
            }
            let all_ended =
                !running.is_empty() && running.values().all(|camera| camera.ended.load(Ordering::Acquire));
            if self.config.end_with_files && all_ended {
                return Ok(());
            }
            std::thread::park_timeout(LOOK);
        }
        Ok(())
    }
}

impl Ingest {
    fn start(
        &self,
        entry: &v1::Camera,
        term: u64,
        context: &Context,
        metrics: &Arc<StageMetrics>,
    ) -> Running {
        info!(camera = entry.id, "camera started");
        let (stop, ended) = (context.stop().child_token(), Arc::new(AtomicBool::new(false)));
        let camera = Camera {
            entry: entry.clone(),
            term,
            config: self.config.clone(),
            credentials: Arc::clone(&self.credentials),
            context: context.clone(),
            metrics: Arc::clone(metrics),
            stop: stop.clone(),
        };
        let done = Arc::clone(&ended);
        context.lifecycle.thread(&format!("camera-{}", entry.id), move || {
            camera.run();
            done.store(true, Ordering::Release);
            Ok(())
        });
        Running { entry: entry.clone(), stop, ended }
    }
}
