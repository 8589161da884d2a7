//! Pictures through the face models, a picture a worker at a time.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Context as _, bail};
use cortex_infer::{self as infer, Library};
use cortex_models::{Picture, Task};
use cortex_recognizer::{Embedded, Enroller};
use indicatif::{ProgressBar, ProgressStyle};

/// Answers that wait to be taken: enough that no worker stands still behind a slow terminal.
const AHEAD: usize = 64;

/// The workers, of which each has its own sessions.
///
/// A session has one thread: two sessions side by side do more than one on two threads, and the sums of a vector are
/// always added in the same order, so the answer is the same for any number of workers.
pub(crate) struct Workers {
    enrollers: Vec<Enroller>,
    model: String,
}

impl Workers {
    /// Loads what so many pictures need: a worker a core, or as many as `threads` says. `model` is the name of an
    /// embedding model, without it the one that the configuration picks.
    pub(crate) fn load(
        config: &infer::Config,
        model: Option<&str>,
        threads: Option<NonZero<usize>>,
        pictures: usize,
    ) -> anyhow::Result<Self> {
        let library = Library::load(config)?;
        let config = infer::Config { threads: 1, ..config.clone() };
        let model = match model {
            Some(model) => model.to_owned(),
            None => infer::pick(&config, &infer::manifest(&config)?, Task::Embedding)?,
        };
        let cores = threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        let enrollers = (0..cores.min(pictures).max(1))
            .map(|_| Enroller::open(&library, &config, &model))
            .collect::<Result<_, _>>()?;
        Ok(Self { enrollers, model })
    }

    /// Name of the embedding model.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// SHA-256 of its file, in hex.
    pub(crate) fn digest(&self) -> &str {
        self.enrollers[0].digest()
    }

    /// The space of the vectors.
    pub(crate) fn space(&self) -> &str {
        self.enrollers[0].space()
    }

    /// Finds and embeds the faces of pictures. `read` makes an answer of a picture and its faces, largest first, on a
    /// worker; `take` gets the answers here, in the order in which the pictures are named. A picture that cannot be read is
    /// reported and passed over; gives back how many those were.
    pub(crate) fn each<T: Send>(
        &mut self,
        pictures: &[PathBuf],
        read: impl Fn(&Path, &Picture, &[Embedded]) -> T + Sync,
        mut take: impl FnMut(&Path, T),
    ) -> anyhow::Result<usize> {
        let bar = ProgressBar::new(pictures.len() as u64);
        let style = "{bar:30} {pos} of {len} pictures, {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style)?);
        let next = AtomicUsize::new(0);
        let mut failed = 0;
        thread::scope(|scope| {
            let (sender, answers) = mpsc::sync_channel(AHEAD);
            for enroller in &mut self.enrollers {
                let (sender, next, read) = (sender.clone(), &next, &read);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(path) = pictures.get(index) else { return };
                        // One picture that breaks a decoder is one picture that failed.
                        let answer = catch_unwind(AssertUnwindSafe(|| look(enroller, path, read)))
                            .unwrap_or_else(|_| bail!("panicked; the message is above"));
                        if sender.send((index, answer)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut early = BTreeMap::new();
            for (due, path) in pictures.iter().enumerate() {
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
                    Ok(answer) => take(path, answer),
                    Err(error) => {
                        failed += 1;
                        eprintln!("{}: {error:#}", path.display());
                    }
                });
            }
        });
        bar.finish_and_clear();
        Ok(failed)
    }
}

fn look<T>(
    enroller: &mut Enroller,
    path: &Path,
    read: &impl Fn(&Path, &Picture, &[Embedded]) -> T,
) -> anyhow::Result<T> {
    let bytes = fs::read(path).context("read it")?;
    let (picture, faces) = enroller.embed(&bytes)?;
    Ok(read(path, &picture, &faces))
}
