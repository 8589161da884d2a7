//! What Cortex costs and what it withstands, measured.

mod back;
mod cameras;
mod clip;
mod clips;
mod crowd;
mod efficiency;
mod facts;
mod flapping;
mod gallery;
mod health;
mod hop;
mod idle;
mod ingest;
mod latency;
mod overload;
mod parts;
mod report;
mod rules;
mod wake;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures the system.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// CPU seconds a frame, of Cortex, of the unavoidable parts alone and of a Python pipeline, in turn
    Efficiency(efficiency::Options),
    /// Decoded frames at many times what fits: goodput, age of what is analysed, and what became of the rest
    Overload(overload::Options),
    /// From a frame's arrival to the alert in a subscriber's hand, alone and under load
    Latency(latency::Options),
    /// CPU time of a fleet's five processes over that of one that does everything; needs servers
    Hop(hop::Options),
    /// Facts of many cameras through Kafka, the store, an alerter and its subscribers: what arrives, and what it costs;
    /// needs servers
    Facts(facts::Options),
    /// CPU time of a message through a camera's rules, and the size of what they remember
    Rules(rules::Options),
    /// CPU time of a search of the gallery, against a scan of full vectors and against reading the memory; time to load one
    Gallery(gallery::Options),
    /// CPU time of the cloaker with clips and without, and the bytes of what waits and is stored
    Clips(clips::Options),
    /// What becomes of more cameras than can be decoded
    Crowd(crowd::Options),
    /// How soon cameras are back after their server is
    Back(back::Options),
    /// Cameras that come and go: threads, files and memory stay flat, others are not disturbed
    Flapping(flapping::Options),
    /// Faults of cameras' pictures: found in time, and none where there is none
    Health(health::Options),
    /// What idle decode misses, against an analysis of every frame
    Idle(idle::Options),
    /// How soon an idle camera wakes
    Wake(wake::Options),
    /// CPU time and memory of an idle camera, beside the floor
    Cameras(cameras::Options),
    /// Every benchmark with its defaults
    All(efficiency::Options),
    /// The unavoidable parts alone, once; what `efficiency` runs as a child
    Parts(Work),
    /// One contender with its cameras, once; what `cameras` runs as a child
    #[command(hide = true)]
    CamerasPart(cameras::Part),
    /// A server until it is killed; what `flapping` runs as a child
    #[command(hide = true)]
    FlappingPart(flapping::Part),
}

/// What is analysed.
#[derive(Args, Clone, Debug)]
struct Work {
    /// The clip
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    clip: PathBuf,
    /// Width and height of the object detector's input
    #[arg(long, default_value = "640x384", value_parser = size)]
    object_size: (usize, usize),
    /// Longer side of the face detector's input
    #[arg(long, default_value_t = 640)]
    face_side: usize,
    /// Folder of the model files
    #[arg(long, default_value = "models/files")]
    models: PathBuf,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let wrong = || format!("{text} is no size; 640x384 is one");
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    Ok((width.parse().map_err(|_| wrong())?, height.parse().map_err(|_| wrong())?))
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().benchmark {
        Benchmark::Efficiency(options) => efficiency::run(&options),
        Benchmark::Overload(options) => overload::run(&options),
        Benchmark::Latency(options) => latency::run(&options),
        Benchmark::Hop(options) => hop::run(&options),
        Benchmark::Facts(options) => facts::run(&options),
        Benchmark::Rules(options) => rules::run(&options),
        Benchmark::Gallery(options) => gallery::run(&options),
        Benchmark::All(options) => {
            efficiency::run(&options)?;
            overload::run(&overload::Options::beside(&options))?;
            latency::run(&latency::Options::beside(&options))
        }
        Benchmark::Parts(work) => parts::run(&work),
        Benchmark::Clips(options) => clips::run(&options),
        Benchmark::Crowd(options) => crowd::run(&options),
        Benchmark::Back(options) => back::run(&options),
        Benchmark::Flapping(options) => flapping::run(&options),
        Benchmark::Health(options) => health::run(&options),
        Benchmark::Idle(options) => idle::run(&options),
        Benchmark::Wake(options) => wake::run(&options),
        Benchmark::Cameras(options) => cameras::run(&options),
        Benchmark::FlappingPart(part) => flapping::part(&part),
        Benchmark::CamerasPart(part) => cameras::part(&part),
    }
}
