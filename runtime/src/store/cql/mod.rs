//! The CQL engine, for servers such as ScyllaDB and Apache Cassandra: a table of one shape for every [`Table`].
//!
//! - **Retention** is each row's time to live, counted from its own time; what is too old already is not written. Time
//!   series lie in time windows, and expired windows go as whole files.
//! - **Facts** are written with the time they happened at, so it does not matter which of two writers comes last.
//!   Whatever changes has the servers' time.
//! - **Sequences** have no end, so their partitions are divided into blocks ([`super::rows::sequence_block`]); table `blocks` says
//!   which there are. Nobody outside sees them.
//! - **A call waits** for the servers, on the caller's thread; the driver works on threads of the engine's own, so that it
//!   may be called from anywhere, from within another runtime too.

mod engine;

mod address;
mod blocks;
mod failure;
mod outcome;
mod schema;
mod session;
mod statements;

use std::{
    future::Future,
    sync::{Arc, mpsc},
};

pub use address::Address;
use engine::{COMPARE, DELETE, Engine, GET, INSERT, Query, SCAN, WRITE};
use tokio::runtime::Runtime;

use super::{Error, Scan, Store, StoredRow, Table};
use crate::config;

/// A store on CQL servers.
pub struct Cql {
    /// Taken when the engine is dropped, which may be on a thread that must not wait.
    runtime: Option<Runtime>,
    engine: Arc<Engine>,
}

const OPEN: &str = "open the store";

/// Threads of the driver; it does little but copy.
const THREADS: usize = 2;
impl Cql {
    /// Connects to the servers of the configuration. The keyspace must be of this version.
    ///
    /// # Errors
    /// No server answers, the login is refused, or the keyspace is missing, older or newer. The text says what to do.
    pub fn open(config: &config::Store) -> Result<Self, Error> {
        let (runtime, address) = begin(OPEN, config)?;
        let config = config.clone();
        let engine = wait(&runtime, OPEN, async move {
            let session = session::connect(&config, &address).await?;
            schema::check(&session, &address.keyspace).await?;
            Engine::new(session, &address.keyspace, config.retention()).await
        });
        match engine {
            Ok(engine) => Ok(Self { runtime: Some(runtime), engine: Arc::new(engine) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Makes keyspace and tables of this version, or brings older ones to it. Answers the versions that were made. Any
    /// number of processes may do so at once, and again.
    ///
    /// # Errors
    /// No server answers, the login is refused or may not do it, or the keyspace is newer.
    pub fn migrate(config: &config::Store) -> Result<Vec<i32>, Error> {
        const MIGRATE: &str = "migrate the store";
        let (runtime, address) = begin(MIGRATE, config)?;
        let config = config.clone();
        let made = wait(&runtime, MIGRATE, async move {
            let session = session::connect(&config, &address).await?;
            schema::migrate(&session, &address.keyspace, config.replication, &config.retention()).await
        });
        runtime.shutdown_background();
        made
    }

    fn run<T, F>(&self, attempt: &'static str, work: impl FnOnce(Arc<Engine>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let runtime = self.runtime.as_ref().expect("it is there until the engine is dropped");
        wait(runtime, attempt, work(Arc::clone(&self.engine)))
    }
}

impl Drop for Cql {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn begin(attempt: &'static str, config: &config::Store) -> Result<(Runtime, Address), Error> {
    let address =
        Address::parse(&config.url).map_err(|why| Error::engine(attempt, format!("`store.url` {why}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("cql")
        .enable_all()
        .build()
        .map_err(|error| Error::engine(attempt, error))?;
    Ok((runtime, address))
}

/// Does work on the engine's threads while the caller's waits, which may belong to another runtime.
fn wait<T: Send + 'static>(
    runtime: &Runtime,
    attempt: &'static str,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Whoever asked is waiting.
        drop(tell.send(work.await));
    });
    told.recv()
        .unwrap_or_else(|_| Err(Error::engine(attempt, "the engine panicked; the message is in the log")))
}

impl Store for Cql {
    fn write(&self, rows: &[StoredRow]) -> Result<(), Error> {
        let rows = rows.to_vec();
        self.run(WRITE, |engine| async move { engine.write(rows).await })
    }

    fn insert(&self, row: &StoredRow) -> Result<bool, Error> {
        let row = row.clone();
        self.run(INSERT, |engine| async move { engine.insert(&row).await })
    }

    fn compare_and_set(&self, row: &StoredRow, expected: Option<&[u8]>) -> Result<bool, Error> {
        let (row, expected) = (row.clone(), expected.map(<[u8]>::to_vec));
        self.run(COMPARE, |engine| async move { engine.compare_and_set(&row, expected).await })
    }

    fn get(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let (partition, sort) = (partition.to_owned(), sort.to_vec());
        self.run(GET, |engine| async move { engine.get(table, &partition, &sort).await })
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<StoredRow>, Error> {
        let query = Query {
            table: scan.table,
            partition: scan.partition.map(str::to_owned),
            from: scan.from.clone(),
            to: scan.to.clone(),
            descending: scan.descending,
            limit: scan.limit,
        };
        self.run(SCAN, |engine| async move { engine.scan(&query).await })
    }

    fn delete(&self, table: &'static Table, partition: &str, sort: &[u8]) -> Result<(), Error> {
        let (partition, sort) = (partition.to_owned(), sort.to_vec());
        self.run(DELETE, |engine| async move { engine.delete(table, &partition, &sort).await })
    }

    /// Nothing is left to remove: rows expire by themselves, and the servers' disks have no budget of ours.
    fn sweep(&self, _now_us: i64) -> Result<Vec<(&'static str, u64)>, Error> {
        Ok(Vec::new())
    }
}
