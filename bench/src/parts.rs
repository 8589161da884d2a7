//! The unavoidable parts alone: decode, resize, session calls. Nothing is read out of the networks' outputs, nothing
//! tracked, kept or sent. What Cortex takes beyond this is what its own code costs.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, ensure};
use cortex_infer::{Config, Library, Session, pick};
use cortex_models::{Fit, Manifest, Preprocessor, Task, multiple_of_32};

use crate::{
    Work,
    clip::Decoder,
    report::{Said, line},
};

/// Runs once over the clip and prints [`Said`].
pub(crate) fn run(work: &Work) -> anyhow::Result<()> {
    let config = Config { models: work.models.clone(), ..Config::default() };
    let manifest = Manifest::shipped();
    let library = Library::load(&config)?;
    let open = |task| -> anyhow::Result<Session> {
        Ok(Session::open(&library, &config, manifest.model(&pick(&config, &manifest, task)?)?)?)
    };
    let (mut objects, mut faces) = (open(Task::Objects)?, open(Task::Faces)?);
    let mut prepare = Preprocessor::default();
    let clip = Decoder::open(&work.clip)?;
    let mut clock = Clock::start()?;
    let mut frames = 0;
    while let Some(picture) = clip.next()? {
        // The decoder works on a thread of its own; only the process as a whole tells what it took.
        let (width, height) = work.object_size;
        let (tensor, _) = prepare.prepare(&picture, width, height, Fit::Letterbox);
        clock.mark("prepare")?;
        objects.run(&[("input", &tensor)], |_| ())?;
        clock.mark("objects")?;
        let scale = work.face_side as f32 / picture.width().max(picture.height()) as f32;
        let (width, height) = (picture.width() as f32 * scale, picture.height() as f32 * scale);
        let (tensor, _) =
            prepare.prepare(&picture, multiple_of_32(width), multiple_of_32(height), Fit::Stretch);
        clock.mark("prepare")?;
        faces.run(&[("input", &tensor)], |_| ())?;
        clock.mark("faces")?;
        frames += 1;
    }
    ensure!(frames > 0, "{} holds no pictures", work.clip.display());
    let said = clock.said(frames)?;
    Ok(line(serde_json::to_string(&said)?)?)
}

/// CPU time of the loop, by step; the steps count this thread alone, the sum counts the process.
struct Clock {
    process_start: f64,
    last: f64,
    steps: BTreeMap<String, f64>,
}

impl Clock {
    fn start() -> anyhow::Result<Self> {
        Ok(Self { process_start: process_seconds()?, last: thread_seconds()?, steps: BTreeMap::new() })
    }

    fn mark(&mut self, step: &str) -> anyhow::Result<()> {
        let now = thread_seconds()?;
        *self.steps.entry(step.to_owned()).or_default() += now - self.last;
        self.last = now;
        Ok(())
    }

    fn said(self, frames: u64) -> anyhow::Result<Said> {
        let cpu_seconds = process_seconds()? - self.process_start;
        let here: f64 = self.steps.values().sum();
        let a_frame = |seconds: f64| 1000.0 * seconds / frames as f64;
        let mut breakdown: BTreeMap<String, f64> =
            self.steps.into_iter().map(|(step, seconds)| (step, a_frame(seconds))).collect();
        breakdown.insert("decode".to_owned(), a_frame(cpu_seconds - here));
        Ok(Said { frames, cpu_seconds, cpu_ms_per_frame: a_frame(cpu_seconds), breakdown })
    }
}

/// CPU seconds of this thread, to the nanosecond: the first field of its scheduler statistics.
pub(crate) fn thread_seconds() -> anyhow::Result<f64> {
    on_cpu("/proc/thread-self/schedstat")
}

/// CPU seconds of all threads of this process that are alive.
fn process_seconds() -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        // A thread may end between the two calls.
        sum += on_cpu(task?.path().join("schedstat")).unwrap_or(0.0);
    }
    Ok(sum)
}

fn on_cpu(path: impl AsRef<Path>) -> anyhow::Result<f64> {
    let text = fs::read_to_string(path)?;
    Ok(text.split_ascii_whitespace().next().context("schedstat is empty")?.parse::<f64>()? / 1e9)
}
