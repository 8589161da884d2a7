//! What rules and tracks cost: CPU time of one message through the rules of a camera, and of one frame through the whole
//! detector but its models: tracking with its looks and motion, rules, the message itself.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Args;
use cortex_detector::{Config, Detector, Input, Seen};
use cortex_models::{Detection, Picture, Rect};
use cortex_proto::v1::{self, config_entry::Entry};
use cortex_rules::{Engine, validate};
use cortex_runtime::{Collector, Key, Snapshot, Stage as _, Tables, WithPicture};
use serde::Serialize;

use crate::{
    parts::thread_seconds,
    report::{line, median},
};

/// How long is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages of one measurement
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// Measurements; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Folder for `rules.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// One measurement.
#[derive(Serialize)]
struct Cost {
    objects: usize,
    rules: usize,
    /// Microseconds of CPU time a message.
    us_per_message: f64,
    /// Seconds for a camera-day at five frames a second.
    seconds_per_camera_day: f64,
    anomalies: usize,
    snapshot_bytes: usize,
}

/// Tracking and rules of a frame with 50 tracks and 20 rules take at most a millisecond.
const FRAME_TARGET_US: f64 = 1_000.0;
/// Frames of one measurement of the whole detector.
const FRAMES: u64 = 2_000;

/// A camera-day at five frames a second.
const DAY: f64 = 432_000.0;

/// Measures a full camera and a usual one.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let costs = [(50, 20), (6, 8)].map(|(objects, rules)| cost(options, objects, rules));
    let costs = costs.into_iter().collect::<anyhow::Result<Vec<Cost>>>()?;
    let frame_us = frame(options, 50, 20)?;
    line(format!(
        "50 tracks, 20 rules, the whole detector but its models: {frame_us:.0} us a frame, target at most \
         {FRAME_TARGET_US:.0}: {}",
        if frame_us <= FRAME_TARGET_US { "met" } else { "missed" }
    ))?;
    for cost in &costs {
        line(format!(
            "{} objects, {} rules: {:.1} us a message, {:.0} s a camera-day, state {} bytes, {} anomalies",
            cost.objects,
            cost.rules,
            cost.us_per_message,
            cost.seconds_per_camera_day,
            cost.snapshot_bytes,
            cost.anomalies
        ))?;
    }
    fs::create_dir_all(&options.out).context("make the folder for results")?;
    fs::write(options.out.join("rules.json"), serde_json::to_vec_pretty(&costs)?).context("write the results")
}

/// Microseconds of CPU time of a frame with so many people through the detector, models left out.
fn frame(options: &Options, people: usize, rules: usize) -> anyhow::Result<f64> {
    let (width, height) = (1280, 720);
    // Something to tell people apart by, and to find motion in.
    let texture = |n: usize| (n.wrapping_mul(2_654_435_761) >> 13) as u8 / 4 + (n / 97 % 160) as u8;
    let picture = Picture::rgb(width, height, (0..width * height * 3).map(texture).collect::<Vec<_>>())?;
    let key = Key::from("c");
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let mut detector = Detector::new(Config::default(), None);
        detector.reload(Arc::new(tables(rules)?));
        detector.restore(&key, None);
        let frames = options.messages.min(FRAMES);
        let mut took = 0.0;
        for n in 0..frames {
            let seen = message(people, n);
            let rect = |b: v1::Box| Rect {
                x1: b.x1 * width as f32,
                y1: b.y1 * height as f32,
                x2: b.x2 * width as f32,
                y2: b.y2 * height as f32,
            };
            let boxes = seen.objects.iter().filter_map(|object| object.r#box);
            let objects = boxes.map(|b| Detection { class: 0, score: 0.9, rect: rect(b) }).collect();
            let message = v1::Frame {
                id: seen.frame,
                n,
                time_us: seen.time_us,
                width: width as u32,
                height: height as u32,
                source_width: width as u32,
                source_height: height as u32,
                plan: v1::Plan::Detect as i32,
                ..v1::Frame::default()
            };
            let input = Input(Arc::new(WithPicture { message, picture: Some(picture.clone()), quality: 90 }));
            let mut out = Collector::new(0);
            let began = thread_seconds()?;
            detector.apply(&key, &input, Seen { objects, ..Seen::default() }, &mut out)?;
            took += thread_seconds()? - began;
        }
        rounds.push(1e6 * took / frames as f64);
    }
    Ok(median(&rounds))
}

fn cost(options: &Options, objects: usize, rules: usize) -> anyhow::Result<Cost> {
    let tables = tables(rules)?;
    let messages: Vec<v1::Detections> = (0..options.messages).map(|n| message(objects, n)).collect();
    let mut rounds = Vec::new();
    let (mut anomalies, mut snapshot_bytes) = (0, 0);
    for _ in 0..options.rounds {
        let mut engine = Engine::default();
        engine.reload("c", &tables);
        let began = thread_seconds()?;
        anomalies = messages.iter().map(|message| engine.look(message).len()).sum();
        rounds.push((thread_seconds()? - began) * 1e6 / options.messages as f64);
        snapshot_bytes = Snapshot::of(engine.state()).0.len();
    }
    let us_per_message = median(&rounds);
    let seconds_per_camera_day = us_per_message * DAY / 1e6;
    Ok(Cost { objects, rules, us_per_message, seconds_per_camera_day, anomalies, snapshot_bytes })
}

/// Kind, zone, parameters.
type Kind = (&'static str, &'static str, &'static [(&'static str, f64)]);

/// Rules of every kind that looks at boxes, again and again until there are enough.
fn tables(count: usize) -> anyhow::Result<Tables> {
    let point = |(x, y): (f32, f32)| v1::Point { x, y };
    let zone = |id: &str, shape: v1::Shape, points: &[(f32, f32)]| v1::Zone {
        id: id.into(),
        camera: "c".into(),
        shape: shape as i32,
        points: points.iter().copied().map(point).collect(),
        version: 1,
        ..Default::default()
    };
    let mut tables = Tables::default();
    let area = [(0.3, 0.3), (0.7, 0.25), (0.8, 0.6), (0.6, 0.9), (0.35, 0.85), (0.25, 0.5)];
    for zone in [
        zone("area", v1::Shape::Polygon, &area),
        zone("line", v1::Shape::Line, &[(0.5, 0.0), (0.45, 0.5), (0.5, 1.0)]),
    ] {
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Zone(zone)) });
    }
    let kinds: [Kind; 10] = [
        ("entry", "area", &[]),
        ("dwell", "area", &[("seconds", 10.0)]),
        ("crossing", "line", &[]),
        ("running", "", &[]),
        ("crowd", "area", &[("count", 10.0)]),
        ("exit", "area", &[]),
        ("wrong_way", "area", &[("heading", 0.0)]),
        ("dispersal", "", &[]),
        ("congestion", "area", &[("count", 5.0)]),
        ("tailgating", "line", &[]),
    ];
    for n in 0..count {
        let (kind, zone, parameters) = kinds[n % kinds.len()];
        let rule = v1::Rule {
            id: format!("{kind}-{n}"),
            kind: kind.into(),
            camera: "c".into(),
            zone: zone.into(),
            severity: v1::Severity::Medium as i32,
            parameters: parameters.iter().map(|(name, value)| ((*name).into(), *value)).collect(),
            gap_s: 1.0,
            cooldown_s: 10.0,
            version: 1,
            ..Default::default()
        };
        validate(&rule, &tables).map_err(anyhow::Error::msg)?;
        tables.take_config(&v1::ConfigEntry { entry: Some(Entry::Rule(rule)) });
    }
    Ok(tables)
}

/// People who walk in circles of their own; each lives for a minute.
fn message(objects: usize, n: u64) -> v1::Detections {
    let object = |k: usize| {
        let life = (n + 37 * k as u64) / 300;
        let phase = k as f32 * 1.7 + n as f32 * (0.01 + 0.002 * (k % 7) as f32);
        let (x, y) = (0.5 + 0.4 * phase.sin(), 0.55 + 0.3 * (phase * 0.7).cos());
        let track = (k as u64 + 1 + 1000 * life).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        v1::Object {
            class: "person".into(),
            score: 0.9,
            r#box: Some(v1::Box { x1: x - 0.02, y1: y - 0.15, x2: x + 0.02, y2: y }),
            track,
            state: v1::ObjectState::Detected as i32,
            ..Default::default()
        }
    };
    v1::Detections {
        frame: Some(v1::FrameId { camera: "c".into(), role: 1, epoch: 1, seq: n }),
        n,
        time_us: 1_000_000_000_000_000 + n as i64 * 200_000,
        outcome: v1::Outcome::Analysed as i32,
        source_width: 1280,
        source_height: 720,
        objects: (0..objects).map(object).collect(),
        ..Default::default()
    }
}
