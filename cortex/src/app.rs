//! How the parts are put together: the only place that knows every stage.

mod engines;
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
    Context, Fatal, Lifecycle, Server, Source, Stage as _, Tables,
    access::{Access, Settings},
    audit::Auditor,
    bus::Embedded,
    config::{
        entries::{self, Entries},
        watch,
    },
    infer::{self, Library},
    keys::{self, Keys},
    runner::{self, wall_clock},
    store::Store,
    tables,
    telemetry::Telemetry,
};
use tracing::{info, warn};

use self::engines::Engines;
use crate::config::{self, Config};

/// How long everything may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// How often old messages and rows are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// What of Cortex runs in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything.
    All,
    /// Cameras to frames.
    Ingest,
    /// Frames to detections and anomalies.
    Detector,
    /// Chips to identities.
    Recognizer,
    /// Frames to cloaked pictures.
    Cloaker,
    /// Anomalies to alerts, and the API with its page.
    Alerter,
}

impl Part {
    /// The stage's word, that of the whole for everything.
    fn name(self) -> &'static str {
        match self {
            Self::All => "cortex",
            Self::Ingest => Ingest::NAME,
            Self::Detector => Detector::NAME,
            Self::Recognizer => Recognizer::NAME,
            Self::Cloaker => Cloaker::NAME,
            Self::Alerter => Alerter::NAME,
        }
    }

    fn has(self, stage: Self) -> bool {
        self == Self::All || self == stage
    }
}

/// Runs everything, or one stage, until a signal or a failure. On a terminal alerts are shown there too, unless `quiet`.
pub(crate) async fn up(config: Config, file: Option<&Path>, quiet: bool, part: Part) -> anyhow::Result<()> {
    let telemetry = Telemetry::start(&config.telemetry, part.name())?;
    let data = config.data.folder();
    std::fs::create_dir_all(&data).with_context(|| format!("make the data folder {}", data.display()))?;
    let engines = Engines::open(&config, part)?;
    let context = Context {
        bus: engines.bus,
        store: engines.store,
        tables: Arc::new(ArcSwap::from_pointee(Tables::default())),
        lifecycle: Lifecycle::new(tokio::runtime::Handle::current()),
    };
    signals(&context.lifecycle);
    if let Some(embedded) = engines.embedded {
        sweep(&context, embedded, config.bus.budget());
    }
    let process = Process { config: &config, file, quiet, part, context: &context, telemetry: &telemetry };
    let outcome = process.start();
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

/// A process while it starts.
struct Process<'a> {
    config: &'a Config,
    file: Option<&'a Path>,
    quiet: bool,
    part: Part,
    context: &'a Context,
    telemetry: &'a Telemetry,
}

impl Process<'_> {
    fn start(&self) -> anyhow::Result<()> {
        let (config, context, part) = (self.config, self.context, self.part);
        let health = context.lifecycle.health();
        health.set("listener", Err("starting".to_owned()));
        health.set("stages", Err("starting".to_owned()));
        let (store, bus) = (Arc::clone(&context.store), Arc::clone(&context.bus));
        let audit = Auditor::open(store, bus, &self.writer(), Arc::new(wall_clock))?;
        tables::follow(context).map_err(fatal)?;
        let gallery = if part.has(Part::Recognizer) || part.has(Part::Alerter) {
            if part != Part::All && config.recognizer.enabled && config.keys.path.as_os_str().is_empty() {
                anyhow::bail!(
                    "alerter and recognizer seal and open the same gallery: set `keys.path` to a key file that both have, with the `.wrapped` beside it"
                );
            }
            gallery(config, &context.store)?
        } else {
            None
        };
        let access = Access::new(Settings {
            store: Arc::clone(&context.store),
            audit: audit.clone(),
            clock: Arc::new(wall_clock),
            hosts: config.listen.hosts.clone(),
            tls: config.listen.tls(),
        });
        let front =
            if part.has(Part::Alerter) { Some(self.front(&audit, gallery.clone(), &access)?) } else { None };
        if [Part::Detector, Part::Recognizer, Part::Cloaker].iter().any(|stage| part.has(*stage)) {
            infer::pin(&Library::load(&config.infer)?, &config.infer)?;
            stages(context, config, part, gallery.as_ref(), &audit)?;
        }
        if part.has(Part::Ingest) {
            let ingest = Ingest::new(config.ingest.clone(), credentials(config)?);
            let source = context.clone();
            context.lifecycle.thread(Ingest::NAME, move || ingest.run(source));
        }
        health.set("stages", Ok(()));
        self.listen(front, access)
    }

    /// This process among those of its stage, in a fleet.
    fn replica(&self) -> Option<String> {
        self.config.bus.kafka().map(|settings| settings.instance)
    }

    /// Who writes this process's part of the audit.
    fn writer(&self) -> String {
        match self.replica() {
            Some(replica) => format!("{}-{replica}", self.part.name()),
            None => self.part.name().to_owned(),
        }
    }

    /// Starts the alerter with what belongs to it: the control plane's writer, and what is live.
    fn front(&self, audit: &Auditor, gallery: Option<Gallery>, access: &Access) -> anyhow::Result<Front> {
        let (config, context) = (self.config, self.context);
        let policy = cortex_ingest::Policy::new(&config.ingest);
        let control = Control::new(
            context.clone(),
            Arc::new(move |camera| {
                policy.check(&camera.url, camera.origin()).map_err(|error| error.to_string())
            }),
            Arc::new(cortex_detector::rules::validate),
        );
        let load = {
            let (control, audit) = (control.clone(), audit.clone());
            move |entries: &Entries| -> anyhow::Result<()> {
                let (cameras, zones, rules) =
                    (entries.cameras.len(), entries.zones.len(), entries.rules.len());
                let counts = format!("{cameras} cameras, {zones} zones, {rules} rules");
                audit.write("file", "load", "configuration", &counts)?;
                Ok(control.load(entries)?)
            }
        };
        load(&entries(config, &[])?)?;
        if let Some(path) = self.file {
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
        let hub = Hub::start(context).map_err(fatal)?;
        if !self.quiet && std::io::stdout().is_terminal() {
            let (shown, stop) = (hub.clone(), context.stop());
            context.lifecycle.spawn("terminal", async move {
                terminal::follow(&shown, &stop, true, crate::print::line).await;
                Ok(())
            });
        }
        let alerter = || Ok(Alerter::new(config.alerter.clone(), Arc::new(wall_clock)));
        runner::spawn(context, &config.runner, alerter).map_err(fatal)?;
        let hands = hands::new(config, gallery);
        Ok(Front::new(context.clone(), hub, control, hands, access.clone()))
    }

    fn listen(&self, front: Option<Front>, access: Access) -> anyhow::Result<()> {
        let (config, context) = (self.config, self.context);
        let health = context.lifecycle.health();
        let link = match &front {
            Some(_) => {
                access.cli_token(&config.data.folder(), self.replica().as_deref())?;
                Some(access.link()?)
            }
            None => None,
        };
        let (ready, scheme) = (health.clone(), if config.listen.tls() { "https" } else { "http" });
        // As it was called, so that the lines below work where it is not on the path.
        let (cortex, name) =
            (std::env::args().next().unwrap_or_else(|| "cortex".to_owned()), self.part.name());
        let listener = Listener {
            address: config.listen.address().map_err(anyhow::Error::msg)?,
            tls: config.listen.tls().then(|| (config.listen.certificate.clone(), config.listen.key.clone())),
            access,
            health,
            telemetry: self.telemetry.clone(),
            profile: config.profile.name(),
            front,
            bound: Box::new(move |address| {
                ready.set("listener", Ok(()));
                crate::print::line(&match link {
                    Some(link) => format!(
                        "\n  Cortex is running. Open once, within ten minutes:\n\n    {scheme}://{address}/login?token={}\n\n  \
                         In another terminal `{cortex} login` makes a new link and `{cortex} watch` shows alerts. \
                         Ctrl-C ends it.\n",
                        link.expose()
                    ),
                    None => format!("{name} is running; its health is at {scheme}://{address}/readyz"),
                });
            }),
        };
        context.lifecycle.spawn(Listener::NAME, listener.run(context.clone()));
        Ok(())
    }
}

/// Starts detector, recognizer and cloaker on a context, those that are part of it.
pub(crate) fn stages(
    context: &Context,
    config: &Config,
    part: Part,
    gallery: Option<&Gallery>,
    audit: &Auditor,
) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    if part.has(Part::Detector) {
        let mut detector = config.detector.clone();
        detector.chips = config.recognizer.enabled;
        runner::spawn(context, &config.runner, || {
            let models = Models::load(&library, &config.infer, &detector).map_err(Fatal::new)?;
            Ok(Detector::new(detector.clone(), Some(models)))
        })
        .map_err(fatal)?;
    }
    if let Some(gallery) = gallery.filter(|_| part.has(Part::Recognizer)) {
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
    if part == Part::Recognizer && gallery.is_none() {
        warn!("recognition is off, so there is nothing to do: `recognizer.enabled` switches it on");
    }
    if part.has(Part::Cloaker) {
        runner::spawn(context, &config.runner, || Ok(Cloaker::new(config.cloaker.clone()))).map_err(fatal)?;
    }
    Ok(())
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
