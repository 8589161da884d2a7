//! `cortex eval faces`: whether two pictures show one person.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use cortex_models::card::{Kind, Point};
use serde_json::json;

use super::{
    card,
    looks::{Look, Looks, NOTHING},
    pairs::{self, Pair},
    read,
    verification::{Figures, Scored, figures},
};
use crate::{cli, config::Config, pictures::Workers, print};

/// Prints accuracy by folds, true at false matches, and where both errors are equal.
pub(super) fn run(config: &Config, options: &cli::EvalFaces) -> anyhow::Result<()> {
    let file = &options.pairs;
    let folder = options.images.clone().or_else(|| file.parent().map(Path::to_owned)).unwrap_or_default();
    let pairs =
        pairs::read(&read(file)?, &folder).with_context(|| format!("read the pairs {}", file.display()))?;
    let pictures: BTreeSet<&PathBuf> = pairs.iter().flat_map(|pair| &pair.pictures).collect();
    let mut workers =
        Workers::load(&config.infer, options.model.model.as_deref(), options.model.threads, pictures.len())?;
    let looks = Looks::at(&mut workers, pictures)?;
    let scored: Vec<Scored> = pairs.iter().filter_map(|pair| score(pair, &looks)).collect();
    let figures = figures(&scored)
        .context("figures need pairs of one and of two people, in at least two folds, that can be read")?;
    let counts = [true, false].map(|same| scored.iter().filter(|pair| pair.same == same).count());
    let left_out = pairs.len() - scored.len();
    print::line(&if options.model.json {
        json!({
            "model": workers.model(),
            "sha256": workers.digest(),
            "embedding_space": workers.space(),
            "pairs": { "same": counts[0], "different": counts[1], "left_out": left_out },
            "pictures": looks.as_json(),
            "figures": figures,
        })
        .to_string()
    } else {
        let pairs = format!("{} pairs of one person, {} of two", counts[0], counts[1]);
        format!("{}\npairs        {pairs}, {left_out} left out\n{}", table(&figures), looks.in_words())
    });
    if let Some(path) = &options.model.card {
        let points = figures.tar.iter().filter(|tar| tar.at.rests_on > 0);
        let points = points.map(|tar| Point {
            false_alarms: tar.at.false_matches,
            threshold: card::rounded(tar.at.threshold),
        });
        let set = format!("{}: {} pairs of different people", card::name(file), counts[1]);
        let images = options
            .images
            .as_ref()
            .map_or_else(String::new, |images| format!(" --images {}", images.display()));
        let command = format!("cortex eval faces --pairs {}{images}", file.display());
        let found = card::Found {
            kind: Kind::Pairs,
            source: set,
            command,
            people: 1,
            trials: counts[1],
            points: points.collect(),
        };
        card::update(path, &workers, found)?;
    }
    looks.whole()
}

/// `None` when a picture could not be read. A face that was not seen is like nothing.
fn score(pair: &Pair, looks: &Looks) -> Option<Scored> {
    let [one, other] = &pair.pictures;
    let (one, other): (Option<&Look>, Option<&Look>) = (looks.of(one)?, looks.of(other)?);
    let score = match (one, other) {
        (Some(one), Some(other)) => one.embedding.cosine(&other.embedding),
        _ => NOTHING,
    };
    Some(Scored { score, same: pair.same, fold: pair.fold })
}

fn table(figures: &Figures) -> String {
    let mut text = format!(
        "accuracy     {:.4} ± {:.4} over {} folds, each with the threshold of the others\n",
        figures.accuracy,
        figures.spread,
        figures.folds.len()
    );
    for tar in &figures.tar {
        text.push_str(&format!(
            "TAR          {:.4} at FAR {}, threshold {:.4}, rests on {} of {} impostors\n",
            tar.tar, tar.at.false_matches, tar.at.threshold, tar.at.rests_on, tar.at.of
        ));
    }
    text.push_str(&format!("EER          {:.4}\nAUC          {:.5}", figures.eer, figures.auc));
    text
}
