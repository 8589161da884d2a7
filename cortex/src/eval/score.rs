//! MOTA, IDF1 and HOTA, as their authors define them and the reference scorer `trackeval` computes them:
//! Bernardin and Stiefelhagen 2008 (CLEAR MOT), Ristani et al. 2016 (identity), Luiten et al. 2021 (HOTA).

use std::collections::{BTreeMap, BTreeSet};

use cortex_detector::assign;
use cortex_models::Rect;
use serde::Serialize;

/// A box with the id of its track.
#[derive(Clone, Debug)]
pub(crate) struct Boxed {
    pub(crate) id: u64,
    /// In pixels.
    pub(crate) rect: Rect,
}

/// One frame: what is there, and what was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) truth: Vec<Boxed>,
    pub(crate) found: Vec<Boxed>,
}

/// The scores of a sequence; shares are 0..1, MOTA may be below 0.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Scores {
    /// 1 - (misses + false boxes + id switches) / boxes of the truth, at an overlap of 0.5.
    pub(crate) mota: f64,
    /// F1 of boxes under the best one-to-one pairing of tracks, at an overlap of 0.5.
    pub(crate) idf1: f64,
    /// Geometric mean of detection and association, averaged over overlaps from 0.05 to 0.95.
    pub(crate) hota: f64,
    /// HOTA's detection part.
    pub(crate) det_a: f64,
    /// HOTA's association part.
    pub(crate) ass_a: f64,
    /// Share of found boxes that are true.
    pub(crate) precision: f64,
    /// Share of true boxes that were found.
    pub(crate) recall: f64,
    /// Found boxes that match nothing.
    pub(crate) false_boxes: u64,
    /// True boxes that were not found.
    pub(crate) missed_boxes: u64,
    /// How often a true track went on under another id.
    pub(crate) id_switches: u64,
    /// Frames that were scored.
    pub(crate) frames: usize,
    /// Boxes of the truth.
    pub(crate) truth_boxes: u64,
    /// Tracks of the truth.
    pub(crate) truth_tracks: usize,
    /// Tracks that were found.
    pub(crate) found_tracks: usize,
}

/// Overlap (IoU) at which a box counts as found, for MOTA and IDF1.
const OVERLAP: f32 = 0.5;
/// Continuing a match outweighs every gain in overlap.
const CONTINUE: f32 = 1000.0;
/// Overlaps that HOTA averages over: 0.05, 0.10 ... 0.95.
const LEVELS: usize = 19;

/// Scores a sequence.
pub(crate) fn score(moments: &[Moment]) -> Scores {
    let overlaps: Vec<Vec<Vec<f32>>> = moments.iter().map(overlaps).collect();
    let ids = |of: fn(&Moment) -> &Vec<Boxed>| -> BTreeSet<u64> {
        moments.iter().flat_map(|moment| of(moment).iter().map(|boxed| boxed.id)).collect()
    };
    let mut scores = Scores {
        frames: moments.len(),
        truth_boxes: moments.iter().map(|moment| moment.truth.len() as u64).sum(),
        truth_tracks: ids(|moment| &moment.truth).len(),
        found_tracks: ids(|moment| &moment.found).len(),
        ..Scores::default()
    };
    clear(moments, &overlaps, &mut scores);
    scores.idf1 = idf1(moments, &overlaps);
    hota(moments, &overlaps, &mut scores);
    scores
}

/// Overlap of every true with every found box.
fn overlaps(moment: &Moment) -> Vec<Vec<f32>> {
    let row = |truth: &Boxed| moment.found.iter().map(|found| truth.rect.iou(&found.rect)).collect();
    moment.truth.iter().map(row).collect()
}

/// The pairs of rows and columns with the greatest sum of gains; a pair without gain is none.
fn best(rows: usize, columns: usize, gain: impl Fn(usize, usize) -> f32) -> Vec<(usize, usize)> {
    let row = |row: usize| (0..columns).map(|column| -gain(row, column)).collect();
    assign(&(0..rows).map(row).collect::<Vec<Vec<f32>>>(), 0.0)
}

fn reaches(overlap: f32, level: f32) -> bool {
    overlap >= level - f32::EPSILON
}

fn clear(moments: &[Moment], overlaps: &[Vec<Vec<f32>>], scores: &mut Scores) {
    // Found track by true track: in the frame before, to go on with; and ever, to count switches.
    let (mut before, mut last) = (BTreeMap::new(), BTreeMap::new());
    let mut matched = 0;
    for (moment, overlaps) in moments.iter().zip(overlaps) {
        let Moment { truth, found } = moment;
        let pairs = best(truth.len(), found.len(), |row, column| {
            let goes_on = before.get(&truth[row].id) == Some(&found[column].id);
            let overlap = overlaps[row][column];
            if reaches(overlap, OVERLAP) { overlap + if goes_on { CONTINUE } else { 0.0 } } else { 0.0 }
        });
        scores.missed_boxes += (truth.len() - pairs.len()) as u64;
        scores.false_boxes += (found.len() - pairs.len()) as u64;
        matched += pairs.len() as u64;
        if truth.is_empty() || found.is_empty() {
            continue;
        }
        before.clear();
        for (row, column) in pairs {
            let (truth, found) = (truth[row].id, found[column].id);
            before.insert(truth, found);
            scores.id_switches += u64::from(last.insert(truth, found).is_some_and(|other| other != found));
        }
    }
    let boxes = scores.truth_boxes as f64;
    let wrong = scores.missed_boxes + scores.false_boxes + scores.id_switches;
    scores.mota = 1.0 - wrong as f64 / boxes.max(1.0);
    scores.recall = matched as f64 / boxes.max(1.0);
    scores.precision = matched as f64 / (matched + scores.false_boxes).max(1) as f64;
}

/// How often each true and each found track is there, in order of their ids, and where an id stands in that order.
struct Tracks {
    truth: BTreeMap<u64, (usize, f64)>,
    found: BTreeMap<u64, (usize, f64)>,
}

impl Tracks {
    fn of(moments: &[Moment]) -> Self {
        let count = |of: fn(&Moment) -> &Vec<Boxed>| {
            let mut tracks: BTreeMap<u64, (usize, f64)> = BTreeMap::new();
            for boxed in moments.iter().flat_map(of) {
                tracks.entry(boxed.id).or_default().1 += 1.0;
            }
            tracks.values_mut().enumerate().for_each(|(place, track)| track.0 = place);
            tracks
        };
        Self { truth: count(|moment| &moment.truth), found: count(|moment| &moment.found) }
    }

    fn matrix(&self) -> Vec<Vec<f64>> {
        vec![vec![0.0; self.found.len()]; self.truth.len()]
    }

    fn place(&self, truth: &Boxed, found: &Boxed) -> (usize, usize) {
        (self.truth[&truth.id].0, self.found[&found.id].0)
    }

    /// Calls with the place of every pair of tracks and how often the two are there.
    fn pairs(&self, mut visit: impl FnMut(usize, usize, f64, f64)) {
        for (row, truth) in self.truth.values() {
            self.found.values().for_each(|(column, found)| visit(*row, *column, *truth, *found));
        }
    }
}

fn idf1(moments: &[Moment], overlaps: &[Vec<Vec<f32>>]) -> f64 {
    let tracks = Tracks::of(moments);
    let mut together = tracks.matrix();
    for (moment, overlaps) in moments.iter().zip(overlaps) {
        each(moment, overlaps, |truth, found, overlap| {
            if overlap >= OVERLAP {
                let (row, column) = tracks.place(truth, found);
                together[row][column] += 1.0;
            }
        });
    }
    let pairs = best(tracks.truth.len(), tracks.found.len(), |row, column| together[row][column] as f32);
    let right: f64 = pairs.iter().map(|(row, column)| together[*row][*column]).sum();
    let boxes: usize = moments.iter().map(|moment| moment.truth.len() + moment.found.len()).sum();
    2.0 * right / boxes.max(1) as f64
}

fn hota(moments: &[Moment], overlaps: &[Vec<Vec<f32>>], scores: &mut Scores) {
    let tracks = Tracks::of(moments);
    // How well two tracks go together over the whole sequence.
    let mut together = tracks.matrix();
    for (moment, overlaps) in moments.iter().zip(overlaps) {
        let columns: Vec<f32> =
            (0..moment.found.len()).map(|column| overlaps.iter().map(|row| row[column]).sum()).collect();
        for (truth, overlaps) in moment.truth.iter().zip(overlaps) {
            let row: f32 = overlaps.iter().sum();
            for ((found, overlap), column) in moment.found.iter().zip(overlaps).zip(&columns) {
                let all = row + column - overlap;
                if all > f32::EPSILON {
                    let (row, column) = tracks.place(truth, found);
                    together[row][column] += f64::from(overlap / all);
                }
            }
        }
    }
    let mut aligned = tracks.matrix();
    tracks.pairs(|row, column, truth, found| {
        aligned[row][column] = together[row][column] / (truth + found - together[row][column]);
    });
    let mut matches = vec![tracks.matrix(); LEVELS];
    let mut hits = [0.0; LEVELS];
    for (moment, overlaps) in moments.iter().zip(overlaps) {
        let pairs = best(moment.truth.len(), moment.found.len(), |row, column| {
            let (truth, found) = tracks.place(&moment.truth[row], &moment.found[column]);
            (aligned[truth][found] * f64::from(overlaps[row][column])) as f32
        });
        for (row, column) in pairs {
            let (truth, found) = tracks.place(&moment.truth[row], &moment.found[column]);
            for level in (0..LEVELS).filter(|level| reaches(overlaps[row][column], (level + 1) as f32 * 0.05))
            {
                hits[level] += 1.0;
                matches[level][truth][found] += 1.0;
            }
        }
    }
    let found: usize = moments.iter().map(|moment| moment.found.len()).sum();
    let all = scores.truth_boxes as f64 + found as f64;
    for (matches, hits) in matches.iter().zip(hits) {
        let mut association = 0.0;
        tracks.pairs(|row, column, truth, found| {
            let both = matches[row][column];
            association += both * both / (truth + found - both).max(1.0);
        });
        let (det_a, ass_a) = (hits / (all - hits).max(1.0), association / f64::max(hits, 1.0));
        scores.det_a += det_a / LEVELS as f64;
        scores.ass_a += ass_a / LEVELS as f64;
        scores.hota += (det_a * ass_a).sqrt() / LEVELS as f64;
    }
}

/// Calls with every pair of boxes of a frame and their overlap.
fn each(moment: &Moment, overlaps: &[Vec<f32>], mut visit: impl FnMut(&Boxed, &Boxed, f32)) {
    for (truth, overlaps) in moment.truth.iter().zip(overlaps) {
        moment.found.iter().zip(overlaps).for_each(|(found, overlap)| visit(truth, found, *overlap));
    }
}
