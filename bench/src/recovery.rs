//! How long cameras go without detections when a stage's process is killed: with a restart, and without one while another
//! process of the stage is there. Real processes on a real Kafka and a real CQL server.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use cortex_camera::{Camera, CameraOptions};
use cortex_fleet::{Fleet, Running, Servers};
use cortex_proto::{topics, v1};
use cortex_runtime::bus::{Bus, From, Tail, Take, kafka::Kafka};
use serde::Serialize;

use crate::report::line;

/// What is watched.
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
    /// Cameras
    #[arg(long, default_value_t = 8)]
    cameras: usize,
    /// Pictures analysed a second and camera
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Folder for `recovery.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// `bus.session_s` of every process.
const SESSION: Duration = Duration::from_secs(6);
/// After the session a camera may stay away so long.
const GRACE: Duration = Duration::from_secs(5);
/// A process that comes back may take so many times its own start until its first detection.
const RESTART: f64 = 3.0;
/// How long is looked after each kill.
const LOOK: Duration = Duration::from_secs(25);
/// How long anything may take to begin.
const PATIENCE: Duration = Duration::from_secs(90);

/// What one kill did.
#[derive(Debug, Serialize)]
struct Kill {
    stage: &'static str,
    /// Seconds from the start of the process that replaces it to its first detection, over its seconds to be ready;
    /// none when nobody replaced it.
    restart: Option<f64>,
    /// The longest that any camera went without a detection, in seconds.
    longest_s: f64,
    met: bool,
}

/// When detections came, by camera.
struct Watch {
    tail: Box<dyn Tail>,
    last: BTreeMap<String, Instant>,
}

impl Watch {
    /// Takes what comes until `until`; answers the longest any camera was away, those that are away still included.
    fn look(&mut self, until: Instant) -> anyhow::Result<Duration> {
        let mut longest = Duration::ZERO;
        while let Some(wait) = until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
            for camera in self.next(wait)? {
                let now = Instant::now();
                let last = self.last.insert(camera, now).unwrap_or(now);
                longest = longest.max(now - last);
            }
        }
        let away = self.last.values().map(Instant::elapsed).max().unwrap_or(PATIENCE);
        Ok(longest.max(away))
    }

    /// Waits for the first detection from now on.
    fn first(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let cameras = self.next(Duration::from_millis(100))?;
            let now = Instant::now();
            if !cameras.is_empty() {
                self.last.extend(cameras.into_iter().map(|camera| (camera, now)));
                return Ok(());
            }
        }
        anyhow::bail!("no detection came")
    }

    /// Cameras whose pictures were analysed.
    fn next(&mut self, wait: Duration) -> anyhow::Result<Vec<String>> {
        let records = self.tail.next(Take { count: 64, wait: wait.min(Duration::from_millis(500)) })?;
        let mut cameras = Vec::new();
        for record in records {
            let seen = record.message::<v1::Detections>()?;
            if seen.outcome() == v1::Outcome::Analysed {
                cameras.push(seen.frame.as_ref().context("detections name their frame")?.camera.clone());
            }
        }
        Ok(cameras)
    }
}

/// Kills detector and ingest with and without a restart, and writes `recovery.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line(format!("\nrecovery: {} cameras, a session of {} s", options.cameras, SESSION.as_secs()))?;
    let folder = tempfile::tempdir()?;
    let camera = Camera::start(CameraOptions::new(&options.clip))?;
    let config = folder.path().join("cortex.toml");
    let models = options.models.canonicalize().context("find the models")?;
    let mut text = format!(
        "[infer]\nmodels = {models:?}\n[ingest]\nrate = {:?}\n[bus]\nsession_s = {:?}\n",
        options.rate,
        SESSION.as_secs_f64()
    );
    (0..options.cameras)
        .for_each(|n| text += &format!("[[cameras]]\nid = \"camera-{n}\"\nurl = {:?}\n", camera.url()));
    fs::write(&config, text)?;
    let fleet = Fleet {
        cortex: &options.cortex,
        config: &config,
        folder: folder.path(),
        servers: &options.servers,
        name: format!("recovery{}", std::process::id()),
    };
    fleet.prepare()?;
    let bus = cortex_runtime::config::Bus { url: fleet.bus(), replication: 1, ..Default::default() };
    let bus: Arc<dyn Bus> = Arc::new(Kafka::open(bus.kafka().context("this is a cluster's address")?)?);
    let tail = bus.tail(&[&topics::DETECTIONS], From::End)?;
    let mut watch = Watch { tail, last: BTreeMap::new() };

    let mut kills = Vec::new();
    let _alerter = start(&fleet, "alerter", 1)?; // it tells the others of the cameras
    let (mut ingest, mut detector) = (start(&fleet, "ingest", 1)?, start(&fleet, "detector", 1)?);
    let until = Instant::now() + PATIENCE;
    while watch.last.len() < options.cameras {
        ensure!(Instant::now() < until, "only {} cameras began", watch.last.len());
        watch.look(Instant::now() + Duration::from_secs(1))?;
    }
    for stage in ["detector", "ingest"] {
        let one = if stage == "detector" { &mut detector } else { &mut ingest };
        one.kill();
        watch.look(Instant::now() + Duration::from_secs(1))?; // what was on its way
        let begun = Instant::now();
        *one = start(&fleet, stage, 1)?;
        let ready = begun.elapsed();
        watch.first()?;
        let ratio = begun.elapsed().as_secs_f64() / ready.as_secs_f64();
        let longest = watch.look(Instant::now() + LOOK)?;
        kills.push(Kill {
            stage,
            restart: Some(ratio),
            longest_s: longest.as_secs_f64(),
            met: ratio <= RESTART,
        });
    }
    for stage in ["detector", "ingest"] {
        let other = start(&fleet, stage, 2)?;
        watch.look(Instant::now() + LOOK)?; // partitions are given out anew
        let one = if stage == "detector" { &mut detector } else { &mut ingest };
        one.kill();
        let longest = watch.look(Instant::now() + LOOK)?;
        let met = longest <= SESSION + GRACE;
        kills.push(Kill { stage, restart: None, longest_s: longest.as_secs_f64(), met });
        *one = other;
    }
    tell(&kills)?;
    fs::create_dir_all(&options.out)?;
    Ok(fs::write(options.out.join("recovery.json"), serde_json::to_string_pretty(&kills)?)?)
}

fn start(fleet: &Fleet<'_>, stage: &str, number: u32) -> anyhow::Result<Running> {
    let instance = format!("{stage}-{number}");
    Running::start(fleet.command(&instance).env("CORTEX__BUS__INSTANCE", &instance).arg(stage))
}

fn tell(kills: &[Kill]) -> std::io::Result<()> {
    for Kill { stage, restart, longest_s, met } in kills {
        let verdict = if *met { "met" } else { "missed" };
        line(match restart {
            Some(ratio) => format!(
                "  {stage} killed and started again: first detection after {ratio:.2} times its own start, at most {RESTART}: {verdict}; the longest a camera was away {longest_s:.1} s"
            ),
            None => format!(
                "  {stage} killed, another takes over: the longest a camera was away {longest_s:.1} s, at most {} s: {verdict}",
                (SESSION + GRACE).as_secs()
            ),
        })?;
    }
    Ok(())
}
