//! Facts of many cameras at once: detections and anomalies as the detector's sinks write them, through a real Kafka and a
//! real CQL server, an alerter and its subscribers. What was acknowledged must arrive at every subscriber, once.

mod source;
mod subscriber;

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Args;
use cortex_fleet::{Fleet, Running, Servers, child};
use serde::Serialize;

use self::{source::Source, subscriber::Subscriber};
use crate::report::line;

/// How many cameras, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Cortex's binary, built for speed
    #[arg(long, env = "CORTEX_BENCH_CORTEX")]
    cortex: PathBuf,
    #[command(flatten)]
    servers: Servers,
    /// Numbers of cameras, one run each
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    cameras: Vec<u32>,
    /// Anomalies a second for 1,000 cameras
    #[arg(long, default_value_t = 20.0)]
    anomalies: f64,
    /// Subscribers
    #[arg(long, default_value_t = 10)]
    subscribers: usize,
    /// Seconds of each run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Folder for `facts.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// Until subscribers have everything that is on its way.
const SETTLE: Duration = Duration::from_secs(30);

/// What one run gave.
#[derive(Debug, Serialize)]
struct Measured {
    cameras: u32,
    /// Packed rows of detections and anomalies that store and bus acknowledged, a second.
    facts_a_second: f64,
    anomalies: u64,
    /// Anomalies that each subscriber was told of.
    told: Vec<u64>,
    /// Revisions that came twice, over all subscribers.
    doubles: u64,
    /// CPU milliseconds for 1,000 facts.
    source_ms: f64,
    alerter_ms: f64,
    subscribers_ms: f64,
    servers_ms: f64,
    /// Resident memory of the alerter in MiB after a third of the time, and at its end.
    alerter_mib: [f64; 2],
}

/// Runs each number of cameras and writes `facts.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let runs = options.cameras.iter().map(|cameras| measure(options, *cameras));
    let runs = runs.collect::<anyhow::Result<Vec<_>>>()?;
    if let [few, .., many] = runs.as_slice() {
        let grown = |cost: fn(&Measured) -> f64| cost(many) / cost(few).max(1e-9);
        line(format!(
            "  for 1,000 facts, {} cameras cost {:.2} times what {} cost at the source, {:.2} at the alerter, {:.2} at the servers",
            many.cameras,
            grown(|run| run.source_ms),
            few.cameras,
            grown(|run| run.alerter_ms),
            grown(|run| run.servers_ms),
        ))?;
    }
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("facts.json"), serde_json::to_string_pretty(&runs)?)?;
    let whole = |run: &Measured| run.doubles == 0 && run.told.iter().all(|told| *told == run.anomalies);
    ensure!(runs.iter().all(whole), "subscribers were not told of every anomaly once");
    Ok(())
}

fn measure(options: &Options, cameras: u32) -> anyhow::Result<Measured> {
    line(format!(
        "\nfacts: {cameras} cameras for {} s, {} subscribers",
        options.seconds, options.subscribers
    ))?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("cortex.toml");
    fs::write(&config, "")?;
    let fleet = Fleet {
        cortex: &options.cortex,
        config: &config,
        folder: folder.path(),
        servers: &options.servers,
        name: format!("facts{}x{cameras}", std::process::id()),
    };
    fleet.prepare()?;
    let alerter = Running::start(fleet.command("alerter").arg("alerter"))?;
    let subscribers = (0..options.subscribers)
        .map(|_| Subscriber::start(&fleet, &alerter.address))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let source = Source::open(&fleet, cameras, options.anomalies * f64::from(cameras) / 1000.0)?;

    let servers = child::java_processes()?;
    let cpu = || -> anyhow::Result<[f64; 4]> {
        let sum =
            |ids: &mut dyn Iterator<Item = u32>| ids.map(child::cpu_seconds_of).sum::<anyhow::Result<f64>>();
        Ok([
            child::cpu_seconds_of(std::process::id())?,
            child::cpu_seconds_of(alerter.id())?,
            sum(&mut subscribers.iter().map(Subscriber::id))?,
            sum(&mut servers.iter().copied())?,
        ])
    };
    let (before, begun) = (cpu()?, Instant::now());
    let mut memory = [0.0; 2];
    let time = Duration::from_secs(options.seconds);
    let sent = source.run(time, || memory[0] = child::memory_mib(alerter.id()).unwrap_or(0.0))?;
    let took = begun.elapsed().as_secs_f64();
    let settled = Instant::now() + SETTLE;
    while subscribers.iter().any(|one| one.told() < sent.anomalies) && Instant::now() < settled {
        thread::sleep(Duration::from_millis(100));
    }
    memory[1] = child::memory_mib(alerter.id())?;
    let facts = sent.rows + sent.anomalies;
    let spent = cpu()?.into_iter().zip(before).map(|(after, before)| 1e6 * (after - before) / facts as f64);
    let spent: Vec<f64> = spent.collect();
    let measured = Measured {
        cameras,
        facts_a_second: facts as f64 / took,
        anomalies: sent.anomalies,
        told: subscribers.iter().map(Subscriber::told).collect(),
        doubles: subscribers.iter().map(Subscriber::doubles).sum(),
        source_ms: spent[0],
        alerter_ms: spent[1],
        subscribers_ms: spent[2],
        servers_ms: spent[3],
        alerter_mib: memory,
    };
    tell(&measured)?;
    Ok(measured)
}

fn tell(run: &Measured) -> std::io::Result<()> {
    let worst = run.told.iter().min().copied().unwrap_or(0);
    line(format!("  {:.0} facts a second acknowledged by store and bus", run.facts_a_second))?;
    line(format!(
        "  {} anomalies; the subscriber told least knows of {worst}; {} revisions came twice",
        run.anomalies, run.doubles
    ))?;
    line(format!(
        "  CPU for 1,000 facts: source {:.0} ms, alerter {:.0}, subscribers {:.0}, servers {:.0}",
        run.source_ms, run.alerter_ms, run.subscribers_ms, run.servers_ms
    ))?;
    line(format!(
        "  the alerter's memory: {:.0} MiB after a third, {:.0} at the end",
        run.alerter_mib[0], run.alerter_mib[1]
    ))
}
