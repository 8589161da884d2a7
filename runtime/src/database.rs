//! How both embedded engines open SQLite.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another process's.
const BUSY: Duration = Duration::from_secs(5);

/// Opens a database for one writer and many readers: write-ahead log, every commit on disk before it is
/// acknowledged. `None` is a database in memory.
pub(crate) fn open(path: Option<&Path>) -> rusqlite::Result<Connection> {
    let connection = match path {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    Ok(connection)
}

/// Opens a database that is there, to read it.
pub(crate) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Whether an error says that the disk is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}
