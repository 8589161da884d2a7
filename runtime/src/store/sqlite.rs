//! The SQLite engine: one table of the same shape for every [`Table`].

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};
use tracing::warn;

use super::{
    Error, Scan, Store, StoredRow,
    table::{self, Class, Retention, Table},
};
use crate::database;

/// A store in one SQLite file.
pub struct Sqlite {
    connection: Mutex<Connection>,
    retention: Retention,
}

/// Rows of a table removed at once when the budget is exceeded; few, so that writers never wait long and not much
/// more goes than must.
const GIVE_WAY: usize = 32;

impl Sqlite {
    /// Opens the store at `path`; `None` keeps it in memory.
    pub fn open(path: Option<&Path>, retention: Retention) -> Result<Self, Error> {
        let failed = |error| failure("open the store", &error);
        let connection = database::open(path).map_err(failed)?;
        for table in table::ALL {
            connection
                .execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS \"{0}\" (partition TEXT, sort BLOB, time_us INT, body BLOB,
                         PRIMARY KEY (partition, sort)) WITHOUT ROWID;
                     CREATE INDEX IF NOT EXISTS \"{0}_by_time\" ON \"{0}\" (time_us);",
                    table.name
                ))
                .map_err(failed)?;
        }
        Ok(Self { connection: Mutex::new(connection), retention })
    }

    /// Opens a store only to read it, beside the process that writes it. Nothing can be written through it.
    ///
    /// # Errors
    /// When there is no store at `path`.
    pub fn open_read_only(path: &Path) -> Result<Self, Error> {
        let connection =
            database::open_read_only(path).map_err(|error| failure("open the store to read", &error))?;
        let none = Duration::ZERO;
        let retention = Retention { events: none, detections: none, stills: none, budget: 0 };
        Ok(Self { connection: Mutex::new(connection), retention })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the oldest detections, stills and clips until the rest fits into the budget. Answers how many, by table.
    fn give_way(&self) -> Result<Vec<(&'static str, u64)>, Error> {
        let failed = |error| failure("keep the store within its budget", &error);
        let budget = self.retention.budget;
        let derived = |table: &&&'static Table| matches!(table.class, Class::Detections | Class::Stills);
        let mut gone: Vec<(&'static str, u64)> =
            table::ALL.iter().filter(derived).map(|table| (table.name, 0)).collect();
        loop {
            let connection = self.lock();
            let used = database::used(&connection).map_err(failed)?;
            if used <= budget {
                break;
            }
            let cuts: Vec<Option<i64>> = gone
                .iter()
                .map(|(table, _)| nth_oldest(&connection, table))
                .collect::<Result<_, _>>()
                .map_err(failed)?;
            let Some(cut) = cuts.into_iter().flatten().min() else {
                warn!(used, budget, "store over its budget: state and events alone are larger than it");
                break;
            };
            for (table, removed) in &mut gone {
                let sql = format!("DELETE FROM \"{table}\" WHERE time_us <= ?1");
                *removed += connection.execute(&sql, [cut]).map_err(failed)? as u64;
            }
        }
        gone.retain(|(_, removed)| *removed > 0);
        for (table, removed) in &gone {
            warn!(table, removed, budget, "store over its budget, removed the oldest rows");
        }
        Ok(gone)
    }
}

/// The time of a table's oldest rows, as many as are removed at once; `None` when it is empty.
fn nth_oldest(connection: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT max(time_us) FROM (SELECT time_us FROM \"{table}\" ORDER BY time_us LIMIT {GIVE_WAY})"
    );
    connection.query_row(&sql, [], |row| row.get(0))
}

impl Store for Sqlite {
    fn write(&self, rows: &[StoredRow]) -> Result<(), Error> {
        let failed = |error| failure("write rows", &error);
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        for row in rows {
            transaction
                .prepare_cached(&format!("INSERT OR REPLACE INTO \"{}\" VALUES (?1, ?2, ?3, ?4)", row.table))
                .and_then(|mut query| query.execute(params![row.partition, row.sort, row.time_us, row.body]))
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    fn insert(&self, row: &StoredRow) -> Result<bool, Error> {
        let failed = |error| failure("insert a row", &error);
        let connection = self.lock();
        let inserted = connection
            .prepare_cached(&format!("INSERT OR IGNORE INTO \"{}\" VALUES (?1, ?2, ?3, ?4)", row.table))
            .and_then(|mut query| query.execute(params![row.partition, row.sort, row.time_us, row.body]))
            .map_err(failed)?;
        if inserted == 1 {
            return Ok(true);
        }
        Ok(value(&connection, &row.table, &row.partition, &row.sort).map_err(failed)?.as_deref()
            == Some(&row.body))
    }

    fn compare_and_set(&self, row: &StoredRow, expected: Option<&[u8]>) -> Result<bool, Error> {
        let failed = |error| failure("compare and set a row", &error);
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        if value(&transaction, &row.table, &row.partition, &row.sort).map_err(failed)?.as_deref() != expected
        {
            return Ok(false);
        }
        transaction
            .prepare_cached(&format!("INSERT OR REPLACE INTO \"{}\" VALUES (?1, ?2, ?3, ?4)", row.table))
            .and_then(|mut query| query.execute(params![row.partition, row.sort, row.time_us, row.body]))
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(true)
    }

    fn get(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        value(&self.lock(), table.name, partition, sort).map_err(|error| failure("read a row", &error))
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<StoredRow>, Error> {
        let failed = |error| failure("read rows", &error);
        let order = if scan.descending { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT partition, sort, time_us, body FROM \"{}\"
             WHERE (?1 IS NULL OR partition = ?1) AND sort >= ?2 AND (?3 = x'' OR sort < ?3)
             ORDER BY partition {order}, sort {order} LIMIT ?4",
            scan.table.name
        );
        let connection = self.lock();
        let mut query = connection.prepare_cached(&sql).map_err(failed)?;
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        let rows = query
            .query_map(params![scan.partition, scan.from, scan.to, limit], |row| {
                Ok(StoredRow {
                    table: scan.table.name.to_owned(),
                    partition: row.get(0)?,
                    sort: row.get(1)?,
                    time_us: row.get(2)?,
                    body: row.get(3)?,
                })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn delete(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<(), Error> {
        self.lock()
            .prepare_cached(&format!("DELETE FROM \"{}\" WHERE partition = ?1 AND sort = ?2", table.name))
            .and_then(|mut query| query.execute(params![partition, sort]))
            .map(|_| ())
            .map_err(|error| failure("delete a row", &error))
    }

    fn sweep(&self, now_us: i64) -> Result<Vec<(&'static str, u64)>, Error> {
        let failed = |error| failure("remove old rows", &error);
        let mut gone = Vec::new();
        for table in table::ALL {
            let Some(keeps) = self.retention.keeps(table) else { continue };
            let removed = self
                .lock()
                .execute(
                    &format!("DELETE FROM \"{}\" WHERE time_us < ?1", table.name),
                    [now_us - keeps.as_micros() as i64],
                )
                .map_err(failed)?;
            gone.push((table.name, removed as u64));
        }
        gone.extend(self.give_way()?);
        database::shrink(&self.lock()).map_err(failed)?;
        Ok(gone)
    }
}

fn value(
    connection: &Connection,
    table: &str,
    partition: &str,
    sort: &[u8],
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached(&format!("SELECT body FROM \"{table}\" WHERE partition = ?1 AND sort = ?2"))?
        .query_row(params![partition, sort], |row| row.get(0))
        .optional()
}

fn failure(attempt: &'static str, error: &rusqlite::Error) -> Error {
    if database::is_full(error) { Error::Full { attempt } } else { Error::engine(attempt, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_room() {
        let day = Duration::from_secs(86_400);
        let retention = Retention { events: day, detections: day, stills: day, budget: u64::MAX };
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(Some(&folder.path().join("store")), retention).unwrap();
        let pages = |count: u32| store.lock().pragma_update(None, "max_page_count", count).unwrap();
        let row = StoredRow {
            table: table::ANOMALIES.name.to_owned(),
            partition: "p".to_owned(),
            sort: vec![1],
            time_us: 0,
            body: vec![7; 1 << 20],
        };
        pages(100);
        assert!(matches!(store.write(std::slice::from_ref(&row)), Err(Error::Full { .. })));
        assert!(matches!(store.insert(&row), Err(Error::Full { .. })));
        assert_eq!(store.get(&table::ANOMALIES, "p", &[1]).unwrap(), None, "it is still read");
        pages(10_000);
        assert!(store.insert(&row).unwrap());
    }
}
