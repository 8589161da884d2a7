//! Where a share of false matches puts the threshold.

use serde::Serialize;

/// A threshold, by how many of those who must not match it lets through.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Operating {
    /// Share of false matches that was asked for.
    pub(super) false_matches: f64,
    /// The lowest cosine similarity that keeps it; a match is what has it or more.
    pub(super) threshold: f32,
    /// How many matched falsely: what the threshold rests on.
    pub(super) rests_on: usize,
    /// Of how many.
    pub(super) of: usize,
}

/// The loosest threshold at which no larger share than `false_matches` of `impostors` matches; these are highest first. `None`
/// without any.
pub(super) fn operating(impostors: &[f32], false_matches: f64) -> Option<Operating> {
    // A thousandth of 3,000 is 3, also in binary.
    let allowed = (false_matches * impostors.len() as f64 + 1e-9) as usize;
    let first_out = impostors.get(allowed)?;
    let threshold = first_out.next_up();
    let rests_on = impostors.partition_point(|score| *score >= threshold);
    Some(Operating { false_matches, threshold, rests_on, of: impostors.len() })
}

/// Highest first.
pub(super) fn descending(mut scores: Vec<f32>) -> Vec<f32> {
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_larger_share_matches_and_equals_stay_together() {
        let impostors = descending(vec![0.1, 0.9, 0.5, 0.5, 0.5, 0.2, 0.3, 0.0, -0.1, -1.0]);
        let at = |share: f64| operating(&impostors, share).map(|point| (point.rests_on, point.of));
        assert_eq!(at(0.0), Some((0, 10)));
        assert_eq!(at(0.1), Some((1, 10)));
        assert_eq!(at(0.3), Some((1, 10)), "of three equals not one or two");
        assert_eq!(at(0.4), Some((4, 10)));
        assert!(operating(&impostors, 0.0).unwrap().threshold > 0.9);
        assert_eq!(operating(&[], 0.5), None);
    }
}
