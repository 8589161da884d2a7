//! `cortex eval watchlist`: whether people of a list are found, and strangers not taken for them.

use std::collections::BTreeMap;

use cortex_models::card::{Kind, Point};
use cortex_recognizer::{Embedding, Views};
use serde_json::json;

use super::{
    card,
    identification::{Figures, Mated, Search, figures},
    looks::{Look, Looks, NOTHING},
    people::{Shot, shots, unite},
};
use crate::{cli, config::Config, pictures::Workers, print};

/// Everybody enrolled, with their templates; those of whom no picture shows a face have none.
type Gallery<'a> = BTreeMap<&'a str, Vec<&'a Embedding>>;

/// Prints misses at rare false alarms and rank-1, by picture and by person, and of each group.
pub(super) fn run(config: &Config, options: &cli::EvalWatchlist) -> anyhow::Result<()> {
    let mut enrolled = shots(&options.gallery)?;
    let mut probes = shots(&options.probes)?;
    let mut strangers = options.strangers.as_deref().map(shots).transpose()?.unwrap_or_default();
    unite(&mut [&mut enrolled, &mut probes])?;
    // Whatever they are called, they are nobody of the gallery.
    strangers.iter_mut().for_each(|shot| shot.person.insert_str(0, STRANGER));
    let pictures = || [&enrolled, &probes, &strangers].into_iter().flatten().map(|shot| &shot.picture);
    let mut workers = Workers::load(
        &config.infer,
        options.model.model.as_deref(),
        options.model.threads,
        pictures().count(),
    )?;
    let looks = Looks::at(&mut workers, pictures())?;

    let mut gallery = Gallery::new();
    for shot in &enrolled {
        let templates = gallery.entry(&shot.person).or_default();
        templates.extend(looks.of(&shot.picture).flatten().map(|look| &look.embedding));
    }
    let probes: Vec<&Shot> = probes.iter().chain(&strangers).collect();
    let by_picture: Vec<Search> = probes
        .iter()
        .filter_map(|shot| Some(search(&gallery, shot, looks.of(&shot.picture)?.map(|look| &look.embedding))))
        .collect();
    let by_picture = figures(&by_picture);
    let by_person = figures(&fused(&gallery, &probes, &looks));

    let people = gallery.values().filter(|templates| !templates.is_empty()).count();
    let templates: usize = gallery.values().map(Vec::len).sum();
    let empty: Vec<&str> =
        gallery.iter().filter(|(_, templates)| templates.is_empty()).map(|(person, _)| *person).collect();
    print::line(&if options.model.json {
        json!({
            "model": workers.model(),
            "sha256": workers.digest(),
            "embedding_space": workers.space(),
            "gallery": { "people": people, "templates": templates, "without_template": empty },
            "pictures": looks.as_json(),
            "by_picture": by_picture,
            "by_person": by_person,
        })
        .to_string()
    } else {
        let mut text = format!("gallery      {people} people, {templates} templates");
        for person in empty {
            text.push_str(&format!("\n  {person} is enrolled with no face, so they are missed"));
        }
        text.push_str(&table("each picture for itself", &by_picture));
        text.push_str(&table("the pictures of each person as one track", &by_person));
        format!("{text}\n\n{}", looks.in_words())
    });
    if let Some(path) = &options.model.card {
        let points = by_picture.fnir.iter().filter(|fnir| fnir.at.rests_on > 0);
        let points = points.map(|fnir| Point {
            false_alarms: fnir.at.false_matches,
            threshold: card::rounded(fnir.at.threshold),
        });
        let also = options.strangers.as_ref();
        let found = card::Found {
            kind: Kind::Watchlist,
            source: format!(
                "{}: {people} people with {templates} pictures, searched with {} pictures of others",
                card::name(&options.gallery),
                by_picture.strangers
            ),
            command: format!(
                "cortex eval watchlist --gallery {} --probes {}{}",
                options.gallery.display(),
                options.probes.display(),
                also.map_or_else(String::new, |folder| format!(" --strangers {}", folder.display()))
            ),
            people,
            trials: by_picture.strangers,
            points: points.collect(),
        };
        card::update(path, &workers, found)?;
    }
    looks.whole()
}

/// Before the names of those who are strangers by their folder; no folder's name has a slash in it.
const STRANGER: &str = "stranger//";

/// All pictures of each person as one probe, fused as the stage fuses the views of a track.
fn fused(gallery: &Gallery<'_>, probes: &[&Shot], looks: &Looks) -> Vec<Search> {
    let mut people: BTreeMap<&str, (&Shot, Vec<&Look>)> = BTreeMap::new();
    for shot in probes {
        if let Some(look) = looks.of(&shot.picture) {
            people.entry(&shot.person).or_insert((shot, Vec::new())).1.extend(look);
        }
    }
    let search = |(shot, looks): (&Shot, Vec<&Look>)| {
        let mut views = Views::default();
        looks.iter().for_each(|look| views.add(&look.embedding, look.quality));
        search(gallery, shot, (!looks.is_empty()).then(|| views.fused()).as_ref())
    };
    people.into_values().map(search).collect()
}

/// The highest similarity of somebody is that of their nearest template, as in the gallery of the stage.
fn search(gallery: &Gallery<'_>, shot: &Shot, probe: Option<&Embedding>) -> Search {
    let score = |(person, templates): (&&str, &Vec<&Embedding>)| {
        let highest = templates.iter().map(|template| probe.map_or(NOTHING, |probe| probe.cosine(template)));
        (highest.fold(NOTHING, f32::max), (*person).to_owned())
    };
    let best = gallery.iter().map(score).max_by(|a, b| a.0.total_cmp(&b.0));
    let (highest, first) = best.unwrap_or((NOTHING, String::new()));
    let mated = gallery.contains_key(shot.person.as_str()).then(|| {
        let found = probe.is_some() && first == shot.person && !gallery[shot.person.as_str()].is_empty();
        if found { Mated::First } else { Mated::Missed }
    });
    Search { group: shot.group.clone(), highest, mated }
}

fn table(what: &str, figures: &Figures) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.4}"));
    let mut text = format!(
        "\n\n{what}: {} of people enrolled, {} of strangers\nrank-1       {}",
        figures.mated,
        figures.strangers,
        share(figures.rank_1)
    );
    if figures.fnir.is_empty() {
        text.push_str("\nno strangers, so no threshold: people who are not in the gallery, or --strangers");
    }
    for fnir in &figures.fnir {
        text.push_str(&format!(
            "\nFNIR         {} at FPIR {}, threshold {:.4}, rests on {} of {} strangers",
            share(fnir.fnir),
            fnir.at.false_matches,
            fnir.at.threshold,
            fnir.at.rests_on,
            fnir.at.of
        ));
    }
    for (name, group) in &figures.groups {
        text.push_str(&format!(
            "\n  {name}: {} of people enrolled, {} of strangers, rank-1 {}",
            group.mated,
            group.strangers,
            share(group.rank_1)
        ));
        for at in &group.at {
            text.push_str(&format!(
                "\n    at that of FPIR {}: FNIR {}, own FPIR {}",
                at.false_matches,
                share(at.fnir),
                share(at.fpir)
            ));
        }
    }
    text
}
