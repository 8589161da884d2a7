//! The templates of one embedding space, packed for exact search.
//!
//! A template v is held twice: as it is, and as eight bits a value of what differs from the templates' mean m. A search
//! runs over the packed copy alone, which is a quarter of the memory to read, and looks at the full vectors only where
//! the error of the packing leaves a doubt. With the probe p as sixteen bits a value, written p', and the packed
//! difference d' of d = v - m:
//!
//! p·v = p·m + p·d, and |p·d - p'·d'| <= |p|·|d - d'| + |d'|·|p - p'| (Cauchy-Schwarz)
//!
//! So every template whose packed score is within twice that bound of the best one is scored again in full, and the
//! answer is the one of a scan over full vectors. Nothing approximate is left: an index over a graph or clusters would
//! cost more than it saves at the size of a watch-list, and would miss people.

use std::{ops::Range, thread};

use zeroize::Zeroizing;

use super::products;

/// Templates of one space.
#[derive(Default)]
pub struct Index {
    dimension: usize,
    centre: Vec<f32>,
    /// Differences from the centre, `dimension` values a template.
    packed: Zeroizing<Vec<i8>>,
    /// What one step of a template's packed values is worth.
    steps: Vec<f32>,
    /// Added to a template's score; 0 where scores are cosines.
    biases: Vec<f32>,
    owners: Vec<u32>,
    vectors: Zeroizing<Vec<f32>>,
    /// The longest error of a packed template, and the longest packed template.
    error: f32,
    reach: f32,
}

/// The best template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Whose it is, as given to [`Index::new`].
    pub owner: u32,
    /// Place among the templates.
    pub template: usize,
    /// Inner product of probe and template, and the template's bias.
    pub score: f32,
}

/// Largest packed values: a probe has sixteen bits, a template eight. A sum over 512 products stays below 2^31.
const PROBE_MOST: f32 = 32_000.0;
const PACKED_MOST: f32 = 127.0;
/// Templates scored at a time: their products stay in the nearest cache.
const BLOCK: usize = 1024;
/// Templates that are worth a thread of their own.
const CHUNK: usize = 1 << 17;
/// Sums of this many values are whole numbers of 32 bits.
const MOST_DIMENSION: usize = 512;

impl Index {
    /// Packs templates of `dimension` values (at most 512): the owner of each, its bias and its vector.
    pub fn new<'a>(dimension: usize, templates: impl Iterator<Item = (u32, f32, &'a [f32])>) -> Self {
        assert!((1..=MOST_DIMENSION).contains(&dimension), "{dimension} values a template");
        let mut index = Self { dimension, centre: vec![0.0; dimension], ..Self::default() };
        for (owner, bias, vector) in templates.filter(|(.., vector)| vector.len() == dimension) {
            index.owners.push(owner);
            index.biases.push(bias);
            index.vectors.extend_from_slice(vector);
            index.centre.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        let count = index.owners.len().max(1) as f32;
        index.centre.iter_mut().for_each(|sum| *sum /= count);
        index.packed.reserve_exact(index.vectors.len());
        for vector in index.vectors.chunks_exact(dimension) {
            let difference = || vector.iter().zip(&index.centre).map(|(value, centre)| value - centre);
            let largest = difference().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let step = if largest > 0.0 { largest / PACKED_MOST } else { 1.0 };
            let (mut error, mut reach) = (0.0_f32, 0.0_f32);
            for value in difference() {
                let packed = (value / step).round();
                index.packed.push(packed as i8);
                error += (value - packed * step).powi(2);
                reach += (packed * step).powi(2);
            }
            index.steps.push(step);
            index.error = index.error.max(error.sqrt());
            index.reach = index.reach.max(reach.sqrt());
        }
        index
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.packed.len() + 4 * (self.vectors.len() + 3 * self.len() + self.dimension)
    }

    /// A template in full.
    pub fn vector(&self, template: usize) -> &[f32] {
        &self.vectors[template * self.dimension..][..self.dimension]
    }

    /// The best template of the owners that are `wanted`; the first one of equals. `None` when there is none, or the
    /// probe has another dimension or is not finite.
    pub fn nearest(&self, probe: &[f32], wanted: impl Fn(u32) -> bool + Sync) -> Option<Hit> {
        let probe = Probe::new(probe, self)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let chunk = self.len().div_ceil(cores).max(CHUNK);
        if self.len() <= chunk {
            return probe.best(self, 0..self.len(), &wanted);
        }
        let starts = (0..self.len()).step_by(chunk);
        let best = |start: usize| probe.best(self, start..(start + chunk).min(self.len()), &wanted);
        let hits: Vec<Option<Hit>> = thread::scope(|scope| {
            let best = &best;
            let running: Vec<_> = starts.map(|start| scope.spawn(move || best(start))).collect();
            running.into_iter().map(|thread| thread.join().expect("a search does not panic")).collect()
        });
        hits.into_iter().flatten().fold(None, |best, hit| Some(better(best, hit)))
    }

    /// The same by a scan over full vectors: what the packed search is held against.
    pub fn scan(&self, probe: &[f32], wanted: impl Fn(u32) -> bool) -> Option<Hit> {
        let rows = (0..self.len()).filter(|row| wanted(self.owners[*row]));
        rows.map(|row| self.full(row, probe)).fold(None, |best, hit| Some(better(best, hit)))
    }

    fn full(&self, template: usize, probe: &[f32]) -> Hit {
        let score = dot(self.vector(template), probe) + self.biases[template];
        Hit { owner: self.owners[template], template, score }
    }
}

/// Every answer is the same for any order of templates and threads.
fn better(best: Option<Hit>, hit: Hit) -> Hit {
    match best {
        Some(best) if best.score > hit.score || (best.score == hit.score && best.template < hit.template) => {
            best
        }
        _ => hit,
    }
}

/// A probe as the packed search wants it.
struct Probe<'a> {
    full: &'a [f32],
    packed: Vec<i16>,
    step: f32,
    /// Its inner product with the centre.
    offset: f32,
    /// A packed score is off by at most this.
    bound: f32,
}

impl<'a> Probe<'a> {
    fn new(full: &'a [f32], index: &Index) -> Option<Self> {
        if full.len() != index.dimension || index.is_empty() || full.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let largest = full.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let step = if largest > 0.0 { largest / PROBE_MOST } else { 1.0 };
        let packed: Vec<i16> = full.iter().map(|value| (value / step).round() as i16).collect();
        let off: f32 =
            full.iter().zip(&packed).map(|(value, packed)| (value - f32::from(*packed) * step).powi(2)).sum();
        let length = dot(full, full).sqrt();
        // Sums of 32-bit floats are off by a little themselves.
        let rounding = 1e-5 * (1.0 + length * (index.reach + 1.0));
        let bound = length * index.error + index.reach * off.sqrt() + rounding;
        Some(Self { full, packed, step, offset: dot(full, &index.centre), bound })
    }

    /// The best of these rows. A block of packed templates is scored at a time, and what may be the best is kept aside;
    /// then the full vectors decide, most promising first.
    fn best(&self, index: &Index, rows: Range<usize>, wanted: impl Fn(u32) -> bool) -> Option<Hit> {
        let mut doubtful: Vec<(f32, usize)> = Vec::new();
        let mut best = f32::NEG_INFINITY;
        let mut products = [0_i32; BLOCK];
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let packed = &index.packed[block.start * index.dimension..block.end * index.dimension];
            let products = &mut products[..block.len()];
            products::of(&self.packed, packed, products);
            let scores = products.iter().zip(&index.steps[block.clone()]).zip(&index.biases[block.clone()]);
            let score = |((product, step), bias): ((&i32, &f32), &f32)| {
                *product as f32 * (self.step * step) + bias + self.offset
            };
            let highest = scores.clone().map(score).fold(f32::NEG_INFINITY, f32::max);
            if highest < best - 2.0 * self.bound {
                continue;
            }
            for (row, score) in block.zip(scores.map(score)) {
                if score >= best - 2.0 * self.bound && wanted(index.owners[row]) {
                    best = best.max(score);
                    doubtful.push((score, row));
                }
            }
        }
        doubtful.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut found: Option<Hit> = None;
        for (score, row) in doubtful {
            if found.is_some_and(|found| score + self.bound < found.score) {
                break;
            }
            found = Some(better(found, index.full(row, self.full)));
        }
        found
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Near ties, a common mean and owners left out included: the answer is the one of the plain scan.
        #[test]
        fn the_packed_search_finds_what_the_full_scan_finds(
            base in proptest::collection::vec(-1.0..1.0_f32, 16),
            spread in prop_oneof![Just(1e-4_f32), Just(0.05), Just(1.0)],
            offsets in proptest::collection::vec(proptest::collection::vec(-1.0..1.0_f32, 16), 1..60),
            biases in proptest::collection::vec(-0.1..0.1_f32, 60),
            probe in proptest::collection::vec(-1.0..1.0_f32, 16),
            skipped in 0..5_u32,
        ) {
            let vectors: Vec<Vec<f32>> = offsets.iter()
                .map(|offset| base.iter().zip(offset).map(|(b, o)| b + spread * o).collect())
                .collect();
            let rows = vectors.iter().zip(&biases).enumerate();
            let index = Index::new(16, rows.map(|(n, (vector, bias))| (n as u32 % 5, *bias, vector.as_slice())));
            let wanted = |owner: u32| owner != skipped;
            prop_assert_eq!(index.nearest(&probe, wanted), index.scan(&probe, wanted));
        }
    }

    #[test]
    fn what_is_no_probe_finds_nobody() {
        let index = Index::new(2, [(7, 0.0, [0.6_f32, 0.8].as_slice())].into_iter());
        assert_eq!(index.nearest(&[0.6, 0.8], |_| true).map(|hit| hit.owner), Some(7));
        assert_eq!(index.nearest(&[0.6, 0.8], |_| false), None);
        for wrong in [&[1.0][..], &[f32::NAN, 0.0], &[]] {
            assert_eq!(index.nearest(wrong, |_| true), None);
        }
        assert_eq!(Index::default().nearest(&[], |_| true), None);
    }
}
