//! What a receipt can do to its message: hide it for another while, delete it. And counting.

use millrace_domain::Timestamp;
use millrace_ports::{ErrorKind, PortError, QueueDepth, QueuePolicy};
use rusqlite::{Connection, OptionalExtension};

use super::burying::{self, Grave};
use super::message_row::{Delivery, HIDDEN, READY};
use super::shares;
use super::taking::held;
use crate::database::sql_error;

/// Hides a message until then. It no longer counts as keeping a worker busy: a message that was put back for ten
/// minutes must not cost its group its turn.
pub(super) fn hide(
    connection: &Connection,
    queue: &str,
    delivery: Delivery,
    until: Timestamp,
) -> Result<(), PortError> {
    let found = held(connection, queue, delivery)?.ok_or_else(no_longer_good)?;
    shares::subtract(connection, queue, &found.share, found.state == READY, found.busy)?;
    connection
        .prepare_cached("UPDATE messages SET state = ?2, visible_at = ?3, busy = 0 WHERE id = ?1")
        .and_then(|mut update| update.execute((found.id, HIDDEN, until.as_millis())))
        .map(drop)
        .map_err(sql_error)
}

/// A message may be in flight so many times when its process dies before that counts as a receive.
const CUT_OFF_MAX: u32 = 100;

/// Makes everything that a worker holds due now, its receipts no good, and the receive not counted (within a bound).
/// Taking it makes it ready, as it does with whatever is due.
pub(super) fn put_back(connection: &Connection, now: Timestamp) -> Result<u64, PortError> {
    connection
        .prepare_cached(
            "UPDATE messages SET visible_at = ?1, delivery = 0, cut_off = cut_off + 1, \
             receive_count = CASE WHEN cut_off < ?2 THEN max(receive_count - 1, 0) ELSE receive_count END \
             WHERE state = 1 AND busy = 1",
        )
        .and_then(|mut update| update.execute((now.as_millis(), CUT_OFF_MAX)))
        .map(|rows| rows as u64)
        .map_err(sql_error)
}

/// Deletes a message for good, if the receipt is still good.
pub(super) fn delete(connection: &Connection, queue: &str, delivery: Delivery) -> Result<(), PortError> {
    let Some(found) = held(connection, queue, delivery)? else { return Ok(()) };
    shares::subtract(connection, queue, &found.share, found.state == READY, found.busy)?;
    connection
        .prepare_cached("DELETE FROM messages WHERE id = ?1")
        .and_then(|mut delete| delete.execute([found.id]))
        .map(drop)
        .map_err(sql_error)
}

/// The refusal of a receipt whose message is gone, dead, or with somebody else.
pub(super) fn no_longer_good() -> PortError {
    PortError::caused(ErrorKind::NotFound, "", "the receipt is no longer good")
}

/// Counts as of now: what is due counts as ready or dead although no receive has moved it yet.
pub(super) fn depth(
    connection: &Connection,
    queue: &str,
    policy: QueuePolicy,
    now: Timestamp,
) -> Result<QueueDepth, PortError> {
    let ready: u64 = connection
        .prepare_cached("SELECT coalesce(sum(ready), 0) FROM queue_shares WHERE queue = ?1")
        .and_then(|mut select| select.query_row([queue], |row| row.get(0)))
        .map_err(sql_error)?;
    let buried = burying::count(connection, Grave { queue, policy, now })?;
    let mut select = connection
        .prepare_cached(
            "SELECT coalesce(sum(visible_at <= ?2 AND receive_count < ?3), 0), \
             coalesce(sum(visible_at <= ?2 AND receive_count >= ?3), 0), \
             coalesce(sum(visible_at > ?2 AND receive_count > 0), 0), \
             coalesce(sum(visible_at > ?2 AND receive_count = 0), 0) \
             FROM messages WHERE queue = ?1 AND state = 1",
        )
        .map_err(sql_error)?;
    select
        .query_row((queue, now.as_millis(), policy.receives_max), |row| {
            Ok(QueueDepth {
                visible: ready + row.get::<_, u64>(0)?,
                dead: buried + row.get::<_, u64>(1)?,
                in_flight: row.get(2)?,
                delayed: row.get(3)?,
            })
        })
        .map_err(sql_error)
}

/// When the oldest message that is neither deleted nor dead was sent. Ids grow with time, so the lowest is the oldest;
/// asked group by group and state by state, each part has its index.
pub(super) fn oldest_sent_at(
    connection: &Connection,
    queue: &str,
    policy: QueuePolicy,
    now: Timestamp,
) -> Result<Option<Timestamp>, PortError> {
    connection
        .prepare_cached(
            "SELECT sent_at FROM messages WHERE id = (SELECT min(id) FROM ( \
             SELECT (SELECT min(id) FROM messages WHERE queue = ?1 AND share = s.share AND state = 0) AS id \
             FROM queue_shares AS s WHERE s.queue = ?1 AND s.ready > 0 \
             UNION ALL SELECT min(id) FROM messages WHERE queue = ?1 AND state = 1 \
             AND NOT (visible_at <= ?2 AND receive_count >= ?3)))",
        )
        .and_then(|mut select| {
            let parameters = (queue, now.as_millis(), policy.receives_max);
            select.query_row(parameters, |row| row.get(0)).optional()
        })
        .map(|sent_at| sent_at.map(Timestamp::from_millis))
        .map_err(sql_error)
}
