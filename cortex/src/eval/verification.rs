//! The figures of 1:1 verification, from scores of pairs.

use serde::Serialize;

use super::operating::{Operating, descending, operating};

/// A pair and how alike its pictures are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scored {
    /// Cosine similarity.
    pub(super) score: f32,
    /// Whether it is one person.
    pub(super) same: bool,
    /// Which part of the set it is in.
    pub(super) fold: usize,
}

/// How well a set of pairs is told apart.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Mean over the folds of the share that is right.
    pub(super) accuracy: f64,
    /// Its standard deviation over the folds.
    pub(super) spread: f64,
    /// Each fold, judged with the threshold of all others.
    pub(super) folds: Vec<Fold>,
    /// Share of pairs of one person that match, at shares of false matches.
    pub(super) tar: Vec<Tar>,
    /// Share of errors where both kinds are equally frequent.
    pub(super) eer: f64,
    /// Probability that a pair of one person is more alike than one of two.
    pub(super) auc: f64,
}

/// One fold.
#[derive(Debug, Serialize)]
pub(super) struct Fold {
    accuracy: f64,
    threshold: f32,
    pairs: usize,
}

/// True matches where false ones are rare.
#[derive(Debug, Serialize)]
pub(super) struct Tar {
    /// Share of pairs of one person at the threshold or above.
    pub(super) tar: f64,
    /// Where.
    #[serde(flatten)]
    pub(super) at: Operating,
}

/// Shares of false matches at which true ones are counted.
const FALSE_MATCHES: [f64; 2] = [1e-2, 1e-3];

/// The figures. `None` without pairs of both kinds in two folds or more.
pub(super) fn figures(pairs: &[Scored]) -> Option<Figures> {
    let of = |same: bool| {
        descending(pairs.iter().filter(|pair| pair.same == same).map(|pair| pair.score).collect())
    };
    let (genuine, impostors) = (of(true), of(false));
    let folds = folds(pairs);
    if genuine.is_empty() || impostors.is_empty() || folds.len() < 2 {
        return None;
    }
    let accuracy = folds.iter().map(|fold| fold.accuracy).sum::<f64>() / folds.len() as f64;
    let variance = folds.iter().map(|fold| (fold.accuracy - accuracy).powi(2)).sum::<f64>();
    let tar = |at: Operating| Tar { tar: share(&genuine, at.threshold), at };
    Some(Figures {
        accuracy,
        spread: (variance / folds.len() as f64).sqrt(),
        folds,
        tar: FALSE_MATCHES.iter().filter_map(|share| operating(&impostors, *share)).map(tar).collect(),
        eer: equal_errors(&genuine, &impostors),
        auc: area(&genuine, &impostors),
    })
}

/// Every fold that has pairs, with the threshold that is best for the others.
fn folds(pairs: &[Scored]) -> Vec<Fold> {
    let count = pairs.iter().map(|pair| pair.fold + 1).max().unwrap_or(0);
    let fold = |number: usize| {
        let (own, others): (Vec<&Scored>, Vec<&Scored>) = pairs.iter().partition(|pair| pair.fold == number);
        if own.is_empty() || others.is_empty() {
            return None;
        }
        let threshold = best(others);
        let right = own.iter().filter(|pair| pair.same == (pair.score >= threshold)).count();
        Some(Fold { accuracy: right as f64 / own.len() as f64, threshold, pairs: own.len() })
    };
    (0..count).filter_map(fold).collect()
}

/// The threshold at which most pairs are right: half way between two scores, the middle one where several do as well.
fn best(mut pairs: Vec<&Scored>) -> f32 {
    pairs.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut right = pairs.iter().filter(|pair| pair.same).count();
    let (mut most, mut thresholds) = (right, vec![pairs[0].score]);
    for (at, pair) in pairs.iter().enumerate() {
        // Above this pair it counts as different.
        right = if pair.same { right - 1 } else { right + 1 };
        let threshold = match pairs.get(at + 1) {
            Some(next) if next.score == pair.score => continue,
            // Of two neighbours in floating point the upper one lies half way.
            Some(next) => ((pair.score + next.score) / 2.0).max(pair.score.next_up()),
            None => pair.score.next_up(),
        };
        if right > most {
            (most, thresholds) = (right, Vec::new());
        }
        if right == most {
            thresholds.push(threshold);
        }
    }
    thresholds[thresholds.len() / 2]
}

/// Share of scores, highest first, at a threshold or above.
fn share(scores: &[f32], threshold: f32) -> f64 {
    scores.partition_point(|score| *score >= threshold) as f64 / scores.len() as f64
}

/// The mean of false matches and false non-matches at the threshold where they differ least.
fn equal_errors(genuine: &[f32], impostors: &[f32]) -> f64 {
    let errors = |threshold: &f32| (share(impostors, *threshold), 1.0 - share(genuine, *threshold));
    let both = genuine.iter().chain(impostors).map(errors);
    let nearest = both.min_by(|a, b| (a.0 - a.1).abs().total_cmp(&(b.0 - b.1).abs()));
    nearest.map_or(0.0, |(accepted, rejected)| (accepted + rejected) / 2.0)
}

/// The area under the curve of true over false matches; equal scores count half.
fn area(genuine: &[f32], impostors: &[f32]) -> f64 {
    let below = |score: &f32| {
        let above = impostors.partition_point(|other| other > score);
        let level = impostors.partition_point(|other| other >= score);
        (impostors.len() - level) as f64 + (level - above) as f64 / 2.0
    };
    genuine.iter().map(below).sum::<f64>() / (genuine.len() * impostors.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten folds of ten pairs each: same ones at .8 and up, different ones at .2 and down, all a little apart.
    fn apart() -> Vec<Scored> {
        let pair = |n: usize| {
            let (same, step) = (n.is_multiple_of(2), n as f32 / 1000.0);
            Scored { score: if same { 0.8 + step } else { 0.2 - step }, same, fold: n / 10 }
        };
        (0..100).map(pair).collect()
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
    }

    #[test]
    fn pairs_far_apart_are_all_told_apart() {
        let figures = figures(&apart()).unwrap();
        assert_eq!((figures.accuracy, figures.spread, figures.folds.len()), (1.0, 0.0, 10));
        assert_eq!((figures.eer, figures.auc), (0.0, 1.0));
        assert!(figures.folds.iter().all(|fold| fold.threshold > 0.2 && fold.threshold < 0.8));
        let [hundredth, thousandth] = figures.tar.as_slice() else { panic!("{:?}", figures.tar) };
        assert_eq!((hundredth.tar, thousandth.tar), (1.0, 1.0));
        assert_eq!(
            (hundredth.at.rests_on, hundredth.at.of),
            (0, 50),
            "fifty impostors are too few for either"
        );
    }

    #[test]
    fn a_fold_is_judged_by_what_the_others_say() {
        // In the last fold everything is the other way about: the threshold of the others makes it all wrong.
        let mut pairs = apart();
        pairs[90..].iter_mut().for_each(|pair| pair.score = 1.0 - pair.score);
        let figures = figures(&pairs).unwrap();
        near(figures.accuracy, 0.9);
        near(figures.spread, 0.3);
        near(figures.folds[9].accuracy, 0.0);
        near(figures.eer, 0.1);
        // Five of fifty impostors are above every pair of the same person but those five that are below.
        near(figures.auc, 0.81);
    }

    #[test]
    fn scores_that_are_equal_cannot_be_parted() {
        let pair = |same: bool, fold: usize| Scored { score: 0.5, same, fold };
        let figures = figures(&[pair(true, 0), pair(false, 0), pair(true, 1), pair(false, 1)]).unwrap();
        near(figures.auc, 0.5);
        near(figures.accuracy, 0.5);
        assert_eq!(figures.tar[0].tar, 0.0);
        assert!(super::figures(&[pair(true, 0), pair(true, 1)]).is_none(), "nothing to tell apart");
        assert!(super::figures(&[pair(true, 0), pair(false, 0)]).is_none(), "one fold has no others");
    }
}
