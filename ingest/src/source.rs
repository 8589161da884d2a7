//! The source: the cameras of the control plane whose partitions are this process's, started, changed and stopped as
//! it says. Replicas share partitions as the members of any group do.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Fatal, Source,
    bus::{self, Consumer, Event, Take},
    store::next_term,
    telemetry::StageMetrics,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    Config,
    camera::{Camera, Credentials},
    demand::Demand,
};

/// Ingest.
pub struct Ingest {
    config: Config,
    credentials: Credentials,
}

struct Running {
    entry: v1::Camera,
    demand: Arc<Demand>,
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
        // Demand has the cameras' own partitions, and is the only topic that is read here.
        let mut group = context
            .bus
            .subscribe(Self::NAME, "0", &[&topics::DEMAND])
            .map_err(|error| Fatal::new(format!("join group {}: {error}", Self::NAME)))?;
        let (held, mut owned) = (group.held(), BTreeSet::new());
        health.set("ingest partitions", Err("none".to_owned()));
        loop {
            match follow(&mut *group, &mut owned, &running) {
                Ok(()) if owned.is_empty() => health.set("ingest partitions", Err("none".to_owned())),
                Ok(()) => health.set("ingest partitions", Ok(())),
                Err(error @ (bus::Error::Closed | bus::Error::Fenced { .. })) => {
                    return Err(Fatal::new(error));
                }
                // Cameras go on meanwhile; the group notices by itself when this process is cut off.
                Err(error) => health.set("ingest partitions", Err(error.to_string())),
            }
            // Before cameras that end with the process are taken for some that are to begin again.
            if stop.is_cancelled() {
                return Ok(());
            }
            let tables = context.tables.load_full();
            let mine = |camera: &&v1::Camera| !camera.disabled && owned.contains(&camera.partition);
            let wanted = |id: &str| tables.cameras.get(id).filter(mine);
            running.retain(|id, camera| {
                // One that was told to stop ends, although it may be wanted again before it has.
                let stays =
                    !camera.stop.is_cancelled() && wanted(id).is_some_and(|entry| *entry == camera.entry);
                if !stays {
                    camera.stop.cancel();
                }
                // It begins again only when its old thread is gone: nobody is streamed twice.
                stays || !camera.ended.load(Ordering::Acquire)
            });
            let mut away = false;
            for entry in tables.cameras.values().filter(mine) {
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
                // It may be another's by now, whose term must stay the higher one that is heard.
                if !held(entry.partition) {
                    break;
                }
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
        }
    }
}

/// Waits a moment for what the group says.
fn follow(
    group: &mut dyn Consumer,
    owned: &mut BTreeSet<u32>,
    running: &HashMap<String, Running>,
) -> Result<(), bus::Error> {
    let event = group.poll(Take { count: 64, wait: LOOK })?;
    group.done();
    match event {
        Some(Event::Records(records)) => {
            for record in &records {
                // What cannot be read asks for nothing.
                if let Ok(demand) = record.message::<v1::Demand>()
                    && let Some(camera) = running.get(&demand.camera)
                {
                    camera.demand.hear(&demand, Instant::now());
                }
            }
        }
        Some(Event::Assigned(partitions)) => owned.extend(partitions),
        Some(Event::Revoked(partitions)) => owned.retain(|partition| !partitions.contains(partition)),
        Some(Event::Moving) | None => {}
    }
    Ok(())
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
        let demand = Arc::new(Demand::default());
        let camera = Camera {
            entry: entry.clone(),
            term,
            config: self.config.clone(),
            credentials: Arc::clone(&self.credentials),
            context: context.clone(),
            metrics: Arc::clone(metrics),
            demand: Arc::clone(&demand),
            stop: stop.clone(),
        };
        let done = Arc::clone(&ended);
        context.lifecycle.thread(&format!("camera-{}", entry.id), move || {
            camera.run();
            done.store(true, Ordering::Release);
            Ok(())
        });
        Running { entry: entry.clone(), demand, stop, ended }
    }
}
