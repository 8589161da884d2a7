//! How soon cameras are back after their server is: it is killed, away for a while, and started again.

use std::{
    collections::HashMap,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Args;
use cortex_proto::topics;
use cortex_runtime::{
    Captured,
    bus::{From, Tail, Take},
};

use crate::{
    flapping::{Server, free_port},
    ingest::Plant,
    report::{line, median},
};

/// How many cameras, and for how long they are away.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Cameras of the server
    #[arg(long, default_value_t = 10)]
    cameras: usize,
    /// Seconds that the server is away, each in turn
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5, 15, 40])]
    away: Vec<u64>,
}

/// Seconds within which a camera must be back.
const WITHIN_S: f64 = 5.0;
/// Longer than this nobody waits for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    line(format!("\nback: {} cameras whose server is killed and started again", options.cameras))?;
    let port = free_port()?;
    let url = format!("rtsp://127.0.0.1:{port}/camera");
    let plant =
        Plant::new((0..options.cameras).map(|camera| Plant::camera(format!("camera-{camera}"), &url)))?;
    let mut frames = plant.context.bus.tail(&[&topics::FRAMES], From::End)?;
    let mut server = Server::start(port, &options.clip)?;
    plant.start(cortex_ingest::Config::default());
    pictures(&mut *frames, options.cameras)?;
    let mut worst = 0.0_f64;
    for away in &options.away {
        drop(server);
        thread::sleep(Duration::from_secs(*away));
        drain(&mut *frames)?;
        server = Server::start(port, &options.clip)?;
        let back = pictures(&mut *frames, options.cameras)?;
        let last = back.iter().copied().fold(0.0, f64::max);
        line(format!(
            "  away for {away} s: the first picture came {:.2} s in the middle, {last:.2} s at last after it listened",
            median(&back)
        ))?;
        worst = worst.max(last);
    }
    let verdict = if worst <= WITHIN_S { "met" } else { "missed" };
    line(format!("  at worst {worst:.2} s, target {WITHIN_S}: {verdict}"))?;
    plant.end()
}

/// Takes whatever was published until now.
fn drain(frames: &mut dyn Tail) -> anyhow::Result<()> {
    while !frames.next(Take { count: 1000, wait: Duration::ZERO })?.is_empty() {}
    Ok(())
}

/// Waits until each camera publishes a picture; seconds from now.
fn pictures(frames: &mut dyn Tail, cameras: usize) -> anyhow::Result<Vec<f64>> {
    let (begun, mut back) = (Instant::now(), HashMap::new());
    while back.len() < cameras {
        ensure!(begun.elapsed() < PATIENCE, "{} of {cameras} cameras are there", back.len());
        for record in frames.next(Take { count: 1000, wait: Duration::from_millis(20) })? {
            let captured = record.message::<Captured>()?;
            if captured.picture.is_some() {
                let camera = captured.message.id.clone().unwrap_or_default().camera;
                back.entry(camera).or_insert_with(|| begun.elapsed().as_secs_f64());
            }
        }
    }
    Ok(back.into_values().collect())
}
