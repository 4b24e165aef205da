//! Sending and receiving on the rows: what is due becomes ready or dead, the next group's oldest is taken.

use millrace_domain::Timestamp;
use millrace_ports::{OutgoingMessage, PortError, QueuePolicy, ReceivedMessage};
use rusqlite::{Connection, OptionalExtension};

use super::burying::{self, Grave};
use super::message_row::{Delivery, HIDDEN, MESSAGE_COLUMNS, READY, read_message, write_attributes};
use super::shares;
use crate::database::{read_row, sql_error};

/// Most messages made ready at once.
const DUE_MAX: usize = 500;

/// What one attempt to receive found.
pub(super) struct Taken {
    pub(super) messages: Vec<ReceivedMessage>,
    /// When the next hidden message becomes due.
    pub(super) next_due: Option<Timestamp>,
}

/// Stores a message.
pub(super) fn insert(
    connection: &Connection,
    queue: &str,
    message: &OutgoingMessage,
    now: Timestamp,
) -> Result<(), PortError> {
    let share = message.group.as_deref().unwrap_or("");
    let state = if message.delay_ms == 0 { READY } else { HIDDEN };
    let visible_at = now.plus_millis(i64::try_from(message.delay_ms).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "INSERT INTO messages (queue, share, state, visible_at, receive_count, delivery, busy, sent_at, \
             attributes, body) VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, ?6, ?7)",
        )
        .and_then(|mut insert| {
            let attributes = write_attributes(&message.attributes);
            let (visible_at, sent_at) = (visible_at.as_millis(), now.as_millis());
            insert.execute((queue, share, state, visible_at, sent_at, attributes, &message.body))
        })
        .map_err(sql_error)?;
    if state == READY { shares::add_ready(connection, queue, share) } else { Ok(()) }
}

/// Takes up to `most` messages, in turn over the groups.
pub(super) fn take(
    connection: &Connection,
    queue: &str,
    policy: QueuePolicy,
    most: usize,
    now: Timestamp,
) -> Result<Taken, PortError> {
    release_due(connection, queue, policy, now)?;
    let mut messages = Vec::new();
    while messages.len() < most {
        let Some(share) = shares::next_share(connection, queue)? else { break };
        messages.push(take_one(connection, queue, &share, policy, now)?);
    }
    let next_due = if messages.is_empty() { next_due(connection, queue)? } else { None };
    Ok(Taken { messages, next_due })
}

fn take_one(
    connection: &Connection,
    queue: &str,
    share: &str,
    policy: QueuePolicy,
    now: Timestamp,
) -> Result<ReceivedMessage, PortError> {
    let number = shares::next_delivery(connection, queue)?;
    let hidden_until = now.plus_millis(i64::try_from(policy.visibility_timeout_ms).unwrap_or(i64::MAX));
    let id: i64 = connection
        .prepare_cached("SELECT min(id) FROM messages WHERE queue = ?1 AND share = ?2 AND state = 0")
        .and_then(|mut select| select.query_row((queue, share), |row| row.get(0)))
        .map_err(sql_error)?;
    connection
        .prepare_cached(
            "UPDATE messages SET state = 1, visible_at = ?2, receive_count = receive_count + 1, delivery = ?3, \
             busy = 1 WHERE id = ?1",
        )
        .and_then(|mut update| update.execute((id, hidden_until.as_millis(), number)))
        .map_err(sql_error)?;
    shares::serve(connection, queue, share, number)?;
    let select = format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = ?1");
    let mut select = connection.prepare_cached(&select).map_err(sql_error)?;
    read_row(&mut select, [id], read_message)?.ok_or_else(|| sql_error(rusqlite::Error::QueryReturnedNoRows))
}

/// A hidden message whose time has come.
struct Due {
    id: i64,
    share: String,
    receive_count: u32,
    busy: bool,
}

/// Makes ready what is due, and dead what was received as often as is permitted. Stops at `DUE_MAX` once anything
/// is ready; the next receive goes on.
fn release_due(
    connection: &Connection,
    queue: &str,
    policy: QueuePolicy,
    now: Timestamp,
) -> Result<(), PortError> {
    loop {
        let due = due(connection, queue, now)?;
        let (count, all_dead) = (due.len(), due.iter().all(|due| due.receive_count >= policy.receives_max));
        release(connection, queue, policy, due, now)?;
        if count < DUE_MAX || !all_dead {
            return Ok(());
        }
    }
}

fn release(
    connection: &Connection,
    queue: &str,
    policy: QueuePolicy,
    due: Vec<Due>,
    now: Timestamp,
) -> Result<(), PortError> {
    for due in due {
        shares::subtract(connection, queue, &due.share, false, due.busy)?;
        if due.receive_count >= policy.receives_max {
            burying::bury_worn(connection, Grave { queue, policy, now }, due.id, due.receive_count)?;
        } else {
            connection
                .prepare_cached("UPDATE messages SET state = 0, busy = 0 WHERE id = ?1")
                .and_then(|mut update| update.execute([due.id]))
                .map_err(sql_error)?;
            shares::add_ready(connection, queue, &due.share)?;
        }
    }
    Ok(())
}

fn due(connection: &Connection, queue: &str, now: Timestamp) -> Result<Vec<Due>, PortError> {
    let mut select = connection
        .prepare_cached(
            "SELECT id, share, receive_count, busy FROM messages \
             WHERE queue = ?1 AND state = 1 AND visible_at <= ?2 ORDER BY visible_at LIMIT ?3",
        )
        .map_err(sql_error)?;
    let rows = select
        .query_map((queue, now.as_millis(), DUE_MAX), |row| {
            Ok(Due { id: row.get(0)?, share: row.get(1)?, receive_count: row.get(2)?, busy: row.get(3)? })
        })
        .map_err(sql_error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

fn next_due(connection: &Connection, queue: &str) -> Result<Option<Timestamp>, PortError> {
    connection
        .prepare_cached("SELECT min(visible_at) FROM messages WHERE queue = ?1 AND state = 1")
        .and_then(|mut select| select.query_row([queue], |row| row.get::<_, Option<i64>>(0)))
        .map(|due| due.map(Timestamp::from_millis))
        .map_err(sql_error)
}

/// A message as its receipt finds it.
pub(super) struct Held {
    pub(super) id: i64,
    pub(super) share: String,
    pub(super) state: i64,
    pub(super) busy: bool,
}

/// The message of a delivery, if its receipt is still good: not received again, not deleted, not dead.
pub(super) fn held(
    connection: &Connection,
    queue: &str,
    delivery: Delivery,
) -> Result<Option<Held>, PortError> {
    let mut select = connection
        .prepare_cached(
            "SELECT share, state, busy FROM messages WHERE id = ?1 AND queue = ?2 AND delivery = ?3",
        )
        .map_err(sql_error)?;
    select
        .query_row((delivery.id, queue, delivery.number), |row| {
            Ok(Held { id: delivery.id, share: row.get(0)?, state: row.get(1)?, busy: row.get(2)? })
        })
        .optional()
        .map_err(sql_error)
}
