//! The figures of 1:N identification with strangers, from the best of each search.

use std::collections::BTreeMap;

use serde::Serialize;

use super::operating::{Operating, descending, operating};

/// What a search over everybody enrolled gave.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// The group of the one who was searched with; empty for none.
    pub(super) group: String,
    /// Highest cosine similarity to anybody.
    pub(super) highest: f32,
    /// Whose it is; nobody for strangers.
    pub(super) mated: Option<Mated>,
}

/// A search with somebody who is enrolled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mated {
    /// The highest is theirs.
    First,
    /// The highest is somebody else's, or there was nothing to search with.
    Missed,
}

/// How well people are found, and strangers not.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Searches with people who are enrolled.
    pub(super) mated: usize,
    /// Searches with strangers.
    pub(super) strangers: usize,
    /// Share of the former whose highest is the right person; absent without any.
    pub(super) rank_1: Option<f64>,
    /// Misses where false alarms are rare; empty without strangers.
    pub(super) fnir: Vec<Fnir>,
    /// Each group at the thresholds of all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) groups: BTreeMap<String, Group>,
}

/// Misses at one threshold.
#[derive(Debug, Serialize)]
pub(super) struct Fnir {
    /// Share of searches with enrolled people that do not find them: they are not first, or below the threshold.
    pub(super) fnir: Option<f64>,
    /// Where.
    #[serde(flatten)]
    pub(super) at: Operating,
}

/// A group at the thresholds of all.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) mated: usize,
    pub(super) strangers: usize,
    pub(super) rank_1: Option<f64>,
    pub(super) at: Vec<GroupRates>,
}

/// Errors of a group at one threshold.
#[derive(Debug, Serialize)]
pub(super) struct GroupRates {
    /// Share of false alarms of all that the threshold is for.
    pub(super) false_matches: f64,
    /// As [`Fnir::fnir`].
    pub(super) fnir: Option<f64>,
    /// Share of the group's strangers at the threshold or above.
    pub(super) fpir: Option<f64>,
}

/// Shares of strangers that may be taken for somebody.
const FALSE_ALARMS: [f64; 3] = [0.05, 0.01, 0.0];

/// The figures.
pub(super) fn figures(searches: &[Search]) -> Figures {
    let all: Vec<&Search> = searches.iter().collect();
    let strangers = all.iter().filter(|search| search.mated.is_none()).map(|search| search.highest);
    let strangers = descending(strangers.collect());
    let points: Vec<Operating> =
        FALSE_ALARMS.iter().filter_map(|share| operating(&strangers, *share)).collect();
    let mut by_group: BTreeMap<&str, Vec<&Search>> = BTreeMap::new();
    for search in all.iter().filter(|search| !search.group.is_empty()) {
        by_group.entry(&search.group).or_default().push(search);
    }
    let group = |searches: &[&Search]| Group {
        mated: mated(searches).count(),
        strangers: searches.len() - mated(searches).count(),
        rank_1: rank_1(searches),
        at: points
            .iter()
            .map(|at| GroupRates {
                false_matches: at.false_matches,
                fnir: fnir(searches, at.threshold),
                fpir: fpir(searches, at.threshold),
            })
            .collect(),
    };
    Figures {
        mated: mated(&all).count(),
        strangers: strangers.len(),
        rank_1: rank_1(&all),
        fnir: points.iter().map(|at| Fnir { fnir: fnir(&all, at.threshold), at: *at }).collect(),
        groups: by_group.into_iter().map(|(name, searches)| (name.to_owned(), group(&searches))).collect(),
    }
}

fn mated<'a>(searches: &'a [&Search]) -> impl Iterator<Item = (Mated, f32)> + 'a {
    searches.iter().filter_map(|search| search.mated.map(|mated| (mated, search.highest)))
}

fn rank_1(searches: &[&Search]) -> Option<f64> {
    share(mated(searches).map(|(mated, _)| mated == Mated::First))
}

fn fnir(searches: &[&Search], threshold: f32) -> Option<f64> {
    share(mated(searches).map(|(mated, highest)| mated != Mated::First || highest < threshold))
}

fn fpir(searches: &[&Search], threshold: f32) -> Option<f64> {
    let strangers = searches.iter().filter(|search| search.mated.is_none());
    share(strangers.map(|search| search.highest >= threshold))
}

/// Share of those that are true; `None` without any.
fn share(answers: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut all, mut right) = (0_usize, 0_usize);
    for answer in answers {
        all += 1;
        right += usize::from(answer);
    }
    (all > 0).then(|| right as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(group: &str, highest: f32, mated: Option<Mated>) -> Search {
        Search { group: group.into(), highest, mated }
    }

    #[test]
    fn who_is_below_the_strangers_or_taken_for_another_is_missed() {
        // A hundred strangers from .900 to .999 of two groups, of which one has the upper half.
        let strangers =
            (0..100).map(|n| search(if n < 50 { "old" } else { "young" }, 0.9 + n as f32 / 1000.0, None));
        let right = Some(Mated::First);
        let people = [
            search("old", 0.9985, right),
            search("old", 0.996, right),
            search("young", 0.95, right),
            search("young", 0.9999, Some(Mated::Missed)),
        ];
        let figures = figures(&strangers.chain(people).collect::<Vec<_>>());
        assert_eq!((figures.mated, figures.strangers, figures.rank_1), (4, 100, Some(0.75)));
        let at: Vec<_> = figures.fnir.iter().map(|fnir| (fnir.at.rests_on, fnir.fnir)).collect();
        assert_eq!(at, [(5, Some(0.5)), (1, Some(0.75)), (0, Some(1.0))]);
        let (old, young) = (&figures.groups["old"], &figures.groups["young"]);
        assert_eq!((old.mated, old.strangers, old.rank_1), (2, 50, Some(1.0)));
        assert_eq!((old.at[0].fnir, old.at[0].fpir), (Some(0.0), Some(0.0)));
        assert_eq!((young.at[0].fnir, young.at[0].fpir), (Some(1.0), Some(0.1)));
    }

    #[test]
    fn without_strangers_there_is_no_threshold() {
        let figures = figures(&[search("", 0.9, Some(Mated::First))]);
        assert_eq!((figures.rank_1, figures.fnir.len(), figures.groups.len()), (Some(1.0), 0, 0));
    }
}
