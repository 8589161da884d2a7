//! `cortex-chaos`: puts faults into a running fleet on a real Kafka and a real CQL server, writes down outside of it what
//! became of every frame and fact, and judges that.

mod broker;
mod burst;
mod clip;
mod dice;
mod fault;
mod full;
mod garbage;
mod guest;
mod judge;
mod ledger;
mod listener;
mod logins;
mod operator;
mod plant;
mod record;
mod report;
mod rows;
mod run;
mod scene;
mod servers;
mod stamp;
mod subscriber;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};
use tokio::runtime::Runtime;

use crate::{
    fault::Fault,
    judge::{Evidence, Truth},
    report::Report,
    run::Setting,
    servers::Servers,
};

/// Faults in a running fleet, and what became of every frame and fact.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where ledgers and results lie, a folder for each fault
    #[arg(long, default_value = "target/chaos")]
    out: PathBuf,
    /// Folder of `vtest.tracks.csv` and `vtest.events.toml`
    #[arg(long, default_value = "bench/truth")]
    truth: PathBuf,
    /// The table of all last results
    #[arg(long, default_value = "bench/chaos/RESULTS.md")]
    results: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs faults one after the other, and judges each
    Run {
        /// Which; none for all
        faults: Vec<Fault>,
        /// Cortex's binary
        #[arg(long)]
        cortex: PathBuf,
        /// The demonstration clip
        #[arg(long)]
        clip: PathBuf,
        /// Folder of the model files
        #[arg(long, default_value = "models/files")]
        models: PathBuf,
        /// What starts servers
        #[arg(long, default_value = "scripts/servers.sh")]
        servers: PathBuf,
        /// Cameras
        #[arg(long, default_value_t = 4)]
        cameras: u16,
        /// Pictures analysed a second and camera
        #[arg(long, default_value_t = 3.0)]
        rate: f32,
        /// Of everything that is left to chance; without it another one each time
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Judges again what lies there of a fault
    Judge {
        /// Which
        fault: Fault,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let missed = match &arguments.command {
        Command::Judge { fault } => {
            let mut report = Report::read(&arguments.folder(*fault)).context("nothing lies there of it")?;
            arguments.judge(&mut report)?;
            usize::from(!report.met())
        }
        Command::Run { faults, cortex, clip, models, servers, cameras, rate, seed } => {
            let faults = if faults.is_empty() { Fault::value_variants() } else { faults };
            let setting = Setting {
                cortex: cortex.clone(),
                clip: clip.clone(),
                models: models.clone(),
                clips: arguments.out.join("clips"),
                cameras: *cameras,
                rate: *rate,
                seed: seed.unwrap_or_else(|| ledger::now_us() as u64),
            };
            let mut missed = 0;
            for fault in faults {
                missed += usize::from(!arguments.run(&setting, servers, *fault)?);
            }
            missed
        }
    };
    ensure!(missed == 0, "{missed} faults missed something");
    Ok(())
}

impl Arguments {
    fn folder(&self, fault: Fault) -> PathBuf {
        self.out.join(format!("{fault:?}").to_lowercase())
    }

    /// Runs a fault on servers of its own, so that it finds nothing there of another; answers whether all held.
    fn run(&self, setting: &Setting, script: &Path, fault: Fault) -> anyhow::Result<bool> {
        let what = fault.to_possible_value().and_then(|value| Some(value.get_help()?.to_string()));
        let what = what.unwrap_or_default();
        say(format!("{fault:?}: {what} (seed {})", setting.seed))?;
        let folder = self.folder(fault);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let begun = Instant::now();
        let failed = attempt(setting, script, fault, &folder).err();
        let mut report = Report {
            fault,
            what,
            seed: setting.seed,
            commit: report::commit(),
            binary: record::digest(&fs::read(&setting.cortex)?)[..12].to_owned(),
            cameras: setting.cameras,
            rate: setting.rate,
            took_s: begun.elapsed().as_secs(),
            switches: None,
            checks: Vec::new(),
            failed: failed.map(|error| format!("{error:#}")).unwrap_or_default(),
        };
        fs::create_dir_all(&folder)?;
        self.judge(&mut report)?;
        Ok(report.met())
    }

    fn judge(&self, report: &mut Report) -> anyhow::Result<()> {
        let folder = self.folder(report.fault);
        if report.failed.is_empty() {
            let calm = Report::read(&self.folder(Fault::Calm)).and_then(|report| report.switches);
            let (checks, switches) =
                judge::judge(report.fault, &Evidence::read(&folder)?, &Truth::read(&self.truth)?, calm);
            (report.checks, report.switches) = (checks, Some(switches));
        } else {
            say(format!("  not finished: {}", report.failed))?;
        }
        for check in &report.checks {
            let verdict = if check.met { "met" } else { "MISSED" };
            say(format!("  {verdict:6} {}: {}", check.name, check.figures))?;
        }
        report.write(&folder)?;
        report::put(&self.results, report)
    }
}

fn attempt(setting: &Setting, script: &Path, fault: Fault, folder: &Path) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut servers = Servers::start(script, scratch.path(), fault.copies())?;
    if fault.copies() > 1 {
        let node = servers.cql()?.split(',').next().unwrap_or_default();
        Runtime::new()?.block_on(logins::spread(node, fault.copies()))?;
    }
    run::run(setting, fault, &mut servers, folder)
}

fn say(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}
