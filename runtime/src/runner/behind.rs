//! Derived rows that the store has not taken yet.

use std::collections::VecDeque;

use crate::store::StoredRow;

/// Rows that are stored behind what was published, oldest first.
#[derive(Default)]
pub(super) struct Behind {
    rows: VecDeque<StoredRow>,
    bytes: usize,
}

/// Rows that wait at most.
const ROWS: usize = 20_000;
/// Bytes that wait at most: pictures of clips fill memory long before they are many rows.
const BYTES: usize = 256 << 20;

impl Behind {
    /// Takes rows in. The oldest go when there are too many, since they are derived data; answers how many went.
    pub(super) fn put(&mut self, rows: impl IntoIterator<Item = StoredRow>) -> usize {
        for row in rows {
            self.bytes += row.body.len();
            self.rows.push_back(row);
        }
        self.shed()
    }

    /// Takes rows back that the store did not take, before those that came meanwhile; answers how many went.
    pub(super) fn put_back(&mut self, rows: Vec<StoredRow>) -> usize {
        self.bytes += rows.iter().map(|row| row.body.len()).sum::<usize>();
        let since = std::mem::replace(&mut self.rows, rows.into());
        self.rows.extend(since);
        self.shed()
    }

    fn shed(&mut self) -> usize {
        let mut gone = 0;
        while self.rows.len() > ROWS || self.bytes > BYTES {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.bytes -= oldest.body.len();
            gone += 1;
        }
        gone
    }

    /// Everything that waits.
    pub(super) fn take(&mut self) -> impl Iterator<Item = StoredRow> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.rows).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_rows_nor_bytes_grow_without_bound() {
        let row =
            |n: u8, bytes: usize| StoredRow { sort: vec![n], body: vec![0; bytes], ..Default::default() };
        let mut behind = Behind::default();
        assert_eq!(behind.put((0..ROWS + 3).map(|_| row(0, 1))), 3);
        assert_eq!(behind.put([row(1, BYTES)]), ROWS, "the oldest go");
        let taken: Vec<StoredRow> = behind.take().collect();
        assert_eq!(behind.put([row(3, 0)]), 0);
        assert_eq!(behind.put_back(taken), 0, "what the store refused comes back");
        assert_eq!(behind.take().map(|row| row.sort).collect::<Vec<_>>(), [[1], [3]], "oldest first");
        assert_eq!(behind.put([row(2, 5)]), 0);
    }
}
