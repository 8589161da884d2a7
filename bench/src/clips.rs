//! What the JPEGs of clips cost: CPU time of the cloaker with clips and without, while nobody looks and while somebody does,
//! picture by picture in turn, and the bytes of what waits and of what is stored.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Args;
use cortex_cloaker::{Cloaker, Config, Input};
use cortex_models::Picture;
use cortex_proto::v1;
use cortex_runtime::{Collector, Key, Stage, WithPicture, runner::wall_clock, store::table};
use serde::Serialize;

use crate::{
    clip::Decoder,
    parts::thread_seconds,
    report::{line, median},
};

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Every so many-th picture of it is analysed, at five a second
    #[arg(long, default_value_t = 2)]
    every: usize,
    /// Folder for `clips.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// Pictures analysed in a second.
const RATE: f64 = 5.0;
/// The fired rule of every so many-th picture: an alert a minute.
const ALERT: u64 = 300;

/// One way to run the cloaker.
#[derive(Serialize)]
struct Cost {
    name: &'static str,
    /// Milliseconds of CPU time a picture.
    ms: f64,
    /// Share of a core for one camera.
    core: f64,
    /// Pictures stored.
    stored: usize,
    /// Bytes of one of them, in the middle.
    picture_bytes: f64,
}

struct Contender {
    name: &'static str,
    cloaker: Cloaker,
    watched: bool,
    ms: Vec<f64>,
    sizes: Vec<f64>,
}

impl Contender {
    fn new(name: &'static str, clips: bool, watched: bool) -> Self {
        let config = Config::default();
        let off = Config { clip_before_s: 0.0, clip_after_s: 0.0, ..Config::default() };
        let cloaker = Cloaker::new(if clips { config } else { off });
        Self { name, cloaker, watched, ms: Vec::new(), sizes: Vec::new() }
    }

    /// One picture with somebody in it who walks on.
    fn take(&mut self, key: &Key, n: u64, picture: &Picture) -> anyhow::Result<()> {
        let mut out = Collector::new(0);
        if self.watched {
            let time_us = wall_clock();
            let asks = v1::Demand { camera: key.to_string(), viewer: true, time_us, ..Default::default() };
            self.cloaker.apply(key, &Input::Demand(Arc::new(asks)), (), &mut out)?;
        }
        let (frame, seen) = analysed(key, n, picture);
        let frame = Input::Frame(Arc::new(WithPicture {
            message: frame,
            picture: Some(picture.clone()),
            quality: 90,
        }));
        let seen = Input::Detections(Arc::new(seen));
        let began = thread_seconds()?;
        self.cloaker.apply(key, &frame, (), &mut out)?;
        self.cloaker.apply(key, &seen, (), &mut out)?;
        self.ms.push(1e3 * (thread_seconds()? - began));
        let pictures = out.stored().iter().filter(|row| row.table == table::CLIP_PICTURES.name);
        self.sizes.extend(pictures.map(|row| row.body.len() as f64));
        Ok(())
    }

    fn cost(&self) -> Cost {
        let ms = self.ms.iter().sum::<f64>() / self.ms.len() as f64;
        Cost {
            name: self.name,
            ms,
            core: ms * RATE / 1e3,
            stored: self.sizes.len(),
            picture_bytes: if self.sizes.is_empty() { 0.0 } else { median(&self.sizes) },
        }
    }
}

/// A frame and what is seen in it.
fn analysed(key: &Key, n: u64, picture: &Picture) -> (v1::Frame, v1::Detections) {
    let id = Some(v1::FrameId { camera: key.to_string(), role: 1, epoch: 1, seq: n });
    let time_us = 1_700_000_000_000_000 + (n as f64 * 1e6 / RATE) as i64;
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let at = 0.1 + 0.7 * (n % 50) as f32 / 50.0;
    let person = v1::Object {
        class: "person".into(),
        score: 0.9,
        r#box: Some(v1::Box { x1: at, y1: 0.3, x2: at + 0.08, y2: 0.7 }),
        track: 1,
        state: v1::ObjectState::Detected as i32,
        ..Default::default()
    };
    let frame = v1::Frame { id: id.clone(), n, time_us, width, height, ..Default::default() };
    let seen = v1::Detections {
        frame: id,
        n,
        time_us,
        source_width: width,
        source_height: height,
        outcome: v1::Outcome::Analysed as i32,
        objects: vec![person],
        fired: n % ALERT == ALERT - 1,
        ..Default::default()
    };
    (frame, seen)
}

/// Measures all four on the same pictures, one after the other.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut all = [
        Contender::new("nobody looks, no clips", false, false),
        Contender::new("nobody looks, clips", true, false),
        Contender::new("somebody looks, no clips", false, true),
        Contender::new("somebody looks, clips", true, true),
    ];
    let key = Key::from("c");
    let decoder = Decoder::open(&options.clip)?;
    let (mut pictures, mut n) = (0, 0);
    let mut size = (0, 0);
    while let Some(picture) = decoder.next()? {
        pictures += 1;
        if pictures % options.every.max(1) != 0 {
            continue;
        }
        size = (picture.width(), picture.height());
        for contender in &mut all {
            contender.take(&key, n, &picture)?;
        }
        n += 1;
    }
    let costs: Vec<Cost> = all.iter().map(Contender::cost).collect();
    line(format!("{n} pictures of {}x{}, an alert a minute", size.0, size.1))?;
    for cost in &costs {
        line(format!(
            "{}: {:.2} ms a picture, {:.3} cores a camera at {RATE} a second, {} pictures of {:.0} KiB stored",
            cost.name,
            cost.ms,
            cost.core,
            cost.stored,
            cost.picture_bytes / 1024.0,
        ))?;
    }
    fs::create_dir_all(&options.out).context("make the folder for results")?;
    fs::write(options.out.join("clips.json"), serde_json::to_vec_pretty(&costs)?).context("write the results")
}
