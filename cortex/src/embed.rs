//! `cortex embed`: the faces of pictures with their vectors, a picture a worker at a time.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Context as _, bail};
use cortex_infer::{self as infer, Library};
use cortex_recognizer::{Embedded, Enroller};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{cli, config::Config, print};

/// Answers that wait to be printed: enough that no worker stands still behind a slow terminal.
const AHEAD: usize = 64;

/// Prints the faces of pictures in the order in which they were named. Pictures that cannot be read are reported and
/// passed over; the error says how many those were.
///
/// Every worker has sessions of one thread: two sessions side by side do more than one on two threads, and the sums of
/// a vector are always added in the same order, so the answer is the same for any number of workers.
pub(crate) fn run(config: &Config, options: &cli::Embed) -> anyhow::Result<()> {
    let library = Library::load(&config.infer)?;
    let infer = infer::Config { threads: 1, ..config.infer.clone() };
    let cores = options.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let workers: Vec<Enroller> = (0..cores.min(options.images.len()))
        .map(|_| Enroller::load(&library, &infer))
        .collect::<Result<_, _>>()?;
    let bar = ProgressBar::new(options.images.len() as u64);
    let style = "{bar:30} {pos} of {len} pictures, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);

    let next = AtomicUsize::new(0);
    let mut failed = 0;
    thread::scope(|scope| {
        let (sender, answers) = mpsc::sync_channel(AHEAD);
        for mut enroller in workers {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = options.images.get(index) else { return };
                    // One picture that breaks a decoder is one picture that failed.
                    let answer =
                        catch_unwind(AssertUnwindSafe(|| picture(&mut enroller, path, options.json)))
                            .unwrap_or_else(|_| bail!("panicked; the message is above"));
                    if sender.send((index, answer)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for (due, path) in options.images.iter().enumerate() {
            let answer = loop {
                match early.remove(&due) {
                    Some(answer) => break answer,
                    None => match answers.recv() {
                        Ok((index, answer)) => drop(early.insert(index, answer)),
                        Err(_) => break Err(anyhow::anyhow!("its worker is gone")),
                    },
                }
            };
            bar.inc(1);
            bar.suspend(|| match answer {
                Ok(line) => print::line(&line),
                Err(error) => {
                    failed += 1;
                    eprintln!("{}: {error:#}", path.display());
                }
            });
        }
    });
    bar.finish_and_clear();
    if failed > 0 {
        bail!("{failed} of {} pictures have no answer", options.images.len());
    }
    Ok(())
}

/// What is said of one picture.
fn picture(enroller: &mut Enroller, path: &Path, as_json: bool) -> anyhow::Result<String> {
    let bytes = fs::read(path).context("read it")?;
    let (picture, faces) = enroller.embed(&bytes)?;
    if !as_json {
        let widths: Vec<String> =
            faces.iter().map(|found| format!("{:.0} px", found.face.rect.width())).collect();
        return Ok(format!("{}: {} faces {}", path.display(), faces.len(), widths.join(", ")));
    }
    let space = enroller.space();
    let face = |found: &Embedded| {
        let rect = found.face.rect;
        json!({
            "box": [rect.x1, rect.y1, rect.x2, rect.y2],
            "score": found.face.score,
            "landmarks": found.face.landmarks,
            "embedding": found.embedding.0,
            "model": space,
        })
    };
    let faces: Vec<_> = faces.iter().map(face).collect();
    Ok(json!({ "image": path, "width": picture.width(), "height": picture.height(), "faces": faces })
        .to_string())
}
