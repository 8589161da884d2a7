//! How the parts are put together: the only place that knows every stage.

mod hands;

use std::{io::IsTerminal, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use cortex_alerter::{Alerter, Control, Front, Hub, Listener, terminal};
use cortex_cloaker::Cloaker;
use cortex_detector::{Detector, Models};
use cortex_ingest::{Credentials, Ingest};
use cortex_recognizer::{Gallery, Model, Recognizer};
use cortex_runtime::{
    Context, Fatal, Lifecycle, Server, Source, Tables,
    access::{Access, Settings},
    audit::Auditor,
    bus::{Embedded, Full},
    config::{
        entries::{self, Entries},
        watch,
    },
    health::Health,
    infer::{self, Library},
    keys::{self, Keys},
    runner::{self, wall_clock},
    store::{Sqlite, Store},
    tables,
    telemetry::Telemetry,
};
use tracing::{info, warn};

use crate::config::{self, Config};

/// How long everything may take to end.
const GRACE: Duration = Duration::from_secs(20);
/// How often old messages and rows are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// Runs every stage in this process until a signal or a failure. On a terminal alerts are shown there too, unless `quiet`.
pub(crate) async fn up(config: Config, file: Option<&Path>, quiet: bool) -> anyhow::Result<()> {
    let telemetry = Telemetry::start(&config.telemetry, "cortex")?;
    let data = config.data.folder();
    std::fs::create_dir_all(&data).with_context(|| format!("make the data folder {}", data.display()))?;
    let bus = Embedded::open(Some(&config.bus.path(&config.data)), Full::Shed)?;
    let store: Arc<dyn Store> =
        Arc::new(Sqlite::open(Some(&config.store.path(&config.data)), config.store.retention())?);
    let context = Context {
        bus: Arc::new(bus.clone()),
        store: Arc::clone(&store),
        tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
        lifecycle: Lifecycle::new(tokio::runtime::Handle::current()),
    };
    let health = context.lifecycle.health();
    for part in ["models", "front"] {
        health.set(part, Err("starting".to_owned()));
    }
    signals(&context.lifecycle);
    let outcome = start(&config, file, quiet, &context, &telemetry, &health, bus).await;
    if let Err(error) = &outcome {
        context.lifecycle.fail("start", &format!("{error:#}"));
    }
    let ended = context.lifecycle.ended(GRACE).await;
    tokio::task::spawn_blocking(move || telemetry.shutdown())
        .await?
        .unwrap_or_else(|error| warn!(%error, "telemetry"));
    outcome?;
    ended.map_err(anyhow::Error::msg)
}

async fn start(
    config: &Config,
    file: Option<&Path>,
    quiet: bool,
    context: &Context,
    telemetry: &Telemetry,
    health: &Health,
    bus: Embedded,
) -> anyhow::Result<()> {
    let store = Arc::clone(&context.store);
    let audit = Auditor::open(Arc::clone(&store), Arc::clone(&context.bus), "cortex", Arc::new(wall_clock))?;
    tables::follow(context).map_err(fatal)?;
    let policy = cortex_ingest::Policy::new(&config.ingest);
    let control = Control::new(
        context.clone(),
        Arc::new(move |camera| policy.check(&camera.url, camera.origin()).map_err(|error| error.to_string())),
        Arc::new(cortex_detector::rules::validate),
    );
    let load = {
        let (control, audit) = (control.clone(), audit.clone());
        move |entries: &Entries| -> anyhow::Result<()> {
            let (cameras, zones, rules) = (entries.cameras.len(), entries.zones.len(), entries.rules.len());
            let counts = format!("{cameras} cameras, {zones} zones, {rules} rules");
            audit.write("file", "load", "configuration", &counts)?;
            Ok(control.load(entries)?)
        }
    };
    load(&entries(config, &[])?)?;
    if let Some(path) = file {
        let begun = config.clone();
        watch(&context.lifecycle, path, config::load_at, move |fresh: Config| {
            let restart = begun.needs_restart(&fresh);
            if !restart.is_empty() {
                warn!(
                    sections = restart.join(", "),
                    "these sections changed and are in force after a restart"
                );
            }
            let loaded = entries(&fresh, &[]).and_then(|entries| load(&entries));
            match loaded {
                Ok(()) => info!("cameras, zones and rules reloaded"),
                Err(error) => warn!(error = format!("{error:#}"), "configuration not reloaded"),
            }
        });
    }
    sweep(context, bus, config.bus.budget());
    let hub = Hub::start(context).map_err(fatal)?;
    if !quiet && std::io::stdout().is_terminal() {
        let (shown, stop) = (hub.clone(), context.stop());
        context.lifecycle.spawn("terminal", async move {
            terminal::follow(&shown, &stop, true, crate::print::line).await;
            Ok(())
        });
    }
    runner::spawn(context, &config.runner, || Ok(Alerter::new(config.alerter.clone(), Arc::new(wall_clock))))
        .map_err(fatal)?;
    let gallery = gallery(config, &store)?;
    infer::pin(&Library::load(&config.infer)?, &config.infer)?;
    stages(context, config, gallery.as_ref(), &audit)?;
    health.set("models", Ok(()));
    let ingest = Ingest::new(config.ingest.clone(), credentials(config)?);
    let source = context.clone();
    context.lifecycle.thread(Ingest::NAME, move || ingest.run(source));
    let access = Access::new(Settings {
        store,
        audit,
        clock: Arc::new(wall_clock),
        hosts: config.listen.hosts.clone(),
        tls: config.listen.tls(),
    });
    access.cli_token(&config.data.folder())?;
    let link = access.link()?;
    let (ready, scheme) = (health.clone(), if config.listen.tls() { "https" } else { "http" });
    // As it was called, so that the lines below work where it is not on the path.
    let cortex = std::env::args().next().unwrap_or_else(|| "cortex".to_owned());
    let listener = Listener {
        address: config.listen.address().map_err(anyhow::Error::msg)?,
        tls: config.listen.tls().then(|| (config.listen.certificate.clone(), config.listen.key.clone())),
        access: access.clone(),
        health: health.clone(),
        telemetry: telemetry.clone(),
        profile: config.profile.name(),
        front: Front::new(context.clone(), hub, control, hands::new(config, gallery), access),
        bound: Box::new(move |address| {
            ready.set("front", Ok(()));
            crate::print::line(&format!(
                "\n  Cortex is running. Open once, within ten minutes:\n\n    {scheme}://{address}/login?token={}\n\n  \
                 In another terminal `{cortex} login` makes a new link and `{cortex} watch` shows alerts. \
                 Ctrl-C ends it.\n",
                link.expose()
            ));
        }),
    };
    context.lifecycle.spawn(Listener::NAME, listener.run(context.clone()));
    Ok(())
}

/// Starts detector, recognizer and cloaker on a context.
pub(crate) fn stages(
    context: &Context,
    config: &Config,
    gallery: Option<&Gallery>,
    audit: &Auditor,
) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    let mut detector = config.detector.clone();
    detector.chips = config.recognizer.enabled;
    runner::spawn(context, &config.runner, || {
        let models = Models::load(&library, &config.infer, &detector).map_err(Fatal::new)?;
        Ok(Detector::new(detector.clone(), Some(models)))
    })
    .map_err(fatal)?;
    if let Some(gallery) = gallery {
        let audit = audit.clone();
        let write: cortex_recognizer::Audit = Arc::new(move |camera, person, similarity| {
            let detail = format!("similarity {similarity:.3}");
            audit
                .write("recognizer", "match", &format!("{camera}/{person}"), &detail)
                .map_err(|error| error.to_string())
        });
        runner::spawn(context, &config.runner, || {
            let model = Model::load(&library, &config.infer).map_err(Fatal::new)?;
            Ok(Recognizer::new(config.recognizer.clone(), model, gallery.clone(), Arc::clone(&write)))
        })
        .map_err(fatal)?;
    }
    runner::spawn(context, &config.runner, || Ok(Cloaker::new(config.cloaker.clone()))).map_err(fatal)
}

/// The gallery, when recognition is on: without it no key is opened and nothing biometric starts.
pub(crate) fn gallery(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<Option<Gallery>> {
    if !config.recognizer.enabled {
        return Ok(None);
    }
    let path = if config.keys.path.as_os_str().is_empty() {
        config.data.folder().join("master.key")
    } else {
        config.keys.path.clone()
    };
    let key = Keys::open(&path)?.key("gallery")?;
    Ok(Some(Gallery::open(Arc::clone(store), *key.bytes())?))
}

/// Logins of cameras by name.
pub(crate) fn credentials(config: &Config) -> anyhow::Result<Credentials> {
    let known = keys::Credentials::load(&config.keys.credentials)?;
    Ok(Arc::new(move |name| {
        known.get(name).map(|login| (login.user.clone(), login.password.expose().to_owned()))
    }))
}

/// Cameras, zones and rules of the file; `also` are cameras besides.
pub(crate) fn entries(config: &Config, also: &[&str]) -> anyhow::Result<Entries> {
    entries::resolve(&config.cameras, &config.zones, &config.rules, also)
        .map_err(|wrong| anyhow::Error::msg(wrong.join("; ")))
}

pub(crate) fn fatal(fatal: Fatal) -> anyhow::Error {
    anyhow::Error::msg(fatal.reason)
}

/// Ends everything on the first signal.
fn signals(lifecycle: &Lifecycle) {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = lifecycle.stop();
    lifecycle.spawn("signals", async move {
        let listen = |kind| signal(kind).map_err(|error| Fatal::new(format!("listen for signals: {error}")));
        let (mut interrupt, mut terminate) =
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => stop.cancel(),
            _ = terminate.recv() => stop.cancel(),
            () = stop.cancelled() => {}
        }
        Ok(())
    });
}

/// Removes what retention and the disk budget no longer allow.
fn sweep(context: &Context, bus: Embedded, budget: u64) {
    let (store, stop) = (Arc::clone(&context.store), context.stop());
    context.lifecycle.spawn("sweep", async move {
        while stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
            let (bus, store) = (bus.clone(), Arc::clone(&store));
            let swept = tokio::task::spawn_blocking(move || {
                bus.sweep(wall_clock(), budget).map_err(Fatal::new)?;
                store.sweep(wall_clock()).map_err(Fatal::new)
            });
            // A sweep that fails is tried again; what it would have removed does no harm.
            match swept.await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => warn!(%error, "retention"),
                Err(error) => warn!(%error, "retention"),
            }
        }
        Ok(())
    });
}
