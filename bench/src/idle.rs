//! What idle decode misses: tracks that an analysis of every frame finds, and one of an idle camera's frames does not.
//! Each clip is encoded anew with key frames 1, 2 and 4 s apart, with pauses in which nothing happens where that is asked
//! for, and both analyses run through the real binary.

pub(crate) mod footage;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use clap::Args;
use cortex_fleet::child;
use cortex_models::Rect;
use serde::{Deserialize, Serialize};

pub(crate) use self::footage::rate;
use crate::report::line;

/// What is analysed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clips, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP", required = true, num_args = 1..)]
    clip: Vec<PathBuf>,
    /// Cortex's binary
    #[arg(long, env = "CORTEX_BENCH_CORTEX")]
    cortex: PathBuf,
    /// Python with the packages of `peers/requirements.txt`; its pipeline is left out without
    #[arg(long, env = "CORTEX_BENCH_PYTHON")]
    python: Option<PathBuf>,
    /// The pipeline
    #[arg(long, default_value = "bench/peers/pipeline.py")]
    pipeline: PathBuf,
    /// Folder of the pipeline's model files
    #[arg(long, default_value = "models/files")]
    models: PathBuf,
    /// Seconds between key frames
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    intervals: Vec<u64>,
    /// Seconds of the clip between two pauses
    #[arg(long, default_value_t = 6)]
    part: u64,
    /// Seconds of a pause, which shows the clip's median: for clips whose people walk, or they stand in it as ghosts; 0 for
    /// the clip as it is
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// The models run on every n-th frame; above 1 the two analyses look at different frames, and recall says nothing
    #[arg(long, default_value_t = 1)]
    every: u64,
    /// The object model's picture, as in the config
    #[arg(long, default_value = "640x384", value_parser = crate::size)]
    object_size: (usize, usize),
    /// Longest side of the face model's picture, as in the config
    #[arg(long, default_value_t = 640)]
    face_side: usize,
    /// Folder for the encoded clips, the results and `idle.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    out: PathBuf,
}

/// Tracks above so many seconds, and the points of recall that may be lost on them.
const TARGETS: [(f64, f64); 2] = [(2.0, 0.5), (1.0, 2.0)];
/// A track is found when so much of it is covered by tracks of its class.
const COVERED: f64 = 0.5;
/// Boxes that overlap so much are of the same thing.
const OVERLAP: f32 = 0.5;
/// Between two sights of the same track that lie no further apart than the looks at a camera that rests, what was seen went
/// straight from one to the other; in seconds.
const LOOK_S: f64 = 12.5;

/// A line of `detections.ndjson`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Row {
    frame: u64,
    time: f64,
    track: Option<u64>,
    state: String,
    class: String,
    r#box: [f32; 4],
}

/// One analysis.
struct Analysis {
    rows: Vec<Row>,
    cpu_seconds: f64,
}

/// One clip at one interval.
#[derive(Debug, Serialize)]
struct Measured {
    clip: String,
    interval_s: u64,
    /// For each of the targets: tracks, and those of them that were missed.
    tracks: Vec<(usize, usize)>,
    /// Of all boxes of tracks, the share that is covered.
    covered: f64,
    /// CPU time of the analysis of everything over that of the idle one.
    cpu_ratio: f64,
    /// CPU time of the Python pipeline, which looks at the same frames, over that of the idle analysis.
    python_ratio: Option<f64>,
    /// Memory of the Python pipeline in MiB.
    python_mib: Option<f64>,
}

/// What the Python pipeline says of itself.
#[derive(Debug, Deserialize)]
struct Python {
    memory_mib: f64,
}

/// Runs everything and writes `idle.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    fs::create_dir_all(&options.out)?;
    line(
        "\nidle: what is found when only key frames are decoded until something moves, against every frame",
    )?;
    let mut all: Vec<Measured> = Vec::new();
    for clip in &options.clip {
        for interval_s in &options.intervals {
            let measured = measure(options, clip, *interval_s)?;
            let missed: Vec<String> = (measured.tracks.iter().zip(TARGETS))
                .map(|((tracks, missed), (seconds, _))| format!("{missed} of {tracks} above {seconds} s"))
                .collect();
            line(format!(
                "  {} with key frames {interval_s} s apart: missed {}; {:.2} % of boxes covered; CPU time of every frame {:.1} \
                 times{}",
                measured.clip,
                missed.join(", "),
                100.0 * measured.covered,
                measured.cpu_ratio,
                measured.python_ratio.map_or_else(String::new, |ratio| format!(
                    ", of Python {ratio:.1} times, in {:.0} MiB",
                    measured.python_mib.unwrap_or_default()
                ))
            ))?;
            all.push(measured);
        }
    }
    for (index, (seconds, target)) in TARGETS.into_iter().enumerate() {
        let sum = |of: fn(&(usize, usize)) -> usize| all.iter().map(|m| of(&m.tracks[index])).sum::<usize>();
        let lost = 100.0 * sum(|tracks| tracks.1) as f64 / sum(|tracks| tracks.0).max(1) as f64;
        let verdict = if lost <= target { "met" } else { "missed" };
        line(format!(
            "  recall lost on tracks above {seconds} s: {lost:.2} points, target {target}: {verdict}"
        ))?;
    }
    let file = options.out.join("idle.json");
    fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    Ok(line(format!("every run: {}", file.display()))?)
}

fn measure(options: &Options, clip: &Path, interval_s: u64) -> anyhow::Result<Measured> {
    let name = clip.file_stem().context("a clip has a name")?.to_string_lossy().into_owned();
    let encoded = options.out.join(format!("{name}-{interval_s}s-{}s.mkv", options.pause));
    if !encoded.is_file() {
        footage::write(clip, &encoded, interval_s, (options.part, options.pause))?;
    }
    let whole = analyse(options, &encoded, "off")?;
    let idle = analyse(options, &encoded, "all")?;
    let python = options.python.as_ref().map(|python| peer(options, python, &encoded)).transpose()?;
    let found = sights(&idle.rows);
    let mut tracks: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in whole.rows.iter().filter(|row| row.state == "detected") {
        if let Some(track) = row.track {
            tracks.entry(track).or_default().push(row);
        }
    }
    let is_found = |row: &&Row| {
        let others = found.get(row.class.as_str()).into_iter().flatten();
        others.filter_map(|track| at(track, row.frame)).any(|other| other.iou(&rect(row)) >= OVERLAP)
    };
    let length = |rows: &[&Row]| rows[rows.len() - 1].time - rows[0].time;
    let covered = |rows: &[&Row]| rows.iter().copied().filter(|row| is_found(row)).count();
    let judged = TARGETS.map(|(seconds, _)| {
        let long: Vec<&Vec<&Row>> = tracks.values().filter(|rows| length(rows) > seconds).collect();
        let missed = long.iter().filter(|rows| (covered(rows) as f64) < COVERED * rows.len() as f64);
        (long.len(), missed.count())
    });
    let boxes: usize = tracks.values().map(Vec::len).sum();
    let found: usize = tracks.values().map(|rows| covered(rows)).sum();
    Ok(Measured {
        clip: name,
        interval_s,
        tracks: judged.to_vec(),
        covered: found as f64 / boxes.max(1) as f64,
        cpu_ratio: whole.cpu_seconds / idle.cpu_seconds,
        python_ratio: python.as_ref().map(|python| python.0 / idle.cpu_seconds),
        python_mib: python.map(|python| python.1.memory_mib),
    })
}

/// The Python pipeline on the same frames: CPU seconds, and what it says.
fn peer(options: &Options, python: &Path, clip: &Path) -> anyhow::Result<(f64, Python)> {
    let mut command = Command::new(python);
    command.arg(&options.pipeline).arg("--clip").arg(clip).args(["--every", &options.every.to_string()]);
    let (width, height) = options.object_size;
    command.args([
        "--object-size",
        &format!("{width}x{height}"),
        "--face-side",
        &options.face_side.to_string(),
    ]);
    command.arg("--models").arg(&options.models);
    let ran = child::run(command)?;
    let said = ran.output.lines().last().context("the pipeline said nothing")?;
    let said = serde_json::from_str(said).with_context(|| format!("the pipeline said {said}"))?;
    Ok((ran.cpu_seconds, said))
}

/// The rows of each track, by the class that they had, in order.
fn sights(rows: &[Row]) -> HashMap<&str, Vec<Vec<&Row>>> {
    let mut tracks: BTreeMap<(u64, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        if let Some(track) = row.track {
            tracks.entry((track, row.class.as_str())).or_default().push(row);
        }
    }
    let mut classes: HashMap<&str, Vec<Vec<&Row>>> = HashMap::new();
    for ((_, class), rows) in tracks {
        classes.entry(class).or_default().push(rows);
    }
    classes
}

/// Where a track is at this frame.
fn at(track: &[&Row], frame: u64) -> Option<Rect> {
    let next = track.partition_point(|row| row.frame < frame);
    let after = track.get(next)?;
    if after.frame == frame {
        return Some(rect(after));
    }
    let before = track.get(next.checked_sub(1)?)?;
    if after.time - before.time > LOOK_S {
        return None;
    }
    let share = (frame - before.frame) as f32 / (after.frame - before.frame) as f32;
    let (from, to) = (before.r#box, after.r#box);
    let [x1, y1, x2, y2] = std::array::from_fn(|side| from[side] + (to[side] - from[side]) * share);
    Some(Rect { x1, y1, x2, y2 })
}

fn rect(row: &Row) -> Rect {
    let [x1, y1, x2, y2] = row.r#box;
    Rect { x1, y1, x2, y2 }
}

fn analyse(options: &Options, clip: &Path, idle: &str) -> anyhow::Result<Analysis> {
    let out = options.out.join(format!("idle-{idle}"));
    fs::create_dir_all(&out)?;
    let config = out.join("bench.toml");
    let ((width, height), face_side) = (options.object_size, options.face_side);
    fs::write(
        &config,
        format!(
            "[ingest]\nidle = \"{idle}\"\n\
             [detector]\nobject_size = [{width}, {height}]\nface_long_side = {face_side}\n"
        ),
    )?;
    let mut command = Command::new(&options.cortex);
    command.arg("analyze").arg(clip).args(["--every", &options.every.to_string(), "--quiet"]);
    command.arg("--config").arg(&config).arg("--out").arg(&out);
    let ran = child::run(command)?;
    let rows = fs::read_to_string(out.join("detections.ndjson"))?;
    let rows = rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(Analysis { rows, cpu_seconds: ran.cpu_seconds })
}
