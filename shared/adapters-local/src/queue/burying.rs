//! Dead letters on the rows: giving a message up, looking at those that were, putting them back. A dead row's `visible_at` is
//! when it died.

use std::collections::BTreeMap;

use millrace_domain::Timestamp;
use millrace_ports::{
    DEAD_LETTER_CODE, DEAD_LETTER_REASON, DEAD_LETTER_RETENTION_MS, DeadLetter, DeadLetterCode, PortError,
    QueuePolicy, letter_reason,
};
use rusqlite::{Connection, OptionalExtension, Row};

use super::message_row::{
    DEAD, Delivery, HIDDEN, MESSAGE_COLUMNS, READY, read_attributes, read_message, write_attributes,
};
use super::shares;
use super::taking::held;
use crate::database::{read_rows, sql_error};

/// Most expired letters that are removed when another message dies.
const EXPIRED_MAX: usize = 100;

/// One queue at one moment: what the statements here have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grave<'a> {
    pub(super) queue: &'a str,
    pub(super) policy: QueuePolicy,
    pub(super) now: Timestamp,
}

impl Grave<'_> {
    /// What died before this is no longer kept.
    fn kept_since(self) -> i64 {
        self.now.as_millis() - DEAD_LETTER_RETENTION_MS as i64
    }
}

/// Gives up a message in flight.
pub(super) fn bury_held(
    connection: &Connection,
    grave: Grave<'_>,
    delivery: Delivery,
    (code, reason): (DeadLetterCode, &str),
) -> Result<(), PortError> {
    let found = held(connection, grave.queue, delivery)?.ok_or_else(super::steering::no_longer_good)?;
    shares::subtract(connection, grave.queue, &found.share, found.state == READY, found.busy)?;
    bury(connection, grave, found.id, (code, reason))
}

/// Gives up a message that was received as often as is permitted.
pub(super) fn bury_worn(
    connection: &Connection,
    grave: Grave<'_>,
    id: i64,
    receive_count: u32,
) -> Result<(), PortError> {
    let reason = format!("received {receive_count} times without being deleted");
    bury(connection, grave, id, (DeadLetterCode::ReceivedTooOften, &reason))
}

/// Marks a message as dead and notes why. The shares are the caller's to correct. Every death makes room: some of the
/// oldest letters go if they have been kept long enough.
fn bury(
    connection: &Connection,
    grave: Grave<'_>,
    id: i64,
    (code, reason): (DeadLetterCode, &str),
) -> Result<(), PortError> {
    let attributes: String = connection
        .prepare_cached("SELECT attributes FROM messages WHERE id = ?1")
        .and_then(|mut select| select.query_row([id], |row| row.get(0)))
        .map_err(sql_error)?;
    let mut attributes: BTreeMap<String, String> = read_attributes(&attributes)?;
    attributes.insert(DEAD_LETTER_CODE.to_owned(), code.as_str().to_owned());
    attributes.insert(DEAD_LETTER_REASON.to_owned(), letter_reason(reason));
    connection
        .prepare_cached(
            "UPDATE messages SET state = ?2, busy = 0, delivery = 0, visible_at = ?3, attributes = ?4 WHERE id = ?1",
        )
        .and_then(|mut update| {
            update.execute((id, DEAD, grave.now.as_millis(), write_attributes(&attributes)))
        })
        .map_err(sql_error)?;
    remove_expired(connection, grave)
}

fn remove_expired(connection: &Connection, grave: Grave<'_>) -> Result<(), PortError> {
    connection
        .prepare_cached(
            "DELETE FROM messages WHERE visible_at <= ?2 AND id IN \
             (SELECT id FROM messages WHERE queue = ?1 AND state = 2 ORDER BY id LIMIT ?3)",
        )
        .and_then(|mut delete| delete.execute((grave.queue, grave.kept_since(), EXPIRED_MAX)))
        .map(drop)
        .map_err(sql_error)
}

/// How many letters are kept, without those that are only due to become some.
pub(super) fn count(connection: &Connection, grave: Grave<'_>) -> Result<u64, PortError> {
    connection
        .prepare_cached("SELECT count(*) FROM messages WHERE queue = ?1 AND state = 2 AND visible_at > ?2")
        .and_then(|mut select| select.query_row((grave.queue, grave.kept_since()), |row| row.get(0)))
        .map_err(sql_error)
}

/// The letters after an id, oldest first, with those that are due to become some.
pub(super) fn list(
    connection: &Connection,
    grave: Grave<'_>,
    after: i64,
    most: usize,
) -> Result<Vec<DeadLetter>, PortError> {
    // Two parts, so that each has its index and neither looks at messages that are merely waiting.
    let select = format!(
        "SELECT * FROM (SELECT {MESSAGE_COLUMNS} FROM messages WHERE queue = ?1 AND state = 2 AND id > ?4 \
         AND visible_at > ?6 ORDER BY id LIMIT ?5) \
         UNION ALL SELECT * FROM (SELECT {MESSAGE_COLUMNS} FROM messages WHERE queue = ?1 AND state = 1 \
         AND visible_at <= ?2 AND receive_count >= ?3 AND id > ?4) ORDER BY id LIMIT ?5"
    );
    let mut select = connection.prepare_cached(&select).map_err(sql_error)?;
    let Grave { queue, policy, now } = grave;
    let parameters = (queue, now.as_millis(), policy.receives_max, after, most, grave.kept_since());
    read_rows(&mut select, parameters, read_letter)
}

fn read_letter(row: &Row<'_>) -> Result<DeadLetter, PortError> {
    let message = read_message(row)?;
    Ok(DeadLetter {
        message_id: message.message_id,
        body: message.body,
        group: message.group,
        attributes: message.attributes,
        receive_count: message.receive_count,
        sent_at: message.sent_at,
    })
}

/// Puts a letter back as a new message, hidden until its time. Gives whether there was such a letter.
pub(super) fn redrive(
    connection: &Connection,
    grave: Grave<'_>,
    id: i64,
    visible_at: Timestamp,
) -> Result<bool, PortError> {
    let Some(share) = dead(connection, grave, id)? else { return Ok(false) };
    let state = if visible_at <= grave.now { READY } else { HIDDEN };
    connection
        .prepare_cached(
            "INSERT INTO messages (queue, share, state, visible_at, receive_count, delivery, busy, sent_at, \
             attributes, body) SELECT queue, share, ?2, ?3, 0, 0, 0, ?4, attributes, body FROM messages WHERE id = ?1",
        )
        .and_then(|mut insert| insert.execute((id, state, visible_at.as_millis(), grave.now.as_millis())))
        .and_then(|_| connection.prepare_cached("DELETE FROM messages WHERE id = ?1"))
        .and_then(|mut delete| delete.execute([id]))
        .map_err(sql_error)?;
    if state == READY {
        shares::add_ready(connection, grave.queue, &share)?;
    }
    Ok(true)
}

/// Removes a letter for good. Gives whether there was such a letter.
pub(super) fn discard(connection: &Connection, grave: Grave<'_>, id: i64) -> Result<bool, PortError> {
    if dead(connection, grave, id)?.is_none() {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1")
        .and_then(|mut delete| delete.execute([id]))
        .map(|rows| rows > 0)
        .map_err(sql_error)
}

/// The group of a letter, if the id names one. One that was only due to become a letter is one afterwards.
fn dead(connection: &Connection, grave: Grave<'_>, id: i64) -> Result<Option<String>, PortError> {
    let Grave { queue, policy, now } = grave;
    let found: Option<(i64, String, bool, u32)> = connection
        .prepare_cached(
            "SELECT state, share, busy, receive_count FROM messages WHERE id = ?1 AND queue = ?2 \
             AND (state = 2 AND visible_at > ?5 \
                  OR state = 1 AND visible_at <= ?3 AND receive_count >= ?4)",
        )
        .and_then(|mut select| {
            let parameters = (id, queue, now.as_millis(), policy.receives_max, grave.kept_since());
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            select.query_row(parameters, read).optional()
        })
        .map_err(sql_error)?;
    let Some((state, share, busy, receive_count)) = found else { return Ok(None) };
    if state == HIDDEN {
        shares::subtract(connection, queue, &share, false, busy)?;
        bury_worn(connection, grave, id, receive_count)?;
    }
    Ok(Some(share))
}
