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
use tracing::warn;

use super::{Body, Error, Fence, Record, Writer};
use crate::database;

/// A message for the log.
pub(super) struct Entry {
    pub(super) topic: &'static Topic,
    pub(super) partition: u32,
    pub(super) key: Arc<str>,
    pub(super) slot: String,
    pub(super) writer: Writer,
    pub(super) trace: Option<String>,
    pub(super) time_us: i64,
    pub(super) body: Bytes,
}

/// Where a partition of a topic ends: the offset of the message to come.
pub(super) type Ends = HashMap<(&'static str, u32), u64>;

type Committed = Box<dyn FnOnce(Result<Ends, Error>) + Send>;

/// Bounded so that a stuck disk stops publishers instead of filling memory; one batch of a worker is one entry.
const WAITING: usize = 256;
/// Times that retention is halved over the budget: a month comes down to seconds.
const HALVINGS: u32 = 20;

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
                     owner TEXT, term INT, trace TEXT, time_us INT, body BLOB, PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID;
                 CREATE INDEX IF NOT EXISTS messages_by_time ON messages (topic, time_us);
                 CREATE INDEX IF NOT EXISTS messages_by_slot ON messages (topic, slot);
                 CREATE TABLE IF NOT EXISTS ends (topic TEXT, partition INT, next INT,
                     PRIMARY KEY (topic, partition)) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS commits (reader TEXT, topic TEXT, partition INT, next INT,
                     PRIMARY KEY (reader, topic, partition)) WITHOUT ROWID;",
            )
            .map_err(failed)?;
        // Logs of the first days do not say who wrote.
        if lock(&writer).prepare("SELECT owner FROM messages").is_err() {
            lock(&writer).execute_batch("ALTER TABLE messages ADD COLUMN owner TEXT").map_err(failed)?;
        }
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
                "SELECT offset, key, slot, owner, term, trace, body FROM messages
                 WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 ORDER BY offset LIMIT ?4",
            )
            .map_err(failed)?;
        let rows = query
            .query_map(params![topic.noun, partition, from as i64, limit as i64], |row| {
                Ok(Record {
                    topic,
                    partition,
                    offset: Some(row.get::<_, i64>(0)? as u64),
                    reference: Some(row.get::<_, i64>(0)? as u64),
                    key: row.get::<_, String>(1)?.into(),
                    slot: row.get::<_, String>(2)?.into(),
                    writer: Writer {
                        owner: row.get::<_, Option<String>>(3)?.map(Into::into),
                        term: row.get::<_, i64>(4)? as u64,
                    },
                    trace: row.get(5)?,
                    body: Body::Bytes(row.get::<_, Vec<u8>>(6)?.into()),
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

    /// Removes messages older than their topic keeps. Above `budget` bytes every topic of facts keeps half as long,
    /// again and again, but what a reader still needs: `floors` are the lowest offsets needed.
    pub(super) fn sweep(
        &self,
        now_us: i64,
        budget: u64,
        floors: impl FnOnce() -> Result<Ends, Error>,
    ) -> Result<u64, Error> {
        let failed = |error| Error::engine("remove old messages", error);
        let mut removed = 0;
        let kept = || topics::ALL.iter().filter(|topic| !topic.volatile && !topic.retention.is_zero());
        for topic in kept() {
            let before = now_us - topic.retention.as_micros() as i64;
            removed += lock(&self.writer)
                .execute(
                    "DELETE FROM messages WHERE topic = ?1 AND time_us < ?2",
                    params![topic.noun, before],
                )
                .map_err(failed)? as u64;
        }
        if database::used(&lock(&self.writer)).map_err(failed)? > budget {
            let floors = floors()?;
            let mut gone = 0;
            for halvings in 1..=HALVINGS {
                for topic in kept().filter(|topic| topic.class == Class::Fact) {
                    let before = now_us - (topic.retention.as_micros() as i64 >> halvings);
                    gone += self.remove(topic, before, &floors).map_err(failed)?;
                }
                if database::used(&lock(&self.writer)).map_err(failed)? <= budget {
                    break;
                }
            }
            warn!(removed = gone, budget, "message log over its budget, removed the oldest messages");
            removed += gone;
        }
        database::shrink(&lock(&self.writer)).map_err(failed)?;
        Ok(removed)
    }

    fn remove(&self, topic: &'static Topic, before: i64, floors: &Ends) -> rusqlite::Result<u64> {
        let mut removed = 0;
        for partition in 0..topics::PARTITIONS {
            let floor = floors.get(&(topic.noun, partition)).map_or(i64::MAX, |floor| *floor as i64);
            removed += lock(&self.writer)
                .prepare_cached(
                    "DELETE FROM messages WHERE topic = ?1 AND partition = ?2 AND offset < ?3 AND time_us < ?4",
                )?
                .execute(params![topic.noun, partition, floor, before])? as u64;
        }
        Ok(removed)
    }
}

/// Commits everything that waits in one transaction, until every sender is gone. Everything passes here in its final
/// order, so this is where a writer whose term is over is refused.
fn write_all(connection: &Mutex<Connection>, waiting: &mpsc::Receiver<(Vec<Entry>, Committed)>) {
    let mut fence = Fence::default();
    while let Ok(first) = waiting.recv() {
        let (mut entries, mut written) = (Vec::new(), Vec::new());
        for (batch, done) in std::iter::once(first).chain(waiting.try_iter()) {
            let mut refused =
                |entry: &&Entry| !fence.admits(&entry.writer, entry.topic.noun, entry.partition);
            match batch.iter().find(&mut refused).and_then(|entry| entry.writer.owner.clone()) {
                Some(owner) => done(Err(Error::Fenced { owner })),
                None => {
                    entries.extend(batch);
                    written.push(done);
                }
            }
        }
        let result = write(&mut lock(connection), &entries);
        for done in written {
            done(
                result
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
        let mut insert = transaction.prepare_cached(
            "INSERT INTO messages (topic, partition, offset, key, slot, owner, term, trace, time_us, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
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
                entry.writer.owner.as_deref(),
                entry.writer.term as i64,
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
