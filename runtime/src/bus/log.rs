//! The durable log of the embedded bus: facts and tables in SQLite, written by one thread that commits everything
//! waiting at once.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

use bytes::Bytes;
use cortex_proto::{
    Topic,
    topics::{self, Class},
};
use rusqlite::{Connection, params};

use super::{Body, Error, Record};
use crate::database;

/// A message for the log.
pub(super) struct Entry {
    pub(super) topic: &'static Topic,
    pub(super) partition: u32,
    pub(super) key: Arc<str>,
    pub(super) slot: String,
    pub(super) term: u64,
    pub(super) trace: Option<String>,
    pub(super) time_us: i64,
    pub(super) body: Bytes,
}

/// Where a partition of a topic ends: the offset of the message to come.
pub(super) type Ends = HashMap<(&'static str, u32), u64>;

type Committed = Box<dyn FnOnce(Result<Ends, Error>) + Send>;

/// Bounded so that a stuck disk stops publishers instead of filling memory; one batch of a worker is one entry.
const WAITING: usize = 256;

pub(super) struct Log {
    reader: Arc<Mutex<Connection>>,
    writer: Arc<Mutex<Connection>>,
    queue: mpsc::SyncSender<(Vec<Entry>, Committed)>,
}

impl Log {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let failed = |error| Error::engine("open the message log", error);
        let writer = Arc::new(Mutex::new(database::open(path).map_err(failed)?));
        lock(&writer)
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS messages (topic TEXT, partition INT, offset INT, key TEXT, slot TEXT,
                     term INT, trace TEXT, time_us INT, body BLOB, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID;
                 CREATE INDEX IF NOT EXISTS messages_by_time ON messages (topic, time_us);
                 CREATE INDEX IF NOT EXISTS messages_by_slot ON messages (topic, slot);
                 CREATE TABLE IF NOT EXISTS ends (topic TEXT, partition INT, next INT,
                     PRIMARY KEY (topic, partition)) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS commits (reader TEXT, topic TEXT, partition INT, next INT,
                     PRIMARY KEY (reader, topic, partition)) WITHOUT ROWID;",
            )
            .map_err(failed)?;
        let reader = match path {
            Some(_) => Arc::new(Mutex::new(database::open(path).map_err(failed)?)),
            None => Arc::clone(&writer),
        };
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let connection = Arc::clone(&writer);
        thread::Builder::new()
            .name("bus-log".to_owned())
            .spawn(move || write_all(&connection, &waiting))
            .map_err(|error| Error::engine("start the thread of the message log", error))?;
        Ok(Self { reader, writer, queue })
    }

    /// Queues entries; `done` is called on the log's thread once they are on disk.
    pub(super) fn append(&self, entries: Vec<Entry>, done: Committed) -> Result<(), Error> {
        self.queue.send((entries, done)).map_err(|_| Error::Closed)
    }

    pub(super) fn ends(&self) -> Result<Ends, Error> {
        let failed = |error| Error::engine("read the ends of the message log", error);
        let connection = lock(&self.reader);
        let mut query =
            connection.prepare_cached("SELECT topic, partition, next FROM ends").map_err(failed)?;
        let rows = query
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?)))
            .map_err(failed)?;
        let mut ends = Ends::new();
        for row in rows {
            let (topic, partition, next) = row.map_err(failed)?;
            if let Some(topic) = topics::find(&topic) {
                ends.insert((topic.noun, partition), next as u64);
            }
        }
        Ok(ends)
    }

    /// Messages of one partition from an offset on.
    pub(super) fn read(
        &self,
        topic: &'static Topic,
        partition: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Record>, Error> {
        let failed = |error| Error::engine("read the message log", error);
        let connection = lock(&self.reader);
        let mut query = connection
            .prepare_cached(
                "SELECT offset, key, slot, term, trace, body FROM messages
                 WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 ORDER BY offset LIMIT ?4",
            )
            .map_err(failed)?;
        let rows = query
            .query_map(params![topic.noun, partition, from as i64, limit as i64], |row| {
                Ok(Record {
                    topic,
                    partition,
                    offset: row.get::<_, i64>(0)? as u64,
                    key: row.get::<_, String>(1)?.into(),
                    slot: row.get::<_, String>(2)?.into(),
                    term: row.get::<_, i64>(3)? as u64,
                    trace: row.get(4)?,
                    body: Body::Bytes(row.get::<_, Vec<u8>>(5)?.into()),
                })
            })
            .map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    pub(super) fn committed(
        &self,
        reader: &str,
        topic: &'static Topic,
        partition: u32,
    ) -> Result<u64, Error> {
        let connection = lock(&self.reader);
        let found = connection
            .prepare_cached("SELECT next FROM commits WHERE reader = ?1 AND topic = ?2 AND partition = ?3")
            .and_then(|mut query| {
                query.query_row(params![reader, topic.noun, partition], |row| row.get::<_, i64>(0))
            });
        match found {
            Ok(next) => Ok(next as u64),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(0),
            Err(error) => Err(Error::engine("read a committed offset", error)),
        }
    }

    pub(super) fn commit(
        &self,
        reader: &str,
        topic: &'static Topic,
        partition: u32,
        next: u64,
    ) -> Result<(), Error> {
        lock(&self.writer)
            .prepare_cached(
                "INSERT INTO commits VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET next = max(next, ?4)",
            )
            .and_then(|mut query| query.execute(params![reader, topic.noun, partition, next as i64]))
            .map(|_| ())
            .map_err(|error| Error::engine("commit an offset", error))
    }

    /// Removes messages older than their topic keeps.
    pub(super) fn sweep(&self, now_us: i64) -> Result<u64, Error> {
        let mut removed = 0;
        for topic in topics::ALL.iter().filter(|topic| !topic.volatile && !topic.retention.is_zero()) {
            let before = now_us - topic.retention.as_micros() as i64;
            removed += lock(&self.writer)
                .prepare_cached("DELETE FROM messages WHERE topic = ?1 AND time_us < ?2")
                .and_then(|mut query| query.execute(params![topic.noun, before]))
                .map_err(|error| Error::engine("remove old messages", error))? as u64;
        }
        Ok(removed)
    }
}

/// Commits everything that waits in one transaction, until every sender is gone.
fn write_all(connection: &Mutex<Connection>, waiting: &mpsc::Receiver<(Vec<Entry>, Committed)>) {
    while let Ok(first) = waiting.recv() {
        let (batch, done): (Vec<_>, Vec<_>) = std::iter::once(first).chain(waiting.try_iter()).unzip();
        let entries: Vec<Entry> = batch.into_iter().flatten().collect();
        let written = write(&mut lock(connection), &entries);
        for done in done {
            done(
                written
                    .as_ref()
                    .map(Clone::clone)
                    .map_err(|error| Error::engine("write the message log", error)),
            );
        }
    }
}

fn write(connection: &mut Connection, entries: &[Entry]) -> rusqlite::Result<Ends> {
    let transaction = connection.transaction()?;
    let mut ends = Ends::new();
    {
        let mut next = transaction.prepare_cached(
            "INSERT INTO ends VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next",
        )?;
        let mut compact =
            transaction.prepare_cached("DELETE FROM messages WHERE topic = ?1 AND slot = ?2")?;
        let mut insert =
            transaction.prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for entry in entries {
            let end: i64 = next.query_row(params![entry.topic.noun, entry.partition], |row| row.get(0))?;
            if entry.topic.class == Class::Table {
                compact.execute(params![entry.topic.noun, entry.slot])?;
            }
            insert.execute(params![
                entry.topic.noun,
                entry.partition,
                end - 1,
                &*entry.key,
                entry.slot,
                entry.term as i64,
                entry.trace,
                entry.time_us,
                &*entry.body,
            ])?;
            ends.insert((entry.topic.noun, entry.partition), end as u64);
        }
    }
    transaction.commit()?;
    Ok(ends)
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
