//! What a subscriber has seen, and what it gets next: each revision once, in order.

use std::collections::BTreeMap;

use cortex_proto::v1;

/// The highest sequence seen of every partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen(BTreeMap<u32, u64>);

/// What to do with a live message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was seen.
    Skip,
    /// It is the next one.
    Take,
    /// Those between what was seen and it were missed: read up to it.
    Fill,
}

impl Seen {
    pub(crate) fn new(heads: impl IntoIterator<Item = (u32, u64)>) -> Self {
        Self(heads.into_iter().filter(|(_, sequence)| *sequence > 0).collect())
    }

    /// What a message of this place means.
    pub(crate) fn step(&self, partition: u32, sequence: u64) -> Step {
        let seen = self.of(partition);
        match sequence.cmp(&(seen + 1)) {
            std::cmp::Ordering::Less => Step::Skip,
            std::cmp::Ordering::Equal => Step::Take,
            std::cmp::Ordering::Greater => Step::Fill,
        }
    }

    /// It was sent, or did not pass the filter.
    pub(crate) fn take(&mut self, partition: u32, sequence: u64) {
        let seen = self.0.entry(partition).or_default();
        *seen = (*seen).max(sequence);
    }

    pub(crate) fn of(&self, partition: u32) -> u64 {
        self.0.get(&partition).copied().unwrap_or(0)
    }

    pub(crate) fn cursor(&self) -> v1::Cursor {
        v1::Cursor { sequences: self.0.iter().map(|(partition, sequence)| (*partition, *sequence)).collect() }
    }
}

impl From<&v1::Cursor> for Seen {
    fn from(cursor: &v1::Cursor) -> Self {
        Self::new(cursor.sequences.iter().map(|(partition, sequence)| (*partition, *sequence)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However live messages are lost, doubled and reordered, and wherever the client comes back: everything after
        /// its cursor arrives once, in order.
        #[test]
        fn everything_after_any_cursor_once_in_order(
            written in 1..40_u64, start in 0..40_u64, live in proptest::collection::vec(1..40_u64, 0..80), cut in 0..80_usize,
        ) {
            let start = start.min(written);
            let mut got: Vec<u64> = Vec::new();
            let mut seen = Seen::new([(3, start)]);
            for (index, sequence) in live.iter().map(|sequence| (*sequence).min(written)).chain([written]).enumerate() {
                if index == cut {
                    seen = Seen::from(&seen.cursor()); // the client went away and came back
                }
                match seen.step(3, sequence) {
                    Step::Skip => continue,
                    Step::Take => got.push(sequence),
                    Step::Fill => got.extend(seen.of(3) + 1..=sequence),
                }
                seen.take(3, sequence);
            }
            prop_assert_eq!(got, (start + 1..=written).collect::<Vec<_>>());
        }
    }
}
