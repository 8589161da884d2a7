//! What the hop over a Kafka and a CQL server costs: CPU time of one process that does everything, and of the five
//! processes of a fleet, on the same loopback camera for as long, one after the other a few times. The servers' own time is
//! not counted.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use cortex_camera::{Camera, CameraOptions};
use cortex_fleet::{Fleet, Running, Servers, child};
use cortex_runtime::still;
use serde::Serialize;

use crate::{
    clip::Decoder,
    report::{line, median},
};

/// What is watched, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Cortex's binary, built for speed
    #[arg(long, env = "CORTEX_BENCH_CORTEX")]
    cortex: PathBuf,
    /// Folder of the model files
    #[arg(long, default_value = "models/files")]
    models: PathBuf,
    #[command(flatten)]
    servers: Servers,
    /// Seconds of each run
    #[arg(long, default_value_t = 40)]
    seconds: u64,
    /// How often each is run, in turn with the other; the medians count
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Pictures analysed a second
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// Folder for `hop.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// CPU of the five processes over that of one, at most, outside JPEG and in all.
const TARGETS: (f64, f64) = (1.25, 1.6);

/// Until models are warm and partitions are given out.
const WARM_UP: Duration = Duration::from_secs(15);

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
        "\nhop: one camera at {} pictures/s, {} times {} s, nobody looks",
        options.rate, options.rounds, options.seconds
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
    let fleet = Fleet {
        cortex: &options.cortex,
        config: &config,
        folder: folder.path(),
        servers: &options.servers,
        name: format!("hop{}", std::process::id()),
    };
    fleet.prepare()?;
    let (mut embedded, mut stages) = (Vec::new(), vec![Vec::new(); STAGES.len()]);
    for _ in 0..options.rounds {
        embedded.extend(measure(options, &mut [fleet.alone("up").arg("up")])?);
        let mut commands = STAGES.map(|stage| fleet.command(stage));
        let mut commands: Vec<&mut Command> =
            commands.iter_mut().zip(STAGES).map(|(command, stage)| command.arg(stage)).collect();
        stages.iter_mut().zip(measure(options, &mut commands)?).for_each(|(all, one)| all.push(one));
    }
    let stages: Vec<f64> = stages.iter().map(|runs| median(runs)).collect();
    let (one, five): (f64, f64) = (median(&embedded), stages.iter().sum());
    let jpeg_ms = options.rate * jpeg(options)?;
    let measured = Measured {
        embedded_ms: one,
        fleet_ms: five,
        by_stage_ms: STAGES.into_iter().zip(stages).collect(),
        jpeg_ms,
        in_all: five / one,
        outside_jpeg: (five - jpeg_ms) / one,
    };
    tell(&measured)?;
    fs::create_dir_all(&options.out)?;
    Ok(fs::write(options.out.join("hop.json"), serde_json::to_string_pretty(&measured)?)?)
}

/// Runs processes; CPU milliseconds a second of each.
fn measure(options: &Options, commands: &mut [&mut Command]) -> anyhow::Result<Vec<f64>> {
    let running =
        commands.iter_mut().map(|command| Running::start(command)).collect::<anyhow::Result<Vec<_>>>()?;
    thread::sleep(WARM_UP);
    let look = || -> anyhow::Result<Vec<f64>> {
        running.iter().map(|process| child::cpu_seconds_of(process.id())).collect()
    };
    let (before, begun) = (look()?, Instant::now());
    thread::sleep(Duration::from_secs(options.seconds));
    let (after, took) = (look()?, begun.elapsed().as_secs_f64());
    Ok(after.iter().zip(before).map(|(after, before)| 1e3 * (after - before) / took).collect())
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
