//! One contender with so many cameras, as a process of its own: it measures itself and prints what it took.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use cortex_fleet::child;
use cortex_proto::{topics, v1};
use cortex_runtime::{
    Context, Fatal,
    bus::{From, Take},
    config::IdleDecode,
};
use gstreamer::{self as gst, prelude::*};

use super::{Contender, Cost};
use crate::{ingest::Plant, report::line};

/// What `cameras` runs as a child.
#[derive(Args, Clone, Debug)]
pub(crate) struct Part {
    /// Who
    contender: Contender,
    /// The cameras' address
    #[arg(long)]
    url: String,
    /// How many there are
    #[arg(long)]
    count: usize,
    /// Seconds that are measured
    #[arg(long)]
    seconds: u64,
    /// Address of cameras that come and go
    #[arg(long, default_value = "")]
    away: String,
    /// How many of those there are
    #[arg(long, default_value_t = 0)]
    away_count: usize,
}

/// Until cameras are connected, were quiet for long enough, and met their next key frame.
const SETTLE: Duration = Duration::from_secs(15);

/// Runs one contender.
pub(crate) fn run(part: &Part) -> anyhow::Result<()> {
    let cost = match part.contender {
        Contender::Floor => floor(part)?,
        Contender::Ingest => ingest(part, IdleDecode::Network)?,
        Contender::Awake => ingest(part, IdleDecode::Off)?,
    };
    Ok(line(serde_json::to_string(&cost)?)?)
}

/// What this process takes from now on.
fn cost(part: &Part) -> anyhow::Result<Cost> {
    thread::sleep(SETTLE);
    let me = std::process::id();
    let (before, start) = (child::cpu_seconds_of(me)?, Instant::now());
    thread::sleep(Duration::from_secs(part.seconds));
    let cores = (child::cpu_seconds_of(me)? - before) / start.elapsed().as_secs_f64();
    let count = |folder: &str| anyhow::Ok(fs::read_dir(format!("/proc/self/{folder}"))?.count());
    Ok(Cost {
        cores,
        memory_mib: child::memory_mib(me)?,
        threads: count("task")?,
        files: count("fd")?,
        received: 0,
        idle: 0,
    })
}

fn floor(part: &Part) -> anyhow::Result<Cost> {
    gst::init()?;
    let launch = format!(
        "rtspsrc location={} protocols=tcp latency=100 ! rtph264depay ! h264parse \
         ! identity drop-buffer-flags=delta-unit ! avdec_h264 max-threads=1 ! fakesink sync=false enable-last-sample=false",
        part.url
    );
    let pipelines = (0..part.count).map(|_| {
        let pipeline = gst::parse::launch(&launch)?;
        pipeline.set_state(gst::State::Playing)?;
        anyhow::Ok(pipeline)
    });
    let pipelines = pipelines.collect::<anyhow::Result<Vec<_>>>()?;
    let cost = cost(part)?;
    for pipeline in pipelines {
        pipeline.set_state(gst::State::Null)?;
    }
    Ok(cost)
}

fn ingest(part: &Part, idle: IdleDecode) -> anyhow::Result<Cost> {
    let cameras = (0..part.count).map(|camera| Plant::camera(format!("camera-{camera}"), &part.url));
    let away = (0..part.away_count).map(|camera| Plant::camera(format!("away-{camera}"), &part.away));
    let plant = Plant::new(cameras.chain(away))?;
    let context = &plant.context;
    let told = follow(context)?;
    // A detector would take every picture at once.
    let mut frames = context.bus.tail(&[&topics::FRAMES], From::End)?;
    let stop = context.stop();
    context.lifecycle.thread("reader", move || {
        while !stop.is_cancelled() {
            frames.next(Take { count: 1, wait: Duration::from_secs(1) }).map_err(Fatal::new)?;
        }
        Ok(())
    });
    plant.start(cortex_ingest::Config { idle, ..cortex_ingest::Config::default() });
    let mut cost = cost(part)?;
    {
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let there = told.values().filter(|status| status.camera.starts_with("camera-"));
        let whole = there.clone().filter(|status| status.connected && status.error.is_empty()).count();
        let errors: BTreeSet<&str> = there.clone().map(|status| status.error.as_str()).collect();
        anyhow::ensure!(whole == part.count, "{whole} of {} cameras are well: {errors:?}", part.count);
        for status in there {
            cost.received += status.received;
            cost.idle += status.dropped.iter().filter(|s| s.reason == "idle").map(|s| s.count).sum::<u64>();
        }
    }
    plant.end()?;
    Ok(cost)
}

type Told = Arc<Mutex<BTreeMap<String, Arc<v1::Status>>>>;

/// What the cameras say of themselves, the newest of each.
fn follow(context: &Context) -> anyhow::Result<Told> {
    let told = Told::default();
    let mut tail = context.bus.tail(&[&topics::STATUS], From::End)?;
    let (stop, all) = (context.stop(), Arc::clone(&told));
    context.lifecycle.thread("observer", move || {
        while !stop.is_cancelled() {
            let records = tail.next(Take { count: 256, wait: Duration::from_secs(1) }).map_err(Fatal::new)?;
            for record in records {
                let status = record.message::<v1::Status>().map_err(Fatal::new)?;
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(status.camera.clone(), status);
            }
        }
        Ok(())
    });
    Ok(told)
}
