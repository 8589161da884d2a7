//! One version of the gallery in memory: whom a search may find, and by which threshold.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cortex_proto::v1;

use super::{Cards, Index, Person, index::Hit, measure::Measure};
use crate::{Embedding, watchlist};

/// Somebody enrolled, without their templates.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Their id.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// Templates held, their own.
    pub templates: u32,
    /// Pictures said not to be them.
    pub negatives: u32,
    /// Stills kept.
    pub stills: u32,
    /// When they were enrolled, in microseconds since 1970.
    pub enrolled_us: i64,
    /// Who they were merged into; empty for nobody.
    pub merged_into: String,
    /// Lists that they are on themselves, by id.
    pub lists: Vec<String>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub enum Search {
    /// Nobody is on a list that is in force, so nobody was compared.
    Off,
    /// The most similar person of those who are looked for.
    Nearest(Match),
}

/// The most similar person of those who are looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Their id.
    pub person: String,
    /// -1..1: the cosine of the angle to the nearest of their templates; for an imported descriptor one less its
    /// distance.
    pub similarity: f32,
    /// The face is nearer to one that somebody said is not theirs.
    pub denied: bool,
    /// The lists in force that they are on, and from which similarity each counts.
    pub lists: Vec<Listed>,
}

/// A list that somebody is on.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The list.
    pub list: Arc<v1::Watchlist>,
    /// The similarity from which on a match counts for it.
    pub threshold: f32,
}

impl Match {
    /// The lowest of the lists' thresholds.
    pub fn threshold(&self) -> f32 {
        self.lists.iter().map(|listed| listed.threshold).fold(f32::INFINITY, f32::min)
    }
}

/// One version.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) version: u64,
    pub(super) people: BTreeMap<String, Known>,
    pub(super) lists: BTreeMap<String, Arc<v1::Watchlist>>,
    owners: Vec<Owner>,
    spaces: BTreeMap<String, Space>,
}

/// Whose templates are searched: a person with everybody merged into them.
#[derive(Default)]
struct Owner {
    id: String,
    lists: Vec<Arc<v1::Watchlist>>,
    /// When the last of the lists expires.
    until_us: i64,
}

/// A template, and whose it is, or is said not to be.
struct Row<'a> {
    owner: u32,
    negative: bool,
    vector: &'a [f32],
}

/// The templates of one embedding space.
struct Space {
    index: Index,
    /// Whether a template is a face that is not its owner's.
    negative: Vec<bool>,
    /// Thresholds of the lists, by id.
    thresholds: BTreeMap<String, f32>,
}

impl Shelf {
    /// `space` is the one of today's model, whose thresholds people see.
    pub(super) fn new(
        version: u64,
        people: &[Person],
        lists: Vec<v1::Watchlist>,
        cards: &Cards,
        space: &str,
    ) -> Self {
        let root = |person: &Person| {
            let merged = &person.merged_into;
            if merged.is_empty() { person.id.clone() } else { merged.clone() }
        };
        let roots: BTreeMap<String, String> =
            people.iter().map(|person| (person.id.clone(), root(person))).collect();
        let mut owners: Vec<Owner> = roots
            .iter()
            .filter(|(id, root)| id == root)
            .map(|(id, _)| Owner { id: id.clone(), ..Owner::default() })
            .collect();
        let place = |owners: &[Owner], id: &str| {
            let root = roots.get(id)?;
            owners.binary_search_by(|owner| owner.id.as_str().cmp(root)).ok()
        };
        let mut templates: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
        for person in people {
            let Some(owner) = place(&owners, &person.id) else { continue };
            let own = person.templates.iter().map(|template| (template, false));
            for (template, negative) in own.chain(person.negatives.iter().map(|template| (template, true))) {
                let row = Row { owner: owner as u32, negative, vector: &template.vector };
                templates.entry(&template.space).or_default().push(row);
            }
        }
        let mut spaces: BTreeMap<String, Space> =
            templates.into_iter().map(|(name, rows)| (name.to_owned(), Space::new(name, &rows))).collect();
        let mut shelf = BTreeMap::new();
        for list in lists {
            // People who were merged count once.
            let members: BTreeSet<&String> = list.members.iter().filter_map(|id| roots.get(id)).collect();
            let threshold =
                |space: &str| Some(cards.get(space)?.threshold(list.false_alarms, members.len().max(1)));
            for (name, space) in &mut spaces {
                space.thresholds.extend(threshold(name).map(|threshold| (list.id.clone(), threshold)));
            }
            let threshold = threshold(space).unwrap_or_default();
            let list = Arc::new(v1::Watchlist { threshold, ..list.clone() });
            for member in members {
                let Some(owner) = place(&owners, member) else { continue };
                owners[owner].lists.push(Arc::clone(&list));
                owners[owner].until_us = owners[owner].until_us.max(list.expires_us);
            }
            shelf.insert(list.id.clone(), list);
        }
        let known = |person: &Person| Known {
            id: person.id.clone(),
            name: person.name.clone(),
            templates: person.templates.len() as u32,
            negatives: person.negatives.len() as u32,
            stills: person.stills,
            enrolled_us: person.enrolled_us,
            merged_into: person.merged_into.clone(),
            lists: shelf
                .values()
                .filter(|list| list.members.contains(&person.id))
                .map(|list| list.id.clone())
                .collect(),
        };
        let people = people.iter().map(|person| (person.id.clone(), known(person))).collect();
        Self { version, people, lists: shelf, owners, spaces }
    }

    pub(super) fn looks_for_anybody(&self, now_us: i64) -> bool {
        self.owners.iter().any(|owner| owner.until_us > now_us)
    }

    pub(super) fn search(&self, probe: &Embedding, now_us: i64) -> Search {
        let wanted = |owner: u32| self.owners[owner as usize].until_us > now_us;
        if !self.looks_for_anybody(now_us) {
            return Search::Off;
        }
        let found = self.spaces.iter().filter_map(|(name, space)| {
            let (hit, similarity) = space.nearest(name, probe, wanted)?;
            let owner = &self.owners[hit.owner as usize];
            let listed = |list: &Arc<v1::Watchlist>| {
                let threshold = *space.thresholds.get(&list.id)?;
                watchlist::in_force(list, now_us).then(|| Listed { list: Arc::clone(list), threshold })
            };
            let lists: Vec<Listed> = owner.lists.iter().filter_map(listed).collect();
            let denied = space.negative[hit.template];
            Some(Match { person: owner.id.clone(), similarity, denied, lists })
        });
        // Similarities of two spaces are compared by how far they are above what each needs.
        let margin = |found: &Match| found.similarity - found.threshold();
        found.max_by(|a, b| margin(a).total_cmp(&margin(b))).map_or(Search::Off, Search::Nearest)
    }

    pub(super) fn resembles(&self, probe: &Embedding) -> Option<(String, f32)> {
        let (hit, similarity) = self.spaces.get(&probe.space)?.nearest(&probe.space, probe, |_| true)?;
        Some((self.owners[hit.owner as usize].id.clone(), similarity))
    }
}

impl Space {
    fn new(name: &str, rows: &[Row<'_>]) -> Self {
        let dimension = rows.first().map_or(1, |row| row.vector.len());
        let measure = Measure::of(name);
        let rows = rows.iter().filter(|row| row.vector.len() == dimension);
        let index =
            Index::new(dimension, rows.clone().map(|row| (row.owner, measure.bias(row.vector), row.vector)));
        let negative = rows.map(|row| row.negative).collect();
        Self { index, negative, thresholds: BTreeMap::new() }
    }

    fn nearest(
        &self,
        name: &str,
        probe: &Embedding,
        wanted: impl Fn(u32) -> bool + Sync,
    ) -> Option<(Hit, f32)> {
        let vector = probe.in_space(name)?;
        let hit = self.index.nearest(vector, wanted)?;
        let similarity = Measure::of(name).similarity(vector, hit.score);
        Some((hit, similarity))
    }
}
