//! What was measured, into a threshold card.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, bail};
use cortex_models::{
    Card,
    card::{Kind, Measurement, Point},
};

use crate::pictures::Workers;

/// What was found, without the model it was found with.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) source: String,
    pub(super) command: String,
    pub(super) people: usize,
    pub(super) trials: usize,
    pub(super) points: Vec<Point>,
}

/// Writes a card, or the measurement of this kind and model into one that is there.
pub(super) fn update(path: &Path, workers: &Workers, found: Found) -> anyhow::Result<()> {
    let what = || format!("write the threshold card {}", path.display());
    let mut card = match fs::read_to_string(path) {
        Ok(text) => Card::parse(&text).with_context(what)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Card { embedding_space: workers.space().to_owned(), measurements: Vec::new() }
        }
        Err(error) => return Err(error).with_context(what),
    };
    if card.embedding_space != workers.space() {
        bail!("{}: it is of `{}`, the model's space is `{}`", what(), card.embedding_space, workers.space());
    }
    let measurement = Measurement {
        kind: found.kind,
        model: workers.model().to_owned(),
        sha256: workers.digest().to_owned(),
        source: found.source,
        command: format!("{} --model {} --card {}", found.command, workers.model(), path.display()),
        people: found.people,
        trials: found.trials,
        points: found.points,
    };
    card.put(measurement).with_context(what)?;
    fs::write(path, card.to_toml()).with_context(what)
}

/// A threshold as people read it, on the strict side: four digits.
pub(super) fn rounded(threshold: f32) -> f64 {
    (f64::from(threshold) * 1e4).ceil() / 1e4
}

/// The last part of a path: a card goes where the pictures do not.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
