//! How both embedded engines open SQLite, measure it and give disk back.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another process's.
const BUSY: Duration = Duration::from_secs(5);

/// Bytes of write-ahead log that stay on disk once it is written back.
const JOURNAL: u32 = 16 << 20;

/// Opens a database for one writer and many readers: write-ahead log, every commit on disk before it is
/// acknowledged. `None` is a database in memory.
pub(crate) fn open(path: Option<&Path>) -> rusqlite::Result<Connection> {
    let connection = match path {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(BUSY)?;
    // First of all: the write-ahead log writes the first page, after which this cannot be chosen any more.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL)?;
    Ok(connection)
}

/// Bytes of the pages in use: the size of the file after [`shrink`].
pub(crate) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|bytes| bytes as u64)
}

/// Gives free pages and the write-ahead log back to the disk.
pub(crate) fn shrink(connection: &Connection) -> rusqlite::Result<()> {
    // The pragma frees a page a step, so every step must be taken.
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Opens a database that another process may be writing, only to read it.
pub(crate) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Whether an error says that the disk is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}
