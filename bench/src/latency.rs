//! From the arrival of the frame that completes a rule's condition to the alert in a subscriber's hand. The real binary
//! serves a loopback RTSP camera whose picture is laid out with many zones; beside it, other cameras bring the detector
//! to a share of what it can do.

mod plant;

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Args;
use serde::Serialize;

use self::plant::{Plant, Shares};
use crate::{
    efficiency,
    report::{line, percentile},
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
    /// Share of what the detector can do that the loaded run asks of it
    #[arg(long, default_value_t = 0.7)]
    load: f64,
    /// Seconds of each run
    #[arg(long, default_value_t = 80)]
    seconds: u64,
    /// How often the unloaded and the loaded run are measured, in turn
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Folder for `latency.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

impl Options {
    /// The defaults, on the clip and into the folder of another benchmark.
    pub(crate) fn beside(other: &efficiency::Options) -> Self {
        Self {
            clip: other.clip.clone(),
            cortex: other.cortex.clone(),
            models: other.models.clone(),
            load: 0.7,
            seconds: 80,
            rounds: 2,
            out: other.out.clone(),
        }
    }
}

/// The loaded 95th percentile over the unloaded one is at most this.
const LOAD_TARGET: f64 = 3.0;

/// What operators are promised, in milliseconds.
const PROMISED_MS: f64 = 300.0;

/// Pictures analysed a second of the camera that is measured.
const RATE: f64 = 5.0;

/// Cameras that share the load, so that their frames come at odd times.
const LOAD_CAMERAS: usize = 5;

/// Until sessions are warm and tracks exist.
const WARM_UP: Duration = Duration::from_secs(15);

/// Latencies of one kind of run.
#[derive(Debug, Default, Serialize)]
struct Measured {
    alerts: usize,
    p50_ms: f64,
    p95_ms: f64,
    max_ms: f64,
    /// Of the detector's time, the share that it worked.
    detector_busy: f64,
    shares: Shares,
}

/// Everything of `latency.json`.
#[derive(Debug, Serialize)]
struct Report {
    unloaded: Measured,
    loaded: Measured,
    p95_ratio: f64,
    jitter_buffer_ms: u32,
}

/// Runs everything and writes `latency.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!((0.1..0.95).contains(&options.load), "--load is a share from 0.1 to 0.95");
    line(format!(
        "\nlatency: arrival of the frame that completes the condition (behind a jitter buffer of {} ms) to the alert \
         in `cortex watch`; one camera at {RATE} pictures/s",
        plant::JITTER_MS
    ))?;
    let (mut alone, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let unloaded = measure(options, 0.0)?;
        let service_s = unloaded.shares.detector_ms / 1000.0;
        let beside = (options.load / service_s - RATE).max(0.5);
        alone.push(unloaded);
        loaded.push(measure(options, beside)?);
    }
    let (unloaded, loaded) = (summary(alone), summary(loaded));
    let report = Report {
        p95_ratio: loaded.p95_ms / unloaded.p95_ms,
        unloaded,
        loaded,
        jitter_buffer_ms: plant::JITTER_MS,
    };
    tell(&report, options.load)?;
    fs::create_dir_all(&options.out)?;
    Ok(fs::write(options.out.join("latency.json"), serde_json::to_string_pretty(&report)?)?)
}

/// One run's latencies and where they went.
struct Round {
    latencies_ms: Vec<f64>,
    busy: f64,
    shares: Shares,
}

/// Runs Cortex with so many pictures a second of other cameras beside the measured one.
fn measure(options: &Options, beside: f64) -> anyhow::Result<Round> {
    let cameras = if beside > 0.0 { LOAD_CAMERAS } else { 0 };
    let plant = Plant::start(options, RATE, cameras, beside / LOAD_CAMERAS as f64)?;
    thread::sleep(WARM_UP);
    plant.forget();
    let (before, begun) = (plant.metrics()?, Instant::now());
    thread::sleep(Duration::from_secs(options.seconds));
    let after = plant.metrics()?;
    let latencies_ms = plant.latencies();
    ensure!(!latencies_ms.is_empty(), "no alert came in {} s", options.seconds);
    let shares = Shares::between(&before, &after);
    let busy = after.detector_s(&before) / begun.elapsed().as_secs_f64();
    Ok(Round { latencies_ms, busy, shares })
}

fn summary(rounds: Vec<Round>) -> Measured {
    let count = rounds.len() as f64;
    let mut all: Vec<f64> = rounds.iter().flat_map(|round| round.latencies_ms.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    let mut measured = Measured {
        alerts: all.len(),
        p50_ms: percentile(&all, 0.5),
        p95_ms: percentile(&all, 0.95),
        max_ms: percentile(&all, 1.0),
        ..Measured::default()
    };
    for round in rounds {
        measured.detector_busy += round.busy / count;
        measured.shares.add(&round.shares, 1.0 / count);
    }
    measured
}

fn tell(report: &Report, load: f64) -> std::io::Result<()> {
    let verdict = |met: bool| if met { "met" } else { "missed" };
    for (name, measured) in
        [("alone".to_owned(), &report.unloaded), (format!("at {:.0} %", 100.0 * load), &report.loaded)]
    {
        line(format!(
            "  {name:>7}: {} alerts, p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms; detector busy {:.0} %",
            measured.alerts,
            measured.p50_ms,
            measured.p95_ms,
            measured.max_ms,
            100.0 * measured.detector_busy
        ))?;
        line(format!("           means from /metrics: {}", measured.shares))?;
    }
    line(format!(
        "  p95 loaded / alone = {:.2}, target at most {LOAD_TARGET}: {}",
        report.p95_ratio,
        verdict(report.p95_ratio <= LOAD_TARGET)
    ))?;
    line(format!(
        "  p95 alone {:.0} ms against the {PROMISED_MS:.0} ms promised: {}",
        report.unloaded.p95_ms,
        verdict(report.unloaded.p95_ms <= PROMISED_MS)
    ))
}
