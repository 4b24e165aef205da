//! How a connection is opened: its pragmas, and the space that is reserved for the write-ahead log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace_ports::{ErrorKind, PortError};
use rusqlite::Connection;

use super::errors::{named, sql_error};

/// Prepared statements kept per connection; more than the adapters together have.
const STATEMENTS_CACHED: usize = 256;
/// How long a foreign process (a backup, a shell) may hold the database before a write gives up.
const BUSY_WAIT: Duration = Duration::from_millis(2_000);
/// Page cache of each connection, in KiB. What is written at random places fits into it: above all the index of a million
/// cached vectors.
const CACHE_KIB: u32 = 32_768;
/// How much of the file readers map into memory.
const MMAP_BYTES: u64 = 1 << 30;
/// Size that the write-ahead log's file is given at the start. Overwriting blocks that a file already has takes
/// the disk a fraction of the time that growing it does (measured: 0.1 ms against 4 ms for a synced write), and
/// this wait is in every acknowledgement.
const WAL_RESERVED_BYTES: u64 = 48 << 20;

/// Opens the connection that writes, and makes the database what it must be for others to open it.
pub(super) fn open_writer(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path)?;
    configure(&connection, false).map_err(|error| named(sql_error(error), &attempted(path)))?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, PortError> {
    let connection = open(path)?;
    configure(&connection, true).map_err(|error| named(sql_error(error), &attempted(path)))?;
    Ok(connection)
}

/// Opens a database that lives as long as its connection.
pub(super) fn open_in_memory() -> Result<Connection, PortError> {
    let opened = Connection::open_in_memory().and_then(|connection| {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        connection.pragma_update(None, "temp_store", "memory")?;
        Ok(connection)
    });
    opened.map_err(|error| named(sql_error(error), "open a database in memory"))
}

/// Gives the log its space, once the database exists and a connection to it is open (SQLite removes the log of an
/// empty database). What is reserved reads as zeros, which SQLite takes for the end of the log.
pub(super) fn reserve_log(path: &Path) -> Result<(), PortError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    extend(&PathBuf::from(log)).map_err(|error| {
        let attempted = format!("reserve the write-ahead log of {}", path.display());
        PortError::caused(ErrorKind::Unavailable, attempted, error)
    })
}

fn extend(log: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(log)?;
    let zeros = vec![0_u8; 1 << 20];
    let mut length = file.metadata()?.len();
    while length < WAL_RESERVED_BYTES {
        let missing = (WAL_RESERVED_BYTES - length).min(zeros.len() as u64);
        file.write_all(&zeros[..usize::try_from(missing).unwrap_or(zeros.len())])?;
        length += missing;
    }
    file.sync_all()
}

fn attempted(path: &Path) -> String {
    format!("open database {}", path.display())
}

fn open(path: &Path) -> Result<Connection, PortError> {
    Connection::open(path).map_err(|error| named(sql_error(error), &attempted(path)))
}

fn configure(connection: &Connection, reader: bool) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // FULL: the log is on the disk before a commit returns, so that what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // The checkpoint has a thread of its own, so that no acknowledgement waits for it.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    if reader {
        connection.pragma_update_and_check(
            None,
            "mmap_size",
            i64::try_from(MMAP_BYTES).unwrap_or(i64::MAX),
            |_| Ok(()),
        )?;
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}
