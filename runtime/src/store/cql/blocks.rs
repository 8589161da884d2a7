//! Which blocks of its sequence a partition has.
//!
//! A block is listed before its first row is written, so a row is never missed; one that is listed and empty is passed
//! over. A listing lives longer than any row of its block, since a writer lists it anew every hour.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use scylla::{
    client::{pager::TypedRowStream, session::Session},
    statement::{Consistency, Statement, prepared::PreparedStatement},
};

use super::{
    engine::{Query, SCAN},
    failure::Failed,
};
use crate::store::{Error, StoredRow, rows::sequence_block, table::Table};

/// How often a block that is written to is listed anew.
const ANEW: Duration = Duration::from_secs(60 * 60);
/// Blocks of a page: one is what most ask for.
const PAGE: i32 = 64;

/// The blocks of every sequence.
pub(super) struct Blocks {
    list: PreparedStatement,
    /// By descending.
    find: [PreparedStatement; 2],
    /// The block of each partition that this process listed last, and when.
    listed: Mutex<HashMap<String, (i64, Instant)>>,
}

/// The block of a place.
pub(super) fn of(place: &[u8]) -> i64 {
    i64::try_from(sequence_block(place)).expect("a block holds more than two places")
}

impl Blocks {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, Error> {
        const PREPARE: &str = "prepare the store's statements";
        let name = format!("\"{keyspace}\".\"blocks\"");
        let prepare = async |text: String| {
            let mut statement =
                session.prepare(Statement::new(text).with_page_size(PAGE)).await.failed(PREPARE)?;
            statement.set_consistency(Consistency::LocalQuorum);
            statement.set_is_idempotent(true);
            Ok::<_, Error>(statement)
        };
        let find = async |order: &str| {
            prepare(format!(
                "SELECT block FROM {name} WHERE partition = ? AND block >= ? AND block <= ? ORDER BY block {order}"
            ))
            .await
        };
        Ok(Self {
            list: prepare(format!("INSERT INTO {name} (partition, block) VALUES (?, ?) USING TTL ?")).await?,
            find: [find("ASC").await?, find("DESC").await?],
            listed: Mutex::default(),
        })
    }

    /// Lists the block of a row, before it is written.
    pub(super) async fn open(
        &self,
        session: &Session,
        attempt: &'static str,
        table: &Table,
        row: &StoredRow,
        keeps: Option<Duration>,
    ) -> Result<(), Error> {
        let (partition, block) = (partition(table, &row.partition), of(&row.sort));
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied();
        if listed.is_some_and(|(listed, at)| listed == block && at.elapsed() < ANEW) {
            return Ok(());
        }
        let at = Instant::now();
        let life = keeps.map_or(0, |keeps| (keeps + 2 * ANEW).as_secs());
        let values = (partition.as_str(), block, i32::try_from(life).unwrap_or(i32::MAX));
        session.execute_unpaged(&self.list, values).await.failed(attempt)?;
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, (block, at));
        Ok(())
    }

    /// The blocks that may have what is asked for, in its order.
    pub(super) async fn between(
        &self,
        session: &Session,
        table: &Table,
        of_partition: &str,
        query: &Query,
    ) -> Result<TypedRowStream<(i64,)>, Error> {
        let last = if query.to.is_empty() { i64::MAX } else { of(&query.to) };
        let statement = self.find[usize::from(query.descending)].clone();
        let values = (partition(table, of_partition), of(&query.from), last);
        session.execute_iter(statement, values).await.failed(SCAN)?.rows_stream().failed(SCAN)
    }
}

/// Sequences of all tables lie in one.
fn partition(table: &Table, partition: &str) -> String {
    format!("{}/{partition}", table.name)
}
