//! What children say, and how figures are told.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// The JSON object that each contender but Cortex prints as its last line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    /// Frames analysed.
    pub(crate) frames: u64,
    /// CPU seconds of the loop over the frames, without start-up and loading of models.
    pub(crate) cpu_seconds: f64,
    /// The same in milliseconds a frame.
    pub(crate) cpu_ms_per_frame: f64,
    /// Milliseconds a frame by step.
    pub(crate) breakdown: std::collections::BTreeMap<String, f64>,
}

/// The middle value; the mean of the two middle ones when their number is even. NaN for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// The value below which a share of the sorted values lies. NaN for none.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// One line to the terminal.
pub(crate) fn line(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
