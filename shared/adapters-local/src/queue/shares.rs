//! Whose turn it is: the group that keeps the fewest workers busy, and of those the one that was served longest ago.
//! A group that joins comes last in the round, so that it can neither be starved nor push in.

use millrace_ports::PortError;
use rusqlite::{Connection, OptionalExtension};

use crate::database::sql_error;

/// The group whose message is to be delivered next, if any has one ready.
pub(super) fn next_share(connection: &Connection, queue: &str) -> Result<Option<String>, PortError> {
    connection
        .prepare_cached(
            "SELECT share FROM queue_shares WHERE queue = ?1 AND ready > 0 ORDER BY busy, served LIMIT 1",
        )
        .and_then(|mut select| select.query_row([queue], |row| row.get(0)).optional())
        .map_err(sql_error)
}

/// One more of the group's messages is ready.
pub(super) fn add_ready(connection: &Connection, queue: &str, share: &str) -> Result<(), PortError> {
    connection
        .prepare_cached(
            "INSERT INTO queue_shares (queue, share, ready, busy, served) \
             VALUES (?1, ?2, 1, 0, coalesce((SELECT last FROM queue_deliveries WHERE queue = ?1), 0)) \
             ON CONFLICT DO UPDATE SET ready = ready + 1",
        )
        .and_then(|mut upsert| upsert.execute((queue, share)))
        .map(drop)
        .map_err(sql_error)
}

/// One of the group's ready messages is being delivered under this number.
pub(super) fn serve(connection: &Connection, queue: &str, share: &str, number: i64) -> Result<(), PortError> {
    connection
        .prepare_cached(
            "UPDATE queue_shares SET ready = ready - 1, busy = busy + 1, served = ?3 \
             WHERE queue = ?1 AND share = ?2",
        )
        .and_then(|mut update| update.execute((queue, share, number)))
        .map(drop)
        .map_err(sql_error)
}

/// A message of the group is gone or given back: so many fewer are ready, and so many fewer keep a worker busy.
/// Forgets a group that has nothing left.
pub(super) fn subtract(
    connection: &Connection,
    queue: &str,
    share: &str,
    ready: bool,
    busy: bool,
) -> Result<(), PortError> {
    if !ready && !busy {
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE queue_shares SET ready = ready - ?3, busy = busy - ?4 WHERE queue = ?1 AND share = ?2",
        )
        .and_then(|mut update| update.execute((queue, share, ready, busy)))
        .map_err(sql_error)?;
    connection
        .prepare_cached("DELETE FROM queue_shares WHERE queue = ?1 AND share = ?2 AND ready = 0 AND busy = 0")
        .and_then(|mut delete| delete.execute((queue, share)))
        .map(drop)
        .map_err(sql_error)
}

/// The number of the next delivery of a queue.
pub(super) fn next_delivery(connection: &Connection, queue: &str) -> Result<i64, PortError> {
    connection
        .prepare_cached(
            "INSERT INTO queue_deliveries (queue, last) VALUES (?1, 1) \
             ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
        )
        .and_then(|mut upsert| upsert.query_row([queue], |row| row.get(0)))
        .map_err(sql_error)
}
