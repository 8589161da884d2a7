//! What an idle camera costs: the slope of CPU time and memory over the number of cameras in one process, beside the
//! floor, which takes their streams in and decodes the key frames and does nothing else. Run in turn; the cameras'
//! own server is this process, and not counted.

mod part;
mod still;

use std::{fs, path::PathBuf, process::Command};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use cortex_camera::{Camera, CameraOptions};
use cortex_fleet::child;
use serde::{Deserialize, Serialize};

pub(crate) use self::part::{Part, run as part};
use crate::report::{line, median};

/// How many cameras, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Numbers of cameras, at least two
    #[arg(long, value_delimiter = ',', default_values_t = [5, 10, 20])]
    counts: Vec<usize>,
    /// Seconds that are measured, after the cameras came to rest
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How often each is measured, in turn
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Folder for the generated clip and `cameras.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// Who takes the cameras in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contender {
    /// (a) ingest, as in every process of Cortex
    Ingest,
    /// (b) depayload, and decode the key frames
    Floor,
    /// (c) ingest, decoding every frame
    Awake,
}

/// Cores and MiB that one idle camera may cost, and how much above the floor.
const CORE_TARGET: f64 = 0.035;
const RATIO_TARGET: f64 = 1.25;
const MEMORY_TARGET: f64 = 20.0;
/// More cameras that decode everything are more than a small machine can do.
const AWAKE_MOST: usize = 5;

/// One run of one contender.
#[derive(Debug, Serialize)]
struct Run {
    contender: Contender,
    cameras: usize,
    #[serde(flatten)]
    cost: Cost,
}

/// What a process with so many cameras takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Of one core.
    cores: f64,
    memory_mib: f64,
    threads: usize,
    files: usize,
    /// Frames that came and frames that were never decoded, by the cameras' own count; 0 where nobody counts.
    received: u64,
    idle: u64,
}

/// What one more camera takes.
#[derive(Debug, Serialize)]
struct Slope {
    contender: Contender,
    cores: f64,
    memory_mib: f64,
    threads: f64,
    files: f64,
}

/// Runs everything and writes `cameras.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    anyhow::ensure!(options.counts.len() > 1, "--counts: a slope needs two numbers of cameras");
    fs::create_dir_all(&options.out)?;
    let clip = options.out.join("still.mkv");
    if !clip.is_file() {
        line("generating 20 s of a still 1080p25 scene in H.264, about 3.6 Mbit/s, a key frame every 2 s")?;
        still::write(&clip)?;
    }
    let camera = Camera::start(CameraOptions::new(&clip))?;
    line(format!("\ncameras: cost of an idle camera; {} cameras in one process", join(&options.counts)))?;
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        for count in &options.counts {
            for contender in Contender::value_variants() {
                // One more camera that decodes everything costs what the first does, and is dear.
                if *contender == Contender::Awake && (*count > AWAKE_MOST || round > 0) {
                    continue;
                }
                let cost = measure(*contender, &camera.url(), *count, options.seconds)?;
                line(format!(
                    "  {:>6} {count:>3}: {:.3} cores, {:.0} MiB, {} threads, {} files{}",
                    name(*contender),
                    cost.cores,
                    cost.memory_mib,
                    cost.threads,
                    cost.files,
                    match cost.received {
                        0 => String::new(),
                        received =>
                            format!(", {:.1} % never decoded", 100.0 * cost.idle as f64 / received as f64),
                    }
                ))?;
                runs.push(Run { contender: *contender, cameras: *count, cost });
            }
        }
    }
    let slopes: Vec<Slope> =
        [Contender::Ingest, Contender::Floor].map(|contender| slope(&runs, contender)).into();
    tell(&runs, &slopes)?;
    let file = options.out.join("cameras.json");
    fs::write(&file, serde_json::to_string_pretty(&serde_json::json!({ "runs": runs, "slopes": slopes }))?)?;
    Ok(line(format!("every run: {}", file.display()))?)
}

fn measure(contender: Contender, url: &str, count: usize, seconds: u64) -> anyhow::Result<Cost> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["cameras-part", name(contender), "--url", url]);
    command.args(["--count", &count.to_string(), "--seconds", &seconds.to_string()]);
    let ran = child::run(command)?;
    let last = ran.output.lines().last().context("it said nothing")?;
    serde_json::from_str(last).with_context(|| format!("it said {last}"))
}

fn tell(runs: &[Run], slopes: &[Slope]) -> anyhow::Result<()> {
    for slope in slopes {
        line(format!(
            "  one more camera, {}: {:.4} cores, {:.1} MiB, {:.1} threads, {:.1} files",
            name(slope.contender),
            slope.cores,
            slope.memory_mib,
            slope.threads,
            slope.files
        ))?;
    }
    let (ingest, floor) = (&slopes[0], &slopes[1]);
    let verdict = |met: bool| if met { "met" } else { "missed" };
    let ratio = ingest.cores / floor.cores;
    line(format!("  over the floor {ratio:.2}, target {RATIO_TARGET}: {}", verdict(ratio <= RATIO_TARGET)))?;
    let cores = ingest.cores;
    line(format!("  cores {cores:.4}, target {CORE_TARGET}: {}", verdict(cores <= CORE_TARGET)))?;
    let memory = ingest.memory_mib;
    line(format!("  MiB {memory:.1}, target {MEMORY_TARGET}: {}", verdict(memory <= MEMORY_TARGET)))?;
    let awake: Vec<f64> = of(runs, Contender::Awake).map(|run| run.cost.cores / run.cameras as f64).collect();
    Ok(line(format!("  decoding everything costs {:.1} times as much", median(&awake) / cores))?)
}

fn of(runs: &[Run], contender: Contender) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| run.contender == contender)
}

/// Least squares over all runs.
fn slope(runs: &[Run], contender: Contender) -> Slope {
    let of = |value: fn(&Cost) -> f64| {
        let points: Vec<(f64, f64)> =
            of(runs, contender).map(|run| (run.cameras as f64, value(&run.cost))).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let along: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        along / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
    };
    Slope {
        contender,
        cores: of(|cost| cost.cores),
        memory_mib: of(|cost| cost.memory_mib),
        threads: of(|cost| cost.threads as f64),
        files: of(|cost| cost.files as f64),
    }
}

fn name(contender: Contender) -> &'static str {
    match contender {
        Contender::Ingest => "ingest",
        Contender::Floor => "floor",
        Contender::Awake => "awake",
    }
}

fn join(counts: &[usize]) -> String {
    counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
