//! What the hop over a Kafka and a CQL server costs: CPU time of one process that does everything, and of the five
//! processes of a fleet, on the same loopback camera for as long. The servers' own time is told apart.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use cortex_camera::{Camera, CameraOptions};
use cortex_runtime::still;
use serde::Serialize;
use tempfile::TempDir;

use crate::{child, clip::Decoder, report::line};

/// What is watched, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long)]
    clip: PathBuf,
    /// Cortex's binary, built for speed
    #[arg(long)]
    cortex: PathBuf,
    /// Not used here
    #[arg(long, hide = true)]
    python: Option<PathBuf>,
    /// Folder of the model files
    #[arg(long, default_value = "models/files")]
    models: PathBuf,
    /// Address of a Kafka, as host:port
    #[arg(long, env = "CORTEX_TEST_KAFKA")]
    kafka: String,
    /// Address of a CQL server that takes `cassandra` as user and password
    #[arg(long, env = "CORTEX_TEST_CQL")]
    cql: String,
    /// Seconds of each run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Pictures analysed a second
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// Folder for `hop.json`
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// CPU of the five processes over that of one, at most, outside JPEG and in all.
const TARGETS: (f64, f64) = (1.25, 1.6);

/// Until models are warm and partitions are given out.
const WARM_UP: Duration = Duration::from_secs(15);

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(120);

const STAGES: [&str; 5] = ["alerter", "detector", "recognizer", "cloaker", "ingest"];

/// What was measured; times in CPU milliseconds a second of the camera.
#[derive(Debug, Serialize)]
struct Measured {
    embedded_ms: f64,
    fleet_ms: f64,
    by_stage_ms: Vec<(&'static str, f64)>,
    /// Encoding once and decoding twice what was published.
    jpeg_ms: f64,
    in_all: f64,
    outside_jpeg: f64,
}

/// Runs both and writes `hop.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line(format!(
        "\nhop: one camera at {} pictures/s for {} s, nobody looks",
        options.rate, options.seconds
    ))?;
    let folder = tempfile::tempdir()?;
    let camera = Camera::start(CameraOptions::new(&options.clip))?;
    let config = folder.path().join("cortex.toml");
    let models = options.models.canonicalize().context("find the models")?;
    fs::write(
        &config,
        format!(
            "[infer]\nmodels = {models:?}\n[[cameras]]\nid = \"hop\"\nurl = {:?}\nrate = {:?}\n",
            camera.url(),
            options.rate
        ),
    )?;
    let embedded = measure(options, &folder, &config, &["up"])?;
    for words in [["store", "migrate"], ["topics", "apply"]] {
        let mut command = command(options, &folder, &config, words[0]);
        child::run({
            command.args(words);
            command
        })?;
    }
    let fleet = measure(options, &folder, &config, &STAGES)?;
    let (one, five): (f64, f64) = (embedded.iter().sum(), fleet.iter().sum());
    let jpeg_ms = options.rate * jpeg(options)?;
    let measured = Measured {
        embedded_ms: one,
        fleet_ms: five,
        by_stage_ms: STAGES.into_iter().zip(fleet).collect(),
        jpeg_ms,
        in_all: five / one,
        outside_jpeg: (five - jpeg_ms) / one,
    };
    tell(&measured)?;
    fs::create_dir_all(&options.out)?;
    Ok(fs::write(options.out.join("hop.json"), serde_json::to_string_pretty(&measured)?)?)
}

/// A command of a process by this name.
fn command(options: &Options, folder: &TempDir, config: &Path, name: &str) -> Command {
    let mut command = Command::new(&options.cortex);
    command
        .arg("--config")
        .arg(config)
        .env("CORTEX__DATA__DIR", folder.path().join(name))
        .env("CORTEX__LISTEN__ADDRESS", "127.0.0.1:0");
    if name != "up" {
        command
            .env("CORTEX__BUS__URL", format!("kafka://{}/hop{}", options.kafka, std::process::id()))
            .env("CORTEX__BUS__REPLICATION", "1")
            .env(
                "CORTEX__STORE__URL",
                format!("scylla://cassandra@{}/hop{}", options.cql, std::process::id()),
            )
            .env("CORTEX__STORE__PASSWORD", "cassandra")
            .env("CORTEX__STORE__REPLICATION", "1");
    }
    command
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ending a child that ended already fails, which is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs processes of these names; CPU milliseconds a second of each.
fn measure(options: &Options, folder: &TempDir, config: &Path, names: &[&str]) -> anyhow::Result<Vec<f64>> {
    let running = names
        .iter()
        .map(|name| start(command(options, folder, config, name).arg(name)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    thread::sleep(WARM_UP);
    let look = || -> anyhow::Result<Vec<f64>> {
        running.iter().map(|process| child::cpu_seconds_of(process.0.id())).collect()
    };
    let (before, begun) = (look()?, Instant::now());
    thread::sleep(Duration::from_secs(options.seconds));
    let (after, took) = (look()?, begun.elapsed().as_secs_f64());
    Ok(after.iter().zip(before).map(|(after, before)| 1e3 * (after - before) / took).collect())
}

/// Starts a process and waits until it listens.
fn start(command: &mut Command) -> anyhow::Result<Running> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().with_context(|| format!("cannot start {shown}"))?);
    let output = running.0.stdout.take().context("its output is read")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    while !lines.recv_timeout(PATIENCE).with_context(|| format!("{shown} does not listen"))?.contains("://") {
    }
    Ok(running)
}

/// CPU milliseconds to encode one picture of the clip once and to decode it twice, for detector and cloaker.
fn jpeg(options: &Options) -> anyhow::Result<f64> {
    const PICTURES: usize = 50;
    const QUALITY: u8 = 90;
    let clip = Decoder::open(&options.clip)?;
    let mut pictures = Vec::new();
    while pictures.len() < PICTURES
        && let Some(picture) = clip.next()?
    {
        pictures.push(picture);
    }
    drop(clip);
    ensure!(!pictures.is_empty(), "{} holds no pictures", options.clip.display());
    let before = child::cpu_seconds_of(std::process::id())?;
    for picture in &pictures {
        let encoded = still::encode(picture, QUALITY);
        for _ in 0..2 {
            still::decode(&encoded, still::Limits::default())?;
        }
    }
    Ok(1e3 * (child::cpu_seconds_of(std::process::id())? - before) / pictures.len() as f64)
}

fn tell(measured: &Measured) -> std::io::Result<()> {
    let verdict = |met: bool| if met { "met" } else { "missed" };
    let stages: Vec<String> =
        measured.by_stage_ms.iter().map(|(stage, ms)| format!("{stage} {ms:.0}")).collect();
    line(format!("  one process {:.0} ms CPU a second", measured.embedded_ms))?;
    line(format!("  five processes {:.0} ms: {}", measured.fleet_ms, stages.join(", ")))?;
    line(format!("  of that JPEG (once encoded, twice decoded) {:.1} ms", measured.jpeg_ms))?;
    line(format!(
        "  five/one = {:.2} in all, target at most {}: {}; {:.2} outside JPEG, target at most {}: {}",
        measured.in_all,
        TARGETS.1,
        verdict(measured.in_all <= TARGETS.1),
        measured.outside_jpeg,
        TARGETS.0,
        verdict(measured.outside_jpeg <= TARGETS.0)
    ))
}
