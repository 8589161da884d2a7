//! How good what an analysis found is, against truth that people wrote; how well a model tells faces apart.

mod card;
mod events;
mod faces;
mod identification;
mod looks;
mod operating;
mod pairs;
mod people;
mod score;
mod tracks;
mod verification;
mod watchlist;

use std::path::Path;

use anyhow::{Context as _, bail};
use score::{Boxed, Moment, Scores, score};
use serde_json::Value;

use crate::{cli, config::Config};

/// Judges tracks, alerts or faces.
pub(crate) fn run(config: &Config, what: &cli::Eval) -> anyhow::Result<()> {
    match what {
        cli::Eval::Tracks(options) => tracks::run(options),
        cli::Eval::Rules(options) => events::run(options),
        cli::Eval::Faces(options) => faces::run(config, options),
        cli::Eval::Watchlist(options) => watchlist::run(config, options),
    }
}

/// Lines of a file of `cortex analyze`. `results` is its folder, or the file itself.
fn lines(results: &Path, name: &str) -> anyhow::Result<Vec<Value>> {
    let path = if results.is_dir() { results.join(name) } else { results.to_owned() };
    let text = read(&path)?;
    text.lines()
        .enumerate()
        .map(|(n, line)| {
            serde_json::from_str(line).with_context(|| {
                format!("{}, line {}: not what `cortex analyze` writes", path.display(), n + 1)
            })
        })
        .collect()
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The camera that is meant: the one that is named, or the only one there is.
fn camera(lines: &[Value], named: Option<&str>) -> anyhow::Result<String> {
    let mut known: Vec<&str> = lines.iter().filter_map(|line| line["camera"].as_str()).collect();
    known.sort_unstable();
    known.dedup();
    match (named, known.as_slice()) {
        (Some(named), known) if known.contains(&named) => Ok(named.to_owned()),
        (Some(named), known) => {
            bail!("there is no camera `{named}` in the results; there are {}", known.join(", "))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => bail!("the results are empty"),
        (None, known) => bail!("the results are of {}: choose one with --camera", known.join(", ")),
    }
}
