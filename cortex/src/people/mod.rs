//! Commands about people, watch-lists and matches, to the running system.

mod options;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cortex_proto::v1::{
    self, identity_service_client::IdentityServiceClient, match_service_client::MatchServiceClient,
    watchlist_service_client::WatchlistServiceClient,
};
use cortex_runtime::runner::wall_clock;
pub(crate) use options::{Enroll, Gallery, Match, Watchlist};

use crate::{
    past::clock,
    print,
    remote::{Target, said},
};

/// Enrols a person.
pub(crate) async fn enroll(target: &Target<'_>, options: &Enroll) -> anyhow::Result<()> {
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("read {}", path.display()));
    let pictures = options.images.iter().map(read).collect::<Result<_, _>>()?;
    let mut client = IdentityServiceClient::new(target.connect().await?);
    let request = v1::EnrolRequest { name: options.name.clone(), pictures, lists: options.lists.clone() };
    let enrolled = client.enrol(request).await.map_err(said)?.into_inner();
    for (path, report) in options.images.iter().zip(&enrolled.reports) {
        print::line(&format!("{}: {}", path.display(), report.text));
    }
    print::line(&format!("enrolled as {}", enrolled.person));
    Ok(())
}

/// What is done with the people enrolled.
pub(crate) async fn gallery(target: &Target<'_>, command: Gallery) -> anyhow::Result<()> {
    let mut client = IdentityServiceClient::new(target.connect().await?);
    match command {
        Gallery::List => {
            let people = client.list(v1::ListIdentitiesRequest {}).await.map_err(said)?.into_inner().people;
            for person in people {
                let merged = if person.merged_into.is_empty() {
                    String::new()
                } else {
                    format!(", merged into {}", person.merged_into)
                };
                print::line(&format!(
                    "{}  {}  {} templates, {} stills, lists: {}{merged}",
                    person.id,
                    person.name,
                    person.embeddings,
                    person.stills,
                    or_none(&person.lists.join(", "))
                ));
            }
        }
        Gallery::Check { false_alarms, json } => {
            let spaces =
                client.check(v1::CheckRequest { false_alarms }).await.map_err(said)?.into_inner().spaces;
            if json {
                print::line(&serde_json::to_string_pretty(&spaces)?);
            } else if spaces.is_empty() {
                print::line("nobody is enrolled");
            } else {
                spaces.iter().for_each(|space| checked(space, false_alarms));
            }
        }
        Gallery::Import { file, lists } => {
            let json = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            let imported = client.import(v1::ImportRequest { json, lists }).await.map_err(said)?.into_inner();
            print::line(&format!(
                "{} people imported: {}",
                imported.people.len(),
                imported.people.join(", ")
            ));
        }
        Gallery::Merge { person, same } => {
            client.merge(v1::MergeRequest { person, same }).await.map_err(said)?;
        }
        Gallery::Split { person } => {
            client.split(v1::SplitRequest { person }).await.map_err(said)?;
        }
        Gallery::Renew => {
            let renewed = client.renew(v1::RenewRequest {}).await.map_err(said)?.into_inner();
            print::line(&format!("{} people made anew", renewed.renewed));
            if !renewed.without_stills.is_empty() {
                bail!("no still was kept of {}: enrol them again", renewed.without_stills.join(", "));
            }
        }
        Gallery::Erase { person } => {
            client.delete(v1::DeleteIdentityRequest { person }).await.map_err(said)?;
        }
        Gallery::Strangers => {
            let strangers = client.strangers(v1::StrangersRequest {}).await.map_err(said)?.into_inner();
            for stranger in strangers.strangers {
                print::line(&format!(
                    "{}  seen {} times, first {}, last {}, on {}{}",
                    stranger.id,
                    stranger.seen,
                    clock(stranger.first_us),
                    clock(stranger.last_us),
                    stranger.cameras.join(", "),
                    if stranger.ignored { ", ignored" } else { "" }
                ));
            }
        }
        Gallery::Ignore { stranger } => {
            client.ignore(v1::IgnoreRequest { stranger }).await.map_err(said)?;
        }
        Gallery::Assign { stranger, person, name, lists } => {
            let request = v1::AssignRequest {
                stranger,
                person: person.unwrap_or_default(),
                name: name.unwrap_or_default(),
                lists,
            };
            let assigned = client.assign(request).await.map_err(said)?.into_inner();
            print::line(&format!("they are {}", assigned.person));
        }
        Gallery::Sightings { person, from, to } => {
            let request = v1::SightingsRequest {
                person,
                from_us: from.unwrap_or_default(),
                to_us: to.unwrap_or_default(),
            };
            let sightings = client.sightings(request).await.map_err(said)?.into_inner().sightings;
            for seen in sightings {
                print::line(&format!(
                    "{}  {}  track {}, similarity {:.3}",
                    clock(seen.time_us),
                    seen.camera,
                    seen.track,
                    seen.similarity
                ));
            }
        }
    }
    Ok(())
}

fn checked(space: &v1::GalleryCheck, false_alarms: f64) {
    print::line(&format!("{}: {} people, {} templates", space.space, space.people, space.templates));
    let all = [
        ("own, each left out in turn", &space.own),
        ("nearest stranger", &space.strangers),
        ("seen by cameras", &space.seen),
    ];
    for (name, separation) in all {
        let Some(separation) = separation.as_ref().filter(|separation| separation.count > 0) else {
            continue;
        };
        print::line(&format!(
            "  {name:<28} lowest {:.3}, median {:.3}, highest {:.3} ({})",
            separation.lowest, separation.median, separation.highest, separation.count
        ));
    }
    if let Some(pair) = &space.closest {
        print::line(&format!("  closest pair: {} and {}, {:.3}", pair.person, pair.other, pair.similarity));
    }
    print::line(&format!(
        "  threshold for {:.1} % false alarms: {:.3}; {} of the templates are missed at it, {} are nearer to somebody else",
        100.0 * false_alarms,
        space.threshold,
        space.missed,
        space.confused
    ));
    space.advice.iter().for_each(|advice| print::line(&format!("  - {advice}")));
}

/// What is done with watch-lists.
pub(crate) async fn watchlist(target: &Target<'_>, command: Watchlist) -> anyhow::Result<()> {
    let mut client = WatchlistServiceClient::new(target.connect().await?);
    let lists = client.list(v1::ListWatchlistsRequest {}).await.map_err(said)?.into_inner().watchlists;
    let find = |id: &str| {
        let found = lists.iter().find(|list| list.id == id).cloned();
        found.with_context(|| format!("there is no watch-list `{id}`"))
    };
    let changed = match command {
        Watchlist::List => {
            lists.iter().for_each(|list| print::line(&described(list)));
            return Ok(());
        }
        Watchlist::Delete { id } => {
            client.delete(v1::DeleteWatchlistRequest { id }).await.map_err(said)?;
            return Ok(());
        }
        Watchlist::Set(list) => {
            let members = find(&list.id).map(|list| list.members).unwrap_or_default();
            v1::Watchlist {
                title: list.title.unwrap_or_else(|| list.id.clone()),
                id: list.id,
                purpose: list.purpose,
                legal_basis: list.legal_basis,
                owner: list.owner,
                expires_us: wall_clock() + i64::from(list.days) * 86_400_000_000,
                members,
                false_alarms: list.false_alarms,
                severity: list.severity.map_or(0, |severity| severity as i32 + 1),
                without_confirmation: list.without_confirmation,
                ..Default::default()
            }
        }
        Watchlist::Add { id, people } => {
            let mut list = find(&id)?;
            list.members.retain(|member| !people.contains(member));
            list.members.extend(people);
            list
        }
        Watchlist::Remove { id, people } => {
            let mut list = find(&id)?;
            list.members.retain(|member| !people.contains(member));
            list
        }
    };
    let request = v1::UpsertWatchlistRequest { watchlist: Some(changed) };
    let list = client.upsert(request).await.map_err(said)?.into_inner().watchlist.unwrap_or_default();
    print::line(&described(&list));
    Ok(())
}

fn described(list: &v1::Watchlist) -> String {
    let expired = if list.expires_us > wall_clock() { "until" } else { "EXPIRED" };
    let confirmed = if list.without_confirmation { "counts at once" } else { "two people confirm" };
    format!(
        "{}  {}  {} members, {expired} {}, {:.2} % false alarms (similarity {:.3}), {}, {confirmed}; {}; {}; {}",
        list.id,
        list.title,
        list.members.len(),
        clock(list.expires_us),
        100.0 * list.false_alarms,
        list.threshold,
        alert(list.severity()),
        list.purpose,
        list.legal_basis,
        list.owner
    )
}

fn alert(severity: v1::Severity) -> String {
    match severity.as_str_name().strip_prefix("SEVERITY_") {
        Some(word) if severity != v1::Severity::Unspecified => format!("{} alerts", word.to_lowercase()),
        _ => "log only".to_owned(),
    }
}

/// What is done with matches.
pub(crate) async fn matches(target: &Target<'_>, command: Match) -> anyhow::Result<()> {
    let mut client = MatchServiceClient::new(target.connect().await?);
    let (id, confirmed, comment) = match command {
        Match::List { waiting } => {
            let request = v1::ListMatchesRequest::default();
            let matches = client.list(request).await.map_err(said)?.into_inner().matches;
            let waits = |found: &&v1::Match| {
                !waiting || matches!(found.state(), v1::MatchState::Candidate | v1::MatchState::First)
            };
            matches.iter().filter(waits).for_each(stands);
            return Ok(());
        }
        Match::Reveal { id, out } => return reveal(target, id, &out).await,
        Match::Confirm { id, comment } => (id, true, comment),
        Match::Reject { id, comment } => (id, false, comment),
    };
    let request = v1::DecideRequest { r#match: id, confirmed, comment };
    let decided = client.decide(request).await.map_err(said)?.into_inner();
    decided.r#match.iter().for_each(stands);
    Ok(())
}

fn stands(found: &v1::Match) {
    let by: Vec<&str> = found.decisions.iter().map(|decision| decision.subject.as_str()).collect();
    print::line(&format!(
        "{}  {}  {} on {}, similarity {:.3} against {:.3}, {} views, by {}{}",
        found.id,
        found.state().as_str_name().trim_start_matches("MATCH_STATE_").to_lowercase(),
        found.list,
        found.camera,
        found.similarity,
        found.threshold,
        found.shots,
        or_none(&by.join(", ")),
        if found.person.is_empty() { String::new() } else { format!(": {}", found.person) }
    ));
}

async fn reveal(target: &Target<'_>, id: String, out: &Path) -> anyhow::Result<()> {
    let mut client = MatchServiceClient::new(target.connect().await?);
    let revealed = client.reveal(v1::RevealRequest { r#match: id }).await.map_err(said)?.into_inner();
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    for (name, picture) in [("seen.jpg", &revealed.seen), ("enrolled.jpg", &revealed.enrolled)] {
        if !picture.is_empty() {
            let path = out.join(name);
            fs::write(&path, picture).with_context(|| format!("write {}", path.display()))?;
        }
    }
    let until = clock(revealed.until_us);
    print::line(&format!("{}; it can be revealed until {until}", revealed.name));
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
