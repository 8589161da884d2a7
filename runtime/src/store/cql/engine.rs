//! What is done with rows, on the engine's own threads.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use scylla::{client::session::Session, statement::prepared::PreparedStatement, value::CqlValue};

use super::{
    blocks::{self, Blocks},
    failure::Failed,
    outcome::Outcome,
    statements::Statements,
};
use crate::{
    runner::wall_clock,
    store::{
        Error, StoredRow,
        table::{self, Retention, Table, Writes},
    },
};

pub(super) const WRITE: &str = "write rows";
pub(super) const INSERT: &str = "insert a row";
pub(super) const COMPARE: &str = "compare and set a row";
pub(super) const GET: &str = "read a row";
pub(super) const SCAN: &str = "read rows";
pub(super) const DELETE: &str = "delete a row";

/// Rows of one call that are on their way at once: enough for servers to work side by side, and they are not
/// flooded by one caller.
const IN_FLIGHT: usize = 128;
/// Statements prepared at once.
const PREPARED: usize = 8;
/// Parts of the ring of tokens that a whole table is read in, so that no request asks every server for everything.
const PARTS: i128 = 32;
/// How far ahead of this machine's clock a fact may be ordered; later ones are ordered here, or nothing could follow them.
const AHEAD_US: i64 = 2_000_000;
const SECOND_US: i64 = 1_000_000;

/// What the engine's own threads work with.
pub(super) struct Engine {
    session: Session,
    tables: HashMap<&'static str, Statements>,
    blocks: Blocks,
    retention: Retention,
}

/// A [`crate::store::Scan`] that outlives its caller's frame.
pub(super) struct Query {
    pub(super) table: &'static Table,
    pub(super) partition: Option<String>,
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
    pub(super) descending: bool,
    pub(super) limit: usize,
}

impl Query {
    fn has(&self, place: &[u8]) -> bool {
        place >= self.from.as_slice() && (self.to.is_empty() || place < self.to.as_slice())
    }
}

impl Engine {
    pub(super) async fn new(session: Session, keyspace: &str, retention: Retention) -> Result<Self, Error> {
        let blocks = Blocks::prepare(&session, keyspace).await?;
        let prepare = |table: &'static Table| {
            let (session, keyspace) = (&session, keyspace);
            async move { Ok::<_, Error>((table.name, Statements::prepare(session, keyspace, table).await?)) }
        };
        let prepared: Vec<_> = table::ALL.iter().copied().map(prepare).collect();
        let tables = stream::iter(prepared).buffer_unordered(PREPARED).try_collect().await?;
        Ok(Self { session, tables, blocks, retention })
    }

    fn of(&self, attempt: &'static str, name: &str) -> Result<(&'static Table, &Statements), Error> {
        table::find(name)
            .and_then(|table| Some((table, self.tables.get(table.name)?)))
            .ok_or_else(|| Error::engine(attempt, format!("there is no table `{name}`")))
    }

    pub(super) async fn write(&self, rows: Vec<StoredRow>) -> Result<(), Error> {
        // Of two values for one place the last counts, and statements that are under way together have no order.
        let mut places = HashSet::new();
        let last: Vec<&StoredRow> =
            rows.iter().rev().filter(|row| places.insert((&row.table, &row.partition, &row.sort))).collect();
        let now_us = wall_clock();
        stream::iter(last).map(Ok).try_for_each_concurrent(IN_FLIGHT, |row| self.put(row, now_us)).await
    }

    async fn put(&self, row: &StoredRow, now_us: i64) -> Result<(), Error> {
        let (table, statements) = self.of(WRITE, &row.table)?;
        let Some(life) = self.life(table, row.time_us, now_us) else { return Ok(()) };
        self.open_block(WRITE, table, row).await?;
        let mut values = whole(table, row, life);
        if table.writes == Writes::Fact {
            values.push(CqlValue::BigInt(row.time_us.min(now_us + AHEAD_US)));
        }
        self.session.execute_unpaged(&statements.write, values).await.failed(WRITE).map(drop)
    }

    pub(super) async fn insert(&self, row: &StoredRow) -> Result<bool, Error> {
        let (_, statements) = self.of(INSERT, &row.table)?;
        let outcome = self.create(INSERT, &statements.insert, row).await?;
        Ok(outcome.applied || outcome.body() == Some(&row.body))
    }

    pub(super) async fn compare_and_set(
        &self,
        row: &StoredRow,
        expected: Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        let (table, statements) = self.of(COMPARE, &row.table)?;
        let Some(expected) = expected else {
            return Ok(self.create(COMPARE, &statements.create, row).await?.applied);
        };
        let mut values = vec![CqlValue::Int(self.least_life(table, row))];
        values.extend([CqlValue::BigInt(row.time_us), CqlValue::Blob(row.body.clone())]);
        values.extend(key(table, &row.partition, &row.sort));
        values.push(CqlValue::Blob(expected));
        let result = self.session.execute_unpaged(&statements.replace, values).await.failed(COMPARE)?;
        Ok(Outcome::read(COMPARE, result)?.applied)
    }

    /// Writes a row where nothing is.
    async fn create(
        &self,
        attempt: &'static str,
        statement: &PreparedStatement,
        row: &StoredRow,
    ) -> Result<Outcome, Error> {
        let (table, _) = self.of(attempt, &row.table)?;
        self.open_block(attempt, table, row).await?;
        let values = whole(table, row, self.least_life(table, row));
        let result = self.session.execute_unpaged(statement, values).await.failed(attempt)?;
        Outcome::read(attempt, result)
    }

    pub(super) async fn get(
        &self,
        table: &'static Table,
        partition: &str,
        sort: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let (_, statements) = self.of(GET, table.name)?;
        let result =
            self.session.execute_unpaged(&statements.get, key(table, partition, sort)).await.failed(GET)?;
        let rows = result.into_rows_result().failed(GET)?;
        let row: Option<(Vec<u8>,)> = rows.maybe_first_row().failed(GET)?;
        Ok(row.map(|(body,)| body))
    }

    pub(super) async fn delete(
        &self,
        table: &'static Table,
        partition: &str,
        sort: &[u8],
    ) -> Result<(), Error> {
        let (_, statements) = self.of(DELETE, table.name)?;
        let key = key(table, partition, sort);
        self.session.execute_unpaged(&statements.delete, key).await.failed(DELETE).map(drop)
    }

    pub(super) async fn scan(&self, query: &Query) -> Result<Vec<StoredRow>, Error> {
        let Some(partition) = &query.partition else { return self.whole_table(query).await };
        let mut found = Vec::new();
        if query.table.writes != Writes::Once {
            self.part(query, partition, None, &mut found).await?;
            return Ok(found);
        }
        let mut blocks = self.blocks.between(&self.session, query.table, partition, query).await?;
        while found.len() < query.limit
            && let Some(block) = blocks.try_next().await.failed(SCAN)?
        {
            self.part(query, partition, Some(block.0), &mut found).await?;
        }
        Ok(found)
    }

    /// Adds what is asked for of one partition, or of one block of it, up to the limit.
    async fn part(
        &self,
        query: &Query,
        partition: &str,
        block: Option<i64>,
        found: &mut Vec<StoredRow>,
    ) -> Result<(), Error> {
        let (table, statements) = self.of(SCAN, query.table.name)?;
        let mut values = vec![CqlValue::Text(partition.to_owned())];
        values.extend(block.map(CqlValue::BigInt));
        values.push(CqlValue::Blob(query.from.clone()));
        if !query.to.is_empty() {
            values.push(CqlValue::Blob(query.to.clone()));
        }
        let limit = query.limit - found.len();
        values.push(CqlValue::Int(i32::try_from(limit).unwrap_or(i32::MAX)));
        let statement = statements.scan(query.descending, !query.to.is_empty()).clone();
        let pages = self.session.execute_iter(statement, values).await.failed(SCAN)?;
        let mut rows = pages.rows_stream::<(Vec<u8>, i64, Vec<u8>)>().failed(SCAN)?;
        while let Some((sort, time_us, body)) = rows.try_next().await.failed(SCAN)? {
            found.push(StoredRow {
                table: table.name.to_owned(),
                partition: partition.to_owned(),
                sort,
                time_us,
                body,
            });
        }
        Ok(())
    }

    /// Rows of every partition. Servers know no order among partitions, so it is made here: never more rows than the
    /// limit are held, but without one the whole table.
    async fn whole_table(&self, query: &Query) -> Result<Vec<StoredRow>, Error> {
        let (table, statements) = self.of(SCAN, query.table.name)?;
        let mut found: BTreeMap<(String, Vec<u8>), (i64, Vec<u8>)> = BTreeMap::new();
        for (after, to) in ring() {
            let values = vec![CqlValue::BigInt(after), CqlValue::BigInt(to)];
            let pages = self.session.execute_iter(statements.ring.clone(), values).await.failed(SCAN)?;
            let mut rows = pages.rows_stream::<(String, Vec<u8>, i64, Vec<u8>)>().failed(SCAN)?;
            while let Some((partition, sort, time_us, body)) = rows.try_next().await.failed(SCAN)? {
                if query.has(&sort) {
                    found.insert((partition, sort), (time_us, body));
                }
                if found.len() > query.limit {
                    drop(if query.descending { found.pop_first() } else { found.pop_last() });
                }
            }
        }
        let row = |((partition, sort), (time_us, body))| StoredRow {
            table: table.name.to_owned(),
            partition,
            sort,
            time_us,
            body,
        };
        let rows = found.into_iter().map(row);
        Ok(if query.descending { rows.rev().collect() } else { rows.collect() })
    }

    async fn open_block(&self, attempt: &'static str, table: &Table, row: &StoredRow) -> Result<(), Error> {
        if table.writes == Writes::Once {
            self.blocks.open(&self.session, attempt, table, row, self.retention.keeps(table)).await?;
        }
        Ok(())
    }

    /// Seconds that a row lives from now on, 0 for ever; `None` when it is too old already.
    fn life(&self, table: &Table, time_us: i64, now_us: i64) -> Option<i32> {
        let Some(keeps) = self.retention.keeps(table) else { return Some(0) };
        let keeps_us = i64::try_from(keeps.as_micros()).unwrap_or(i64::MAX);
        // A clock that is ahead keeps nothing longer.
        let left_us = time_us.saturating_add(keeps_us).saturating_sub(now_us).min(keeps_us);
        let seconds = left_us.saturating_add(SECOND_US - 1).div_euclid(SECOND_US);
        (seconds > 0).then(|| i32::try_from(seconds).unwrap_or(i32::MAX))
    }

    /// As [`Engine::life`], but a second for what is too old: whether its place is free must be asked all the same.
    fn least_life(&self, table: &Table, row: &StoredRow) -> i32 {
        self.life(table, row.time_us, wall_clock()).unwrap_or(1)
    }
}

/// The columns of a row's key.
fn key(table: &Table, partition: &str, sort: &[u8]) -> Vec<CqlValue> {
    let mut key = vec![CqlValue::Text(partition.to_owned())];
    if table.writes == Writes::Once {
        key.push(CqlValue::BigInt(blocks::of(sort)));
    }
    key.push(CqlValue::Blob(sort.to_vec()));
    key
}

/// The values of a row with its life.
fn whole(table: &Table, row: &StoredRow, life: i32) -> Vec<CqlValue> {
    let mut values = key(table, &row.partition, &row.sort);
    values.extend([CqlValue::BigInt(row.time_us), CqlValue::Blob(row.body.clone()), CqlValue::Int(life)]);
    values
}

/// The ring of tokens in parts: after the first, up to the second. No row has the lowest token.
fn ring() -> impl Iterator<Item = (i64, i64)> {
    let at = |part: i128| {
        let (low, high) = (i128::from(i64::MIN), i128::from(i64::MAX));
        (low + (high - low) * part / PARTS) as i64
    };
    (0..PARTS).map(move |part| (at(part), at(part + 1)))
}
