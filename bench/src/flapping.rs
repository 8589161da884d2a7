//! Cameras that come and go for as long as one likes: threads, files and memory of the process that watches them, and
//! whether those that do not are disturbed. The server of those that come and go is a process that is killed each time.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use cortex_camera::{Camera, CameraOptions};
use cortex_fleet::child;

use crate::report::line;

/// How many cameras, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Cameras that come and go, all at once
    #[arg(long, default_value_t = 50)]
    cameras: usize,
    /// Cameras that stay
    #[arg(long, default_value_t = 2)]
    healthy: usize,
    /// Seconds that the others are there, and that they are away
    #[arg(long, default_value_t = 1.0)]
    each_s: f64,
    /// For so long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

/// Until what grows once has grown.
const WARM_UP: f64 = 0.2;
/// The median of the last third over that of the first may be so much.
const FLAT: f64 = 1.1;

/// A look at the process.
#[derive(Clone, Copy)]
struct Sample {
    threads: f64,
    files: f64,
    memory_mib: f64,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line(format!(
        "\nflapping: {} cameras {} s up and {} s down for {} minutes, {} that stay",
        options.cameras, options.each_s, options.each_s, options.minutes, options.healthy
    ))?;
    let healthy = Camera::start(CameraOptions::new(&options.clip))?;
    let port = free_port()?;
    let seconds = (options.minutes * 60.0) as u64;
    let mut watcher = Command::new(std::env::current_exe()?);
    watcher.args(["cameras-part", "ingest", "--url", &healthy.url()]);
    watcher.args(["--count", &options.healthy.to_string(), "--seconds", &seconds.to_string()]);
    let away = format!("rtsp://127.0.0.1:{port}/camera");
    watcher.args(["--away", &away, "--away-count", &options.cameras.to_string()]);
    let watcher = watcher.stdout(Stdio::piped()).spawn().context("start the watcher")?;
    let (begun, mut samples) = (Instant::now(), Vec::new());
    let each = Duration::from_secs_f64(options.each_s);
    while begun.elapsed().as_secs() < seconds {
        thread::sleep(each);
        let server = Server::start(port, &options.clip)?;
        thread::sleep(each);
        drop(server);
        if begun.elapsed().as_secs_f64() > WARM_UP * seconds as f64 {
            samples.push(sample(watcher.id())?);
        }
    }
    let output = watcher.wait_with_output()?;
    ensure!(output.status.success(), "the watcher failed");
    let third = samples.len() / 3;
    ensure!(third > 0, "--minutes: too short to tell");
    for (name, of) in [
        ("threads", (|s| s.threads) as fn(&Sample) -> f64),
        ("files", |s| s.files),
        ("MiB", |s| s.memory_mib),
    ] {
        let middle = |part: &[Sample]| crate::report::median(&part.iter().map(of).collect::<Vec<_>>());
        let (first, last) = (middle(&samples[..third]), middle(&samples[samples.len() - third..]));
        let verdict = if last <= FLAT * first { "flat" } else { "grows" };
        line(format!("  {name}: {first:.0} at first, {last:.0} at last: {verdict}"))?;
    }
    let said = String::from_utf8(output.stdout)?;
    let epochs = said.lines().last().context("the watcher said nothing")?;
    Ok(line(format!("  {} times up; the watcher's last word: {epochs}", samples.len()))?)
}

/// The server of the cameras that come and go, a process of its own; killed when it is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it there, and waits until it listens.
    pub(crate) fn start(port: u16, clip: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["flapping-part", &port.to_string(), "--clip"]).arg(clip);
        let mut child = command.stdout(Stdio::piped()).spawn().context("start the cameras")?;
        // A line is said when it listens.
        let mut said = BufReader::new(child.stdout.take().context("the cameras say nothing")?);
        said.read_line(&mut String::new())?;
        Ok(Self(child))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// A port at which nobody listens.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a [`Server`] runs.
#[derive(Args, Clone, Debug)]
pub(crate) struct Part {
    /// Where it listens
    port: u16,
    #[arg(long)]
    clip: PathBuf,
}

/// Serves until it is killed.
pub(crate) fn part(part: &Part) -> anyhow::Result<()> {
    let camera = Camera::start(CameraOptions { port: part.port, ..CameraOptions::new(&part.clip) })?;
    line(camera.url())?;
    loop {
        thread::park();
    }
}

fn sample(process: u32) -> anyhow::Result<Sample> {
    let count = |folder: &str| anyhow::Ok(child::count(process, folder)? as f64);
    Ok(Sample { threads: count("task")?, files: count("fd")?, memory_mib: child::memory_mib(process)? })
}
