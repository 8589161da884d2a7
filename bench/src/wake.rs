//! How soon an idle camera's first moving picture is published: with coded frames held, and without.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use cortex_camera::{Camera, CameraOptions};
use cortex_proto::topics;
use cortex_runtime::{
    Captured,
    bus::{From, Take},
};
use gstreamer::{self as gst, prelude::*};

use crate::{
    ingest::Plant,
    report::{line, median},
};

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Seconds between key frames
    #[arg(long, default_value_t = 2)]
    interval: u64,
    /// How often it must wake
    #[arg(long, default_value_t = 8)]
    times: usize,
    /// Folder for the generated clip
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// Pictures a second, of which every one is published.
const RATE: u64 = 25;
/// Seconds of black, which are no multiple of the key frames' distance, and of the ball.
const STILL: u64 = 9;
const BALL: u64 = 4;
/// Luma that only the ball has.
const BRIGHT: u8 = 100;
/// More than one interval and this, in seconds, is too late.
const LATE_S: f64 = 0.2;

/// Runs both.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    fs::create_dir_all(&options.out)?;
    let clip = options.out.join(format!("wake-{}s.mkv", options.interval));
    write(&clip, options.interval)?;
    let camera = Camera::start(CameraOptions::new(&clip))?;
    line(format!(
        "\nwake: from the first moving picture's arrival to its being published; key frames {} s apart",
        options.interval
    ))?;
    for (name, hold) in [("frames held", 4.0), ("none held", 0.0)] {
        let waits = measure(&camera.url(), hold, options.times)?;
        let worst = waits.iter().copied().fold(0.0, f64::max);
        let most = options.interval as f64 + LATE_S;
        let verdict = if worst <= most { "met" } else { "missed" };
        line(format!(
            "  {name}: {:.3} s in the middle, {worst:.3} s at worst of {}; target {most:.1}: {verdict}",
            median(&waits),
            waits.len()
        ))?;
    }
    Ok(())
}

/// Black and a ball in turn.
fn write(path: &Path, interval: u64) -> anyhow::Result<()> {
    gst::init()?;
    let part = |pattern: &str, seconds: u64| {
        format!(
            "videotestsrc num-buffers={} pattern={pattern} \
             ! video/x-raw,format=I420,width=1280,height=720,framerate={RATE}/1 ! all.",
            seconds * RATE
        )
    };
    let launch = format!(
        "{} {} concat name=all ! openh264enc gop-size={} bitrate=2000000 ! h264parse ! matroskamux ! filesink name=file",
        part("black", STILL),
        part("ball", BALL),
        interval * RATE
    );
    let pipeline = gst::parse::launch(&launch)?.downcast::<gst::Pipeline>();
    let pipeline = pipeline.map_err(|_| anyhow!("the encoder is no pipeline"))?;
    pipeline.by_name("file").context("the encoder has no end")?.set_property("location", path);
    pipeline.set_state(gst::State::Playing)?;
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let ended =
        pipeline.bus().context("no bus")?.timed_pop_filtered(gst::ClockTime::from_seconds(120), &kinds);
    pipeline.set_state(gst::State::Null)?;
    ensure!(ended.is_some_and(|ended| ended.type_() == gst::MessageType::Eos), "the clip was not encoded");
    Ok(())
}

/// Seconds that each waking took.
fn measure(url: &str, hold_mib: f32, times: usize) -> anyhow::Result<Vec<f64>> {
    let plant = Plant::new([Plant::camera("yard", url)].into_iter())?;
    let config = cortex_ingest::Config {
        rate: 60.0,
        idle_after_s: 2.0,
        idle_look_s: 3600.0,
        idle_hold_mib: hold_mib,
        ..cortex_ingest::Config::default()
    };
    let mut frames = plant.context.bus.tail(&[&topics::FRAMES], From::End)?;
    plant.start(config);
    let mut waits = Vec::new();
    // Of this appearance of the ball: how late its first published picture was, and how many there were.
    let mut seen: Option<(f64, u64)> = None;
    // The first appearance may be there already.
    while waits.len() <= times {
        let records = frames.next(Take { count: 1, wait: Duration::from_secs(30) })?;
        ensure!(!records.is_empty(), "the camera gives nothing");
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
        for record in &records {
            let captured = record.message::<Captured>()?;
            let Some(picture) = &captured.picture else { continue };
            let plane = picture.planes().first().context("a picture without planes")?;
            let ball = plane.data.iter().any(|luma| *luma > BRIGHT);
            match (&mut seen, ball) {
                (None, true) => seen = Some(((now - captured.message.received_us) as f64 / 1e6, 1)),
                (Some((_, count)), true) => *count += 1,
                (Some((late, count)), false) => {
                    // What was not published of its beginning was seen by nobody.
                    let missed = (BALL * RATE).saturating_sub(*count) as f64 / RATE as f64;
                    waits.push(*late + missed);
                    seen = None;
                }
                (None, false) => {}
            }
        }
    }
    plant.end()?;
    Ok(waits.split_off(1))
}
