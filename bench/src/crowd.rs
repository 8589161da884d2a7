//! More cameras than a core can decode: how much of each is decoded, how old it is, and what it costs in memory. Their server
//! is a process on the other core.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Args;
use cortex_fleet::child;
use cortex_proto::{
    topics,
    v1::{self, Priority},
};
use cortex_runtime::{
    Captured,
    bus::{From, Take},
    config::IdleDecode,
    runner::wall_clock,
};

use crate::{
    flapping::{Server, free_port},
    idle::footage,
    ingest::Plant,
    report::line,
};

/// How many cameras, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Folder for the encoded clip
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
    /// Seconds between key frames
    #[arg(long, default_value_t = 2)]
    interval: u64,
    /// Cameras, a third of each priority
    #[arg(long, default_value_t = 48)]
    cameras: usize,
    /// Seconds that are measured
    #[arg(long, default_value_t = 40)]
    seconds: u64,
}

/// Until they are connected and the worst is over.
const SETTLE: Duration = Duration::from_secs(20);
const CLASSES: [(Priority, &str); 3] =
    [(Priority::Low, "low"), (Priority::Normal, "normal"), (Priority::High, "high")];

/// What was seen of the cameras of one priority.
#[derive(Default)]
struct Class {
    /// Seconds from a picture's time to its being published.
    ages: Vec<f64>,
    /// Frames that came, and those of them that came too late, by the cameras' own count: at first and at last.
    counts: BTreeMap<String, [(u64, u64); 2]>,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line(format!("\ncrowd: {} cameras in which all moves, in one process", options.cameras))?;
    fs::create_dir_all(&options.out)?;
    let clip = options.out.join(format!("crowd-{}s.mkv", options.interval));
    footage::write(&options.clip, &clip, options.interval, (60, 0))?;
    let port = free_port()?;
    cortex_fleet::affinity::pin(0)?;
    let server = Server::start(port, &clip)?;
    cortex_fleet::affinity::pin(1)?;
    let url = format!("rtsp://127.0.0.1:{port}/camera");
    let plant = Plant::new((0..options.cameras).map(|camera| v1::Camera {
        id: format!("{}-{camera}", CLASSES[camera % CLASSES.len()].1),
        url: url.clone(),
        priority: CLASSES[camera % CLASSES.len()].0.into(),
        ..Default::default()
    }))?;
    let mut tail = plant.context.bus.tail(&[&topics::FRAMES, &topics::STATUS], From::End)?;
    plant.start(cortex_ingest::Config { idle: IdleDecode::Off, rate: 60.0, ..Default::default() });
    let (begun, me) = (Instant::now(), std::process::id());
    let (mut classes, mut memory, mut before) = (BTreeMap::<String, Class>::new(), None, 0.0);
    while begun.elapsed() < SETTLE + Duration::from_secs(options.seconds) {
        let records = tail.next(Take { count: 1000, wait: Duration::from_millis(20) })?;
        if begun.elapsed() < SETTLE {
            continue;
        }
        if memory.is_none() {
            (memory, before) = (Some(child::memory_mib(me)?), child::cpu_seconds_of(me)?);
        }
        for record in records {
            if let Ok(status) = record.message::<v1::Status>() {
                ensure!(status.connected, "{}: {}", status.camera, status.error);
                let late = status.dropped.iter().filter(|dropped| dropped.reason == "late");
                let now = (status.received, late.map(|dropped| dropped.count).sum());
                let class = classes.entry(class(&status.camera)).or_default();
                class.counts.entry(status.camera.clone()).or_insert([now; 2])[1] = now;
            } else {
                let frame = &record.message::<Captured>()?.message;
                let camera = &frame.id.as_ref().map_or("", |id| id.camera.as_str());
                let age = (wall_clock() - frame.time_us) as f64 / 1e6;
                classes.entry(class(camera)).or_default().ages.push(age);
            }
        }
    }
    for (_, name) in CLASSES {
        let class = classes.entry(name.to_owned()).or_default();
        let (mut came, mut late) = (0, 0);
        for [first, last] in class.counts.values() {
            (came, late) = (came + last.0 - first.0, late + last.1 - first.1);
        }
        class.ages.sort_by(f64::total_cmp);
        let at = |share: f64| class.ages.get((class.ages.len() as f64 * share) as usize).copied();
        line(format!(
            "  {name}: decoded {:.0} % of {came}, {:.2} s old in the middle, {:.2} s at 99 %",
            100.0 * (came - late) as f64 / came.max(1) as f64,
            at(0.5).unwrap_or(f64::NAN),
            at(0.99).unwrap_or(f64::NAN)
        ))?;
    }
    drop(server);
    let cores = (child::cpu_seconds_of(me)? - before) / options.seconds as f64;
    let grown = child::memory_mib(me)? - memory.unwrap_or_default();
    line(format!(
        "  {cores:.2} cores, {:.0} MiB, {grown:+.0} in {} s",
        child::memory_mib(me)?,
        options.seconds
    ))?;
    plant.end()
}

/// The priority that a camera's id begins with.
fn class(camera: &str) -> String {
    camera.split('-').next().unwrap_or_default().to_owned()
}
