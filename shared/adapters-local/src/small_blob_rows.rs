//! Small blobs as rows of the database. Which blobs are small is not known here.

use bytes::Bytes;
use millrace_domain::{DocumentKey, TenantId, Timestamp, UploadId};
use millrace_ports::{BlobKey, BlobPrefix, PortError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sql_error;

/// What the key of an uploaded content, or of its record, names.
pub(crate) type Source = (DocumentKey, UploadId);

/// Stores a blob, replacing the one of the same key.
pub(crate) fn save(
    connection: &Connection,
    key: &BlobKey,
    content: &[u8],
    now: Timestamp,
) -> Result<(), PortError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO small_blobs VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute(params![key.as_str(), now.as_millis(), content]))
        .map(drop)
        .map_err(sql_error)
}

/// Reads a blob.
pub(crate) fn find(connection: &Connection, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
    connection
        .prepare_cached("SELECT content FROM small_blobs WHERE key = ?1")
        .and_then(|mut statement| {
            statement.query_row([key.as_str()], |row| row.get::<_, Vec<u8>>(0)).optional()
        })
        .map(|content| content.map(Bytes::from))
        .map_err(sql_error)
}

/// Removes a blob, and says how many bytes it had.
pub(crate) fn remove(connection: &Connection, key: &str) -> Result<Option<u64>, PortError> {
    connection
        .prepare_cached("DELETE FROM small_blobs WHERE key = ?1 RETURNING length(content)")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
        .map_err(sql_error)
}

/// Keys and bytes of blobs under a prefix, ascending, at most `limit`.
pub(crate) fn sizes(
    connection: &Connection,
    prefix: &BlobPrefix,
    limit: usize,
) -> Result<Vec<(String, u64)>, PortError> {
    let prefix = prefix.as_str();
    // Keys are ASCII, so what begins with the prefix comes before the prefix and the largest byte of ASCII.
    let end = format!("{prefix}\u{7f}");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT key, length(content) FROM small_blobs WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
        )
        .and_then(|mut statement| {
            statement.query_map(params![prefix, end, limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(sql_error)
}

/// Keys of uploaded contents and records of uploads written before an instant and standing behind `after` in the order of keys, of one
/// tenant if one is named, at most `limit`; with what they name.
pub(crate) fn old_sources(
    connection: &Connection,
    tenant: Option<&TenantId>,
    before: Timestamp,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Source)>, PortError> {
    let (first, end) = match tenant {
        Some(tenant) => (format!("{tenant}/"), format!("{tenant}0")),
        None => (String::new(), "\u{7f}".to_owned()),
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let keys: Vec<String> = connection
        .prepare_cached(
            "SELECT key FROM small_blobs
             WHERE key GLOB '*/source-*' AND key > ?1 AND key >= ?2 AND key < ?3 AND written_at < ?4
             ORDER BY key LIMIT ?5",
        )
        .and_then(|mut statement| {
            let values = params![after, first, end, before.as_millis(), limit];
            statement.query_map(values, |row| row.get(0))?.collect()
        })
        .map_err(sql_error)?;
    Ok(keys.into_iter().filter_map(|key| BlobKey::upload_of(&key).map(|source| (key, source))).collect())
}
