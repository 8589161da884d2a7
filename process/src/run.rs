//! From a configuration to a process that runs, and to its end.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use cortex_runtime::{
    Context, Fatal, Lifecycle, Server as _, Tables,
    access::{Access, Settings},
    audit::Auditor,
    bus::Embedded,
    runner::wall_clock,
    tables,
    telemetry::Telemetry,
};
use tracing::warn;

use crate::{Config, Part, Process, Served, engines::Engines, fatal, listener::Listener, print};

/// How long everything may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// How often old messages and rows are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// Runs a part until a signal or a failure. `file` is where the configuration was read from.
///
/// # Errors
/// It could not start, or something in it failed, or it did not end in time.
pub async fn run(part: Part, config: Config, file: Option<PathBuf>) -> anyhow::Result<()> {
    let telemetry = Telemetry::start(&config.telemetry, part.name)?;
    let data = config.data.folder();
    std::fs::create_dir_all(&data).with_context(|| format!("make the data folder {}", data.display()))?;
    let engines = Engines::open(&config, part.alone)?;
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
    let lifecycle = context.lifecycle.clone();
    let outcome = Process::start(part, config, file, context, telemetry.clone());
    if let Err(error) = &outcome {
        lifecycle.fail("start", &format!("{error:#}"));
    }
    let ended = lifecycle.ended(GRACE).await;
    tokio::task::spawn_blocking(move || telemetry.shutdown())
        .await?
        .unwrap_or_else(|error| warn!(%error, "telemetry"));
    outcome?;
    ended.map_err(anyhow::Error::msg)
}

impl Process {
    fn start(
        part: Part,
        config: Config,
        file: Option<PathBuf>,
        context: Context,
        telemetry: Telemetry,
    ) -> anyhow::Result<()> {
        let health = context.lifecycle.health();
        health.set("listener", Err("starting".to_owned()));
        health.set("stages", Err("starting".to_owned()));
        // Who writes this process's part of the audit.
        let writer = match replica(&config) {
            Some(replica) => format!("{}-{replica}", part.name),
            None => part.name.to_owned(),
        };
        let (store, bus) = (Arc::clone(&context.store), Arc::clone(&context.bus));
        let audit = Auditor::open(store, bus, &writer, Arc::new(wall_clock))?;
        tables::follow(&context).map_err(fatal)?;
        let access = Access::new(Settings {
            store: Arc::clone(&context.store),
            audit: audit.clone(),
            clock: Arc::new(wall_clock),
            hosts: config.listen.hosts.clone(),
            tls: config.listen.tls(),
        });
        let process = Self { config, file, context, audit, access, part, telemetry };
        let served = (part.start)(&process)?;
        health.set("stages", Ok(()));
        process.listen(served)
    }

    fn listen(self, served: Served) -> anyhow::Result<()> {
        let listen = &self.config.listen;
        let health = self.context.lifecycle.health();
        let link = if served.login {
            self.access.cli_token(&self.config.data.folder(), replica(&self.config).as_deref())?;
            Some(self.access.link()?)
        } else {
            None
        };
        let (ready, scheme) = (health.clone(), if listen.tls() { "https" } else { "http" });
        let (commands, name) = (self.commands(), self.part.name);
        let listener = Listener {
            address: listen.address().map_err(anyhow::Error::msg)?,
            tls: listen.tls().then(|| (listen.certificate.clone(), listen.key.clone())),
            access: self.access,
            health,
            telemetry: self.telemetry,
            router: served.router,
            bound: Box::new(move |address| {
                ready.set("listener", Ok(()));
                print::line(&match link {
                    Some(link) => format!(
                        "\n  Cortex is running. Open once, within ten minutes:\n\n    {scheme}://{address}/login?token={}\n\n  \
                         {commands}Ctrl-C ends it.\n",
                        link.expose()
                    ),
                    None => format!("{name} is running; its health is at {scheme}://{address}/readyz"),
                });
            }),
        };
        self.context.lifecycle.spawn(Listener::NAME, listener.run(self.context.clone()));
        Ok(())
    }

    /// What else the command line can do now, called as this process was, so that it works where it is not on the path.
    /// Nothing from a stage's own binary: it has no other commands.
    fn commands(&self) -> String {
        let called =
            std::env::args().next().filter(|name| !name.ends_with(&format!("cortex-{}", self.part.name)));
        called.map_or_else(String::new, |cortex| {
            format!(
                "In another terminal `{cortex} login` makes a new link and `{cortex} watch` shows alerts. "
            )
        })
    }
}

/// This process among those of its stage, in a fleet.
fn replica(config: &Config) -> Option<String> {
    config.bus.kafka().map(|settings| settings.instance)
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
