//! CPU seconds an analysed frame of three contenders, run in turn (A B C A B C …), so that a noisy neighbour hits all
//! of them alike.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use cortex_fleet::child;
use serde::Serialize;

use crate::{
    Work,
    report::{Said, line, median},
};

/// What is compared, and on what.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The clip, H.264
    #[arg(long, env = "CORTEX_BENCH_CLIP")]
    pub(crate) clip: PathBuf,
    /// Cortex's binary, built for speed
    #[arg(long, env = "CORTEX_BENCH_CORTEX")]
    pub(crate) cortex: PathBuf,
    /// A Python with the packages of `bench/peers/requirements.txt`
    #[arg(long, env = "CORTEX_BENCH_PYTHON")]
    python: PathBuf,
    /// The Python pipeline
    #[arg(long, default_value = "bench/peers/pipeline.py")]
    pipeline: PathBuf,
    /// Folder of the model files
    #[arg(long, default_value = "models/files")]
    pub(crate) models: PathBuf,
    /// How often each contender runs
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Who runs
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Contender::value_variants().to_vec())]
    contenders: Vec<Contender>,
    /// Folder for `efficiency.json`
    #[arg(long, env = "CORTEX_BENCH_OUT", default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Contender {
    /// (a) Cortex: the real binary
    Cortex,
    /// (b) the unavoidable parts alone
    Parts,
    /// (c) a straightforward Python pipeline
    Python,
}

impl Contender {
    const fn letter(self) -> char {
        match self {
            Self::Cortex => 'a',
            Self::Parts => 'b',
            Self::Python => 'c',
        }
    }

    /// What it does, and what is counted.
    const fn work(self) -> &'static str {
        match self {
            Self::Cortex => {
                "cortex analyze: decode, resize, objects, faces, outputs decoded, tracks, rules, regions to redact, \
                 detections stored and written as NDJSON; nobody looks, so no picture is masked or made a JPEG; \
                 the whole process is counted, start-up included"
            }
            Self::Parts => {
                "the parts nobody can leave out: decode, resize, objects, faces (session calls only); \
                 the loop is counted, start-up is not"
            }
            Self::Python => {
                "Python, OpenCV, ONNX Runtime, ByteTrack of `trackers`: decode, resize, objects, faces, outputs \
                 decoded, tracks; no redaction, no JPEG; the loop is counted, start-up is not"
            }
        }
    }
}

/// Sizes of the networks' inputs: the default, and what a small machine would take.
const SIZES: [((usize, usize), usize); 2] = [((640, 384), 640), ((320, 192), 320)];

/// At least so much of Cortex's time goes into the unavoidable parts.
const PARTS_TARGET: f64 = 0.87;

/// So much more the Python pipeline takes, at 640 and at 320 pixels.
const PYTHON_TARGETS: [f64; 2] = [1.15, 1.3];

/// One size, measured.
#[derive(Debug, Serialize)]
struct Measured {
    object_size: (usize, usize),
    face_side: usize,
    frames: u64,
    runs: Vec<Run>,
    parts_over_cortex: f64,
    python_over_cortex: f64,
}

/// One run of one contender.
#[derive(Debug, Serialize)]
struct Run {
    contender: Contender,
    /// What the comparison stands on.
    cpu_ms_per_frame: f64,
    /// Of the whole process, start-up included.
    process_cpu_seconds: f64,
    wall_seconds: f64,
    said: Option<Said>,
}

/// Runs everything and writes `efficiency.json`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(
        options.clip.is_file(),
        "no clip at {}; `make setup` makes the demo clip",
        options.clip.display()
    );
    line(format!(
        "efficiency: CPU time an analysed frame of {}, every frame analysed, one thread a model",
        options.clip.display()
    ))?;
    for contender in &options.contenders {
        line(format!("  ({}) {}", contender.letter(), contender.work()))?;
    }
    let mut all = Vec::new();
    for (index, (object_size, face_side)) in SIZES.into_iter().enumerate() {
        let work =
            Work { clip: options.clip.clone(), object_size, face_side, models: options.models.clone() };
        let measured = measure(options, &work)?;
        tell(&measured, PYTHON_TARGETS[index])?;
        all.push(measured);
    }
    fs::create_dir_all(&options.out)?;
    let file = options.out.join("efficiency.json");
    fs::write(&file, serde_json::to_string_pretty(&all)?)?;
    Ok(line(format!("every run: {}", file.display()))?)
}

fn measure(options: &Options, work: &Work) -> anyhow::Result<Measured> {
    let mut runs: Vec<Run> = Vec::new();
    let mut frames = 0;
    for _ in 0..options.rounds {
        // Whoever counts frames goes before Cortex's figure is divided, so the letters are sorted afterwards.
        let mut round = Vec::new();
        for contender in &options.contenders {
            let ran = child::run(command(options, work, *contender)?)?;
            let said = match contender {
                Contender::Cortex => None,
                Contender::Parts | Contender::Python => Some(said(&ran.output)?),
            };
            round.push((*contender, ran, said));
        }
        let counts: Vec<u64> =
            round.iter().filter_map(|(_, _, said)| said.as_ref().map(|said| said.frames)).collect();
        ensure!(
            counts.windows(2).all(|two| two[0] == two[1]),
            "contenders saw different numbers of frames: {counts:?}"
        );
        frames = *counts.first().context("cortex alone counts no frames: add `parts` to the contenders")?;
        runs.extend(round.into_iter().map(|(contender, ran, said)| Run {
            contender,
            cpu_ms_per_frame:
                said.as_ref().map_or(1000.0 * ran.cpu_seconds / frames as f64, |said| said.cpu_ms_per_frame),
            process_cpu_seconds: ran.cpu_seconds,
            wall_seconds: ran.wall_seconds,
            said,
        }));
    }
    let of = |contender| median_of(&runs, contender);
    let cortex = of(Contender::Cortex);
    let (parts_over_cortex, python_over_cortex) =
        (of(Contender::Parts) / cortex, of(Contender::Python) / cortex);
    Ok(Measured {
        object_size: work.object_size,
        face_side: work.face_side,
        frames,
        runs,
        parts_over_cortex,
        python_over_cortex,
    })
}

fn median_of(runs: &[Run], contender: Contender) -> f64 {
    let of: Vec<f64> =
        runs.iter().filter(|run| run.contender == contender).map(|run| run.cpu_ms_per_frame).collect();
    median(&of)
}

/// The last line is the report; a library may have said something before it.
fn said(output: &str) -> anyhow::Result<Said> {
    let last = output.lines().last().context("a contender said nothing")?;
    serde_json::from_str(last).with_context(|| format!("a contender said {last}"))
}

fn command(options: &Options, work: &Work, contender: Contender) -> anyhow::Result<Command> {
    let (width, height) = work.object_size;
    let size = format!("{width}x{height}");
    let side = work.face_side.to_string();
    let shared = |command: &mut Command| {
        command.arg("--clip").arg(&work.clip).args(["--object-size", &size, "--face-side", &side]);
        command.arg("--models").arg(&work.models);
    };
    Ok(match contender {
        Contender::Cortex => {
            let out = options.out.join(format!("analyze-{size}"));
            fs::create_dir_all(&out)?;
            let config = out.join("bench.toml");
            fs::write(
                &config,
                format!("[detector]\nobject_size = [{width}, {height}]\nface_long_side = {side}\n"),
            )?;
            let mut command = Command::new(&options.cortex);
            command.arg("analyze").arg(&work.clip).args(["--every", "1", "--quiet"]);
            command.arg("--config").arg(config).arg("--out").arg(out);
            command
        }
        Contender::Parts => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("parts");
            shared(&mut command);
            command
        }
        Contender::Python => {
            let mut command = Command::new(&options.python);
            command.arg(&options.pipeline);
            shared(&mut command);
            command
        }
    })
}

fn tell(measured: &Measured, python_target: f64) -> std::io::Result<()> {
    let (width, height) = measured.object_size;
    line(format!(
        "\nobjects at {width}x{height}, faces at {} a side, {} frames, medians:",
        measured.face_side, measured.frames
    ))?;
    for contender in Contender::value_variants() {
        let of: Vec<&Run> = measured.runs.iter().filter(|run| run.contender == *contender).collect();
        let Some(first) = of.first() else { continue };
        let steps = first.said.iter().flat_map(|said| &said.breakdown);
        let steps: Vec<String> = steps.map(|(step, cost)| format!("{step} {cost:.1}")).collect();
        let spread = of.iter().map(|run| run.cpu_ms_per_frame);
        let (low, high) = spread.fold((f64::MAX, 0.0_f64), |(low, high), ms| (low.min(ms), high.max(ms)));
        let ms = median_of(&measured.runs, *contender);
        line(format!(
            "  ({}) {ms:6.2} ms  [{low:.2} .. {high:.2}]  {}",
            contender.letter(),
            steps.join(", ")
        ))?;
    }
    let verdict = |ratio: f64, target: f64| if ratio >= target { "met" } else { "missed" };
    for (name, ratio, target) in [
        ("b/a", measured.parts_over_cortex, PARTS_TARGET),
        ("c/a", measured.python_over_cortex, python_target),
    ] {
        if ratio.is_finite() {
            line(format!("  {name} = {ratio:.3}, target at least {target}: {}", verdict(ratio, target)))?;
        }
    }
    Ok(())
}
