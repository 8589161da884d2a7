//! The store: what outlives a process. Engines are chosen by URL; rows have one simple shape that a SQL table and
//! a wide-column table both serve: a partition, a place in its order, a time for retention, and bytes.

pub mod table;

pub mod rows;

mod place;
mod sqlite;

#[cfg(feature = "cql")]
pub mod cql;

use std::{fmt, sync::Arc};

#[cfg(feature = "cql")]
pub use cql::Cql;
pub use place::Place;
pub use sqlite::Sqlite;
pub use table::{Retention, Table};

use crate::config;

/// A value that has a table.
pub trait Row {
    /// The table.
    const TABLE: &'static Table;

    /// What is stored together: e.g. the camera and the minute. No partition of what cameras see exceeds 50,000 rows or 50 MB,
    /// however much happens; those of sequences an engine divides where it must. Those of a person, and of a
    /// watch-list's members, grow with how often somebody is recognised, and who is on it.
    fn partition(&self) -> String;

    /// Place in the partition's order, compared as bytes. With the partition it is the row's identity.
    fn sort(&self) -> Vec<u8>;

    /// When it happened, in microseconds since 1970; retention counts from here.
    fn time_us(&self) -> i64;

    /// The value as bytes.
    fn body(&self) -> Vec<u8>;
}

/// A row as the store sees it, and as an outbox holds it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StoredRow {
    /// Name of the table.
    #[prost(string, tag = "1")]
    pub table: String,
    /// What is stored together.
    #[prost(string, tag = "2")]
    pub partition: String,
    /// Place in the partition's order.
    #[prost(bytes = "vec", tag = "3")]
    pub sort: Vec<u8>,
    /// When it happened, in microseconds since 1970.
    #[prost(int64, tag = "4")]
    pub time_us: i64,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub body: Vec<u8>,
}

/// In which order, and how many.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// The table.
    pub table: &'static Table,
    /// The partition; `None` for all of them, in order of partition then place.
    pub partition: Option<&'a str>,
    /// From this place on, inclusive; empty for the first.
    pub from: Vec<u8>,
    /// To this place, exclusive; empty for the last.
    pub to: Vec<u8>,
    /// The last place first.
    pub descending: bool,
    /// At most so many rows.
    pub limit: usize,
}

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine failed; the same call may work later.
    #[error("{attempt}: {reason}")]
    Engine {
        /// What was attempted, lower-case.
        attempt: &'static str,
        /// What the engine said.
        reason: String,
    },
    /// The disk is full.
    #[error("{attempt}: the disk is full: free space or lower `store.budget_gib`")]
    Full {
        /// What was attempted, lower-case.
        attempt: &'static str,
    },
}

/// A store engine.
pub trait Store: Send + Sync + 'static {
    /// Writes rows; a row that is there is overwritten, so writing twice is harmless. Rows of tables that are
    /// written [`table::Writes::Once`] must go through [`Store::insert`].
    fn write(&self, rows: &[StoredRow]) -> Result<(), Error>;

    /// Writes a row only if its place is free. `false` when another value is there; writing the same value again
    /// is `true`.
    fn insert(&self, row: &StoredRow) -> Result<bool, Error>;

    /// Replaces the value of a place only if it is still `expected` (`None`: free). `false` when it is not.
    fn compare_and_set(&self, row: &StoredRow, expected: Option<&[u8]>) -> Result<bool, Error>;

    /// The value of a place.
    fn get(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Rows in order.
    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<StoredRow>, Error>;

    /// Removes a row; removing what is not there is no error.
    fn delete(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<(), Error>;

    /// Removes what is older than its table keeps; in an embedded engine then the oldest detections, stills and clips, and no more of them than
    /// bring the store within its budget. Answers how many rows went, by table.
    fn sweep(&self, now_us: i64) -> Result<Vec<(&'static str, u64)>, Error>;
}

/// Opens the engine that the configuration names.
///
/// # Errors
/// It cannot be opened, or it is of another version.
pub fn open(config: &config::Store, data: &config::Data) -> Result<Arc<dyn Store>, Error> {
    #[cfg(feature = "cql")]
    if config.is_cql() {
        return Ok(Arc::new(Cql::open(config)?));
    }
    Ok(Arc::new(Sqlite::open(Some(&config.path(data)), config.retention())?))
}

impl StoredRow {
    /// A value as a row.
    pub fn of<R: Row>(row: &R) -> Self {
        Self {
            table: R::TABLE.name.to_owned(),
            partition: row.partition(),
            sort: row.sort(),
            time_us: row.time_us(),
            body: row.body(),
        }
    }
}

impl<'a> Scan<'a> {
    /// Every row of a partition, in order.
    pub fn all(table: &'static Table, partition: &'a str) -> Self {
        Self {
            table,
            partition: Some(partition),
            from: Vec::new(),
            to: Vec::new(),
            descending: false,
            limit: usize::MAX,
        }
    }

    /// Every row of a table.
    pub fn table(table: &'static Table) -> Self {
        Self { partition: None, ..Self::all(table, "") }
    }

    /// The latest `limit` rows of a partition, last first.
    pub fn latest(table: &'static Table, partition: &'a str, limit: usize) -> Self {
        Self { descending: true, limit, ..Self::all(table, partition) }
    }
}

/// The next term of an owner (a stage and partition, an audit writer): compare and set, so two never share one.
pub fn next_term(store: &dyn Store, owner: &str) -> Result<u64, Error> {
    loop {
        let current = store.get(&table::TERMS, owner, &[])?;
        let term = current.as_deref().map_or(0, rows::number) + 1;
        let row = StoredRow {
            table: table::TERMS.name.to_owned(),
            partition: owner.to_owned(),
            sort: Vec::new(),
            time_us: 0,
            body: term.to_be_bytes().to_vec(),
        };
        if store.compare_and_set(&row, current.as_deref())? {
            return Ok(term);
        }
    }
}

impl Error {
    pub(crate) fn engine(attempt: &'static str, reason: impl fmt::Display) -> Self {
        Self::Engine { attempt, reason: reason.to_string() }
    }
}
