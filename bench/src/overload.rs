//! Decoded frames offered at many times what fits. A generator on one core publishes frames of many cameras on the
//! embedded bus; the real detector under the real runner works on the other core. Capacity is measured under the same
//! pinning, by a generator that waits for each answer.

mod plant;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use self::plant::{Answer, Plant};
use crate::{
    Work, efficiency,
    report::{line, median, percentile},
};

/// What is offered, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    work: Work,
    /// How many cameras
    #[arg(long, default_value_t = 16)]
    cameras: usize,
    /// Frames offered for each that fits
    #[arg(long, default_value_t = 10.0)]
    factor: f64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// How often capacity and goodput are measured, in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Core of the generator
    #[arg(long, default_value_t = 0)]
    generator_core: usize,
    /// Core of Cortex
    #[arg(long, default_value_t = 1)]
    cortex_core: usize,
    /// Folder for `overload.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

impl Options {
    /// The defaults, on the clip and into the folder of another benchmark.
    pub(crate) fn beside(other: &efficiency::Options) -> Self {
        Self {
            work: Work {
                clip: other.clip.clone(),
                object_size: (640, 384),
                face_side: 640,
                models: other.models.clone(),
            },
            cameras: 16,
            factor: 10.0,
            seconds: 15,
            rounds: 3,
            generator_core: 0,
            cortex_core: 1,
            out: other.out.clone(),
        }
    }
}

/// Goodput over capacity is at least this.
const GOODPUT_TARGET: f64 = 0.95;

/// Nothing analysed is older than so many rounds through all cameras.
const AGE_ROUNDS: f64 = 2.0;

/// How long the plant may take until a frame is answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing comes any more.
const QUIET: Duration = Duration::from_secs(1);

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    cameras: usize,
    capacity_per_s: Vec<f64>,
    offered_per_s: Vec<f64>,
    goodput_per_s: Vec<f64>,
    goodput_over_capacity: f64,
    age_ms: Ages,
    age_bound_ms: f64,
    published: u64,
    answered: u64,
    gaps_in_n: u64,
    told_with_reason: BTreeMap<String, u64>,
    fewest_of_a_camera: u64,
    most_of_a_camera: u64,
}

/// Ages of analysed frames under overload when their answer was out, in milliseconds.
#[derive(Debug, Default, Serialize)]
struct Ages {
    p50: f64,
    p95: f64,
    max: f64,
}

/// Runs everything and writes `overload.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.cameras > 0 && options.rounds > 0, "overload needs a camera and a round");
    line(format!(
        "\noverload: {} cameras, frames decoded beforehand, detector on core {}, generator on core {}",
        options.cameras, options.cortex_core, options.generator_core
    ))?;
    let mut plant = Plant::start(options)?;
    let answers = plant.answers()?;
    // Everything from here on is the generator's; the plant's threads stay where they were started.
    cortex_fleet::affinity::pin(options.generator_core)?;
    let mut tally = Tally::new(options.cameras);
    begin(&mut plant, &answers, &mut tally)?;
    let length = Duration::from_secs(options.seconds);
    let (mut capacity, mut offered, mut goodput) = (Vec::new(), Vec::new(), Vec::new());
    let mut ages = Vec::new();
    for _ in 0..options.rounds {
        capacity.push(closed_loop(&mut plant, &answers, &mut tally, length)?);
        settle(&answers, &mut tally);
        let rate = options.factor * capacity[capacity.len() - 1];
        let (sent, seen) = open_loop(&mut plant, &answers, &mut tally, length, rate)?;
        offered.push(sent as f64 / length.as_secs_f64());
        goodput.push(seen.len() as f64 / length.as_secs_f64());
        ages.extend(seen);
        settle(&answers, &mut tally);
    }
    let told = end(&mut plant, &answers, &mut tally)?;
    plant.stop()?;
    ages.sort_by(f64::total_cmp);
    let at = |share| percentile(&ages, share);
    let measured = Measured {
        cameras: options.cameras,
        goodput_over_capacity: median(&goodput) / median(&capacity),
        age_ms: Ages { p50: at(0.5), p95: at(0.95), max: at(1.0) },
        age_bound_ms: AGE_ROUNDS * 1000.0 * options.cameras as f64 / median(&capacity),
        capacity_per_s: capacity,
        offered_per_s: offered,
        goodput_per_s: goodput,
        published: plant.published() - tally.before(),
        answered: tally.answered(),
        gaps_in_n: tally.gaps(),
        told_with_reason: told,
        fewest_of_a_camera: tally.per_camera().min().unwrap_or(0),
        most_of_a_camera: tally.per_camera().max().unwrap_or(0),
    };
    tell(&measured)?;
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("overload.json"), serde_json::to_string_pretty(&measured)?)?;
    Ok(())
}

/// Offers frames until each camera was answered once: the plant is warm and its partitions are assigned.
fn begin(plant: &mut Plant, answers: &Receiver<Answer>, tally: &mut Tally) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE * 3;
    while tally.first.iter().any(Option::is_none) {
        ensure!(Instant::now() < until, "the detector answers nothing");
        for camera in 0..tally.first.len() {
            if tally.first[camera].is_none() {
                plant.publish(camera)?;
            }
        }
        settle(answers, tally);
    }
    Ok(())
}

/// One frame of each camera is always on its way: frames answered a second.
fn closed_loop(
    plant: &mut Plant,
    answers: &Receiver<Answer>,
    tally: &mut Tally,
    length: Duration,
) -> anyhow::Result<f64> {
    for camera in 0..tally.first.len() {
        plant.publish(camera)?;
    }
    let (start, mut done) = (Instant::now(), 0_u64);
    while start.elapsed() < length {
        let answer = answers.recv_timeout(PATIENCE).context("the detector stopped answering")?;
        plant.publish(answer.camera)?;
        tally.take(&answer);
        done += 1;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// Frames at a fixed rate whatever becomes of them: how many were sent, and the ages of those analysed meanwhile.
fn open_loop(
    plant: &mut Plant,
    answers: &Receiver<Answer>,
    tally: &mut Tally,
    length: Duration,
    rate: f64,
) -> anyhow::Result<(u64, Vec<f64>)> {
    let (start, mut sent, mut ages) = (Instant::now(), 0_u64, Vec::new());
    while start.elapsed() < length {
        plant.publish(sent as usize % tally.first.len())?;
        sent += 1;
        while let Ok(answer) = answers.try_recv() {
            tally.take(&answer);
            ages.push(answer.age_ms);
        }
        let due = Duration::from_secs_f64(sent as f64 / rate);
        thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Ok((sent, ages))
}

/// Takes answers until nothing comes any more.
fn settle(answers: &Receiver<Answer>, tally: &mut Tally) {
    loop {
        match answers.recv_timeout(QUIET) {
            Ok(answer) => tally.take(&answer),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A last frame of each camera, so that each tells once more what it left out and why; the sum of that.
fn end(
    plant: &mut Plant,
    answers: &Receiver<Answer>,
    tally: &mut Tally,
) -> anyhow::Result<BTreeMap<String, u64>> {
    for camera in 0..tally.first.len() {
        plant.publish(camera)?;
        settle(answers, tally);
    }
    Ok(plant.left_out())
}

/// Answers by camera.
struct Tally {
    /// `n` of the first frame answered.
    first: Vec<Option<u64>>,
    /// `n` of the last one.
    last: Vec<u64>,
    count: Vec<u64>,
}

impl Tally {
    fn new(cameras: usize) -> Self {
        Self { first: vec![None; cameras], last: vec![0; cameras], count: vec![0; cameras] }
    }

    fn take(&mut self, answer: &Answer) {
        self.first[answer.camera].get_or_insert(answer.n);
        self.last[answer.camera] = answer.n;
        self.count[answer.camera] += 1;
    }

    fn answered(&self) -> u64 {
        self.count.iter().sum()
    }

    /// Frames published before a camera's first answer: nobody listened yet.
    fn before(&self) -> u64 {
        self.first.iter().flatten().sum()
    }

    fn per_camera(&self) -> impl Iterator<Item = u64> + '_ {
        self.count.iter().copied()
    }

    /// Numbers that were passed over between the first and the last answer of each camera.
    fn gaps(&self) -> u64 {
        let of = |camera: usize| self.last[camera] + 1 - self.first[camera].unwrap_or(0) - self.count[camera];
        (0..self.count.len()).map(of).sum()
    }
}

fn tell(measured: &Measured) -> std::io::Result<()> {
    let verdict = |met: bool| if met { "met" } else { "missed" };
    let told: u64 = measured.told_with_reason.values().sum();
    line(format!(
        "  capacity {:.1}/s, offered {:.0}/s, goodput {:.1}/s (medians)",
        median(&measured.capacity_per_s),
        median(&measured.offered_per_s),
        median(&measured.goodput_per_s)
    ))?;
    line(format!(
        "  goodput/capacity = {:.3}, target at least {GOODPUT_TARGET}: {}",
        measured.goodput_over_capacity,
        verdict(measured.goodput_over_capacity >= GOODPUT_TARGET)
    ))?;
    line(format!(
        "  age of analysed frames: p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms; at most {:.0} ms ({AGE_ROUNDS} rounds): {}",
        measured.age_ms.p50,
        measured.age_ms.p95,
        measured.age_ms.max,
        measured.age_bound_ms,
        verdict(measured.age_ms.max <= measured.age_bound_ms)
    ))?;
    line(format!(
        "  {} published, {} answered, {} gaps in n, {told} told with a reason {:?}: {}",
        measured.published,
        measured.answered,
        measured.gaps_in_n,
        measured.told_with_reason,
        verdict(measured.published == measured.answered + measured.gaps_in_n && told == measured.gaps_in_n)
    ))?;
    line(format!("  answered a camera: {} to {}", measured.fewest_of_a_camera, measured.most_of_a_camera))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_the_numbers_passed_over() {
        let mut tally = Tally::new(2);
        for (camera, n) in [(0, 3), (1, 0), (0, 4), (0, 9), (1, 1)] {
            tally.take(&Answer { camera, n, age_ms: 0.0 });
        }
        assert_eq!((tally.gaps(), tally.answered(), tally.before()), (4, 5, 3));
    }
}
