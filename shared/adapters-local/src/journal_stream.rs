//! The journal as a stream: every event of every document in commit order, read by consumers that each remember how
//! far they are. It publishes nothing; that is the relay's work.

use std::fmt;

use millrace_domain::EventEnvelope;
use millrace_ports::PortError;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use crate::database::{Database, sql_error};
use crate::sqlite_event_store::{SqliteEventStore, decode_event};

/// Most events of one read, whatever its limit says.
const READ_EVENTS_MAX: usize = 1_000;

/// Reads the journal. Positions grow in commit order and may have gaps.
pub struct JournalStream {
    database: Database,
    appended: watch::Receiver<i64>,
}

impl fmt::Debug for JournalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalStream").field("database", &self.database).finish_non_exhaustive()
    }
}

impl JournalStream {
    /// The stream of a store's events. The store must be of the same database.
    pub fn new(database: Database, store: &SqliteEventStore) -> Self {
        Self { database, appended: store.appended() }
    }

    /// The next events for a consumer, each with its position. The same again until `advance` is called. An event
    /// that cannot be decoded is `Corrupt` once it comes first; what lies before it is given first.
    pub async fn read(&self, consumer: &str, limit: usize) -> Result<Vec<(i64, EventEnvelope)>, PortError> {
        let limit = limit.min(READ_EVENTS_MAX);
        let name = consumer.to_owned();
        let read = move |connection: &Connection| read_after_cursor(connection, &name, limit);
        self.database.read(format!("read the journal for {consumer}"), read).await
    }

    /// Remembers that a consumer has dealt with everything up to a position. Never goes back, but by a power cut.
    pub async fn advance(&self, consumer: &str, position: i64) -> Result<(), PortError> {
        let name = consumer.to_owned();
        let write = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "INSERT INTO stream_cursors (consumer, position) VALUES (?1, ?2) ON CONFLICT (consumer) \
                     DO UPDATE SET position = excluded.position WHERE excluded.position > position",
                )
                .and_then(|mut upsert| upsert.execute((name, position)))
                .map(drop)
                .map_err(sql_error)
        };
        self.database.write_relaxed(format!("advance {consumer} in the journal"), write).await
    }

    /// How far a consumer is; 0 at the start.
    pub async fn position(&self, consumer: &str) -> Result<i64, PortError> {
        let name = consumer.to_owned();
        let read = move |connection: &Connection| cursor_of(connection, &name);
        self.database.read(format!("read the position of {consumer}"), read).await
    }

    /// How many events a consumer has yet to deal with.
    pub async fn backlog(&self, consumer: &str) -> Result<u64, PortError> {
        let name = consumer.to_owned();
        let read = move |connection: &Connection| {
            let after = cursor_of(connection, &name)?;
            connection
                .prepare_cached("SELECT count(*) FROM events WHERE position > ?1")
                .and_then(|mut select| select.query_row([after], |row| row.get(0)))
                .map_err(sql_error)
        };
        self.database.read(format!("count the backlog of {consumer}"), read).await
    }

    /// Waits until there may be events after a position at which `read` gave none. Returns at once if one was
    /// appended in between; false once the store is gone and no more will come.
    pub async fn wait(&self, after: i64) -> bool {
        self.appended.clone().wait_for(|last| *last > after).await.is_ok()
    }
}

fn cursor_of(connection: &Connection, consumer: &str) -> Result<i64, PortError> {
    connection
        .prepare_cached("SELECT position FROM stream_cursors WHERE consumer = ?1")
        .and_then(|mut select| select.query_row([consumer], |row| row.get(0)).optional())
        .map(|position| position.unwrap_or(0))
        .map_err(sql_error)
}

fn read_after_cursor(
    connection: &Connection,
    consumer: &str,
    limit: usize,
) -> Result<Vec<(i64, EventEnvelope)>, PortError> {
    let after = cursor_of(connection, consumer)?;
    let mut select = connection
        .prepare_cached(
            "SELECT position, envelope FROM events WHERE position > ?1 ORDER BY position LIMIT ?2",
        )
        .map_err(sql_error)?;
    let mut rows = select.query((after, limit)).map_err(sql_error)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        let position: i64 = row.get(0).map_err(sql_error)?;
        let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(sql_error)?;
        match decode_event(text) {
            Ok(event) => events.push((position, event)),
            Err(error) if events.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(events)
}
