//! The alerter as a part of a process: the stage, the control plane's writer, and the front with what is live.

use std::{io::IsTerminal, path::Path, sync::Arc};

use cortex_process::{Config, Part, Process, Served, config, fatal, print};
use cortex_runtime::{
    Stage as _,
    audit::Auditor,
    config::{Policy, entries::Entries, watch},
    runner,
};
use tracing::{info, warn};

use crate::{Alerter, Control, Front, Hands, Hub, terminal};

/// The alerter as a process of its own, which asks the other stages' processes.
pub const PART: Part = Part::stage(Alerter::NAME, |process| start(process, Hands::remote(&process.config)?));

/// Starts the workers and the front; `hands` are the other stages.
///
/// # Errors
/// Cameras, zones and rules of the file cannot be written, or the bus cannot be read.
pub fn start(process: &Process, hands: Hands) -> anyhow::Result<Served> {
    let (config, context) = (&process.config, &process.context);
    let policy = Policy::new(&config.ingest);
    let control = Control::new(
        context.clone(),
        Arc::new(move |camera| policy.check_camera(camera).map_err(|error| error.to_string())),
        Arc::new(cortex_rules::validate),
    );
    load(&control, &process.audit, &config.entries(&[])?)?;
    if let Some(file) = &process.file {
        follow(process, file, control.clone());
    }
    let hub = Hub::start(context).map_err(fatal)?;
    if !process.part.quiet && std::io::stdout().is_terminal() {
        let (shown, stop) = (hub.clone(), context.stop());
        context.lifecycle.spawn("terminal", async move {
            terminal::follow(&shown, &stop, true, print::line).await;
            Ok(())
        });
    }
    let alerter = || Ok(Alerter::new(config.alerter.clone(), process.clock()));
    runner::spawn(context, &config.runner, alerter).map_err(fatal)?;
    let front = Front::new(context.clone(), hub, control, hands, process.access.clone());
    Ok(Served { router: front.router(config.profile.name()), login: true })
}

/// Takes the entries of the file over, written down before.
fn load(control: &Control, audit: &Auditor, entries: &Entries) -> anyhow::Result<()> {
    let (cameras, zones, rules) = (entries.cameras.len(), entries.zones.len(), entries.rules.len());
    let counts = format!("{cameras} cameras, {zones} zones, {rules} rules");
    audit.write("file", "load", "configuration", &counts)?;
    Ok(control.load(entries)?)
}

/// Takes over what changes in the file while the process runs.
fn follow(process: &Process, file: &Path, control: Control) {
    let (begun, audit) = (process.config.clone(), process.audit.clone());
    let read = |file: &Path| config::load(Some(file));
    watch(&process.context.lifecycle, file, read, move |fresh: Config| {
        let restart = begun.needs_restart(&fresh);
        if !restart.is_empty() {
            warn!(sections = restart.join(", "), "these sections changed and are in force after a restart");
        }
        match fresh.entries(&[]).and_then(|entries| load(&control, &audit, &entries)) {
            Ok(()) => info!("cameras, zones and rules reloaded"),
            Err(error) => warn!(error = format!("{error:#}"), "configuration not reloaded"),
        }
    });
}
