//! The durable rows of the search index: statements and their codecs, in the terms of the tables. What is visible and
//! what is in memory is not known here.

use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{ErrorKind, IndexTarget, IndexUsage, IndexedChunk, PortError};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sql_error;

/// Bits of a row's id that are the chunk's position.
const CHUNK_BITS: u32 = 24;
/// Chunks of a generation at most.
pub(super) const CHUNKS_MAX: u32 = 1 << CHUNK_BITS;

/// The id of a chunk's rows.
pub(super) const fn chunk_row(entry: i64, chunk: u32) -> i64 {
    entry << CHUNK_BITS | chunk as i64
}

/// The entry and chunk of a row's id.
pub(super) const fn entry_and_chunk(row: i64) -> (i64, u32) {
    (row >> CHUNK_BITS, (row & (CHUNKS_MAX as i64 - 1)) as u32)
}

/// Refuses positions that do not fit a row's id.
pub(super) fn check_chunk(index: ChunkIndex) -> Result<(), PortError> {
    if index.get() < CHUNKS_MAX {
        return Ok(());
    }
    let attempted = format!("index chunk {index}: at most {CHUNKS_MAX} chunks of a document are indexed");
    Err(PortError::new(ErrorKind::Invalid, attempted))
}

/// Refuses as `Conflict` if the document's head is not at this version.
pub(super) fn require_head(
    connection: &Connection,
    key: &DocumentKey,
    version: Version,
) -> Result<(), PortError> {
    let found: Option<u64> = connection
        .prepare_cached("SELECT version FROM heads WHERE tenant = ?1 AND document = ?2")
        .and_then(|mut select| {
            let names = (key.tenant_id.as_str(), key.document_id.to_string());
            select.query_row(names, |row| row.get(0)).optional()
        })
        .map_err(sql_error)?;
    if found == Some(version.get()) {
        return Ok(());
    }
    Err(PortError::new(
        ErrorKind::Conflict,
        format!("purge document {} at version {version}", key.document_id),
    ))
}

/// Writes what is said of a generation, and gives its entry.
pub(super) fn save_entry(
    connection: &Connection,
    target: &IndexTarget,
    filename: &str,
    metadata: &str,
) -> Result<i64, PortError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO search_entries (tenant, collection, document, generation, filename, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, document, collection, generation)
             DO UPDATE SET filename = excluded.filename, metadata = excluded.metadata
             RETURNING id",
        )
        .map_err(sql_error)?;
    let key = &target.key;
    let values = params![
        key.tenant_id.as_str(),
        target.collection.as_str(),
        key.document_id.to_string(),
        target.generation.get(),
        filename,
        metadata
    ];
    statement.query_row(values, |row| row.get(0)).map_err(sql_error)
}

/// The entry of a generation, if it is there.
pub(super) fn find_entry(connection: &Connection, target: &IndexTarget) -> Result<Option<i64>, PortError> {
    let found = entries(connection, &target.key, &target.collection, Some(target.generation))?;
    Ok(found.first().copied())
}

/// The entries of one generation, or of all.
pub(super) fn entries(
    connection: &Connection,
    key: &DocumentKey,
    collection: &CollectionName,
    generation: Option<Generation>,
) -> Result<Vec<i64>, PortError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id FROM search_entries
             WHERE tenant = ?1 AND document = ?2 AND collection = ?3 AND (?4 IS NULL OR generation = ?4)
             ORDER BY generation",
        )
        .map_err(sql_error)?;
    let values = params![
        key.tenant_id.as_str(),
        key.document_id.to_string(),
        collection.as_str(),
        generation.map(Generation::get)
    ];
    let rows = statement.query_map(values, |row| row.get(0)).map_err(sql_error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sql_error)
}

/// Writes one chunk and its terms.
pub(super) fn save_chunk(
    connection: &Connection,
    entry: i64,
    chunk: &IndexedChunk,
    terms: &[u8],
) -> Result<(), PortError> {
    let id = chunk_row(entry, chunk.index.get());
    connection
        .prepare_cached("INSERT OR REPLACE INTO search_chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .and_then(|mut statement| {
            let (start, end) = (chunk.start.cast_signed(), chunk.end.cast_signed());
            statement.execute(params![id, chunk.page, chunk.heading, start, end, chunk.text])
        })
        .map_err(sql_error)?;
    save_terms(connection, id, terms)
}

/// Writes the terms of one chunk.
pub(super) fn save_terms(connection: &Connection, id: i64, terms: &[u8]) -> Result<(), PortError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO search_words VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute(params![id, terms]))
        .map_err(sql_error)?;
    Ok(())
}

/// Writes the vector of a chunk, if the chunk is there.
pub(super) fn save_vector(
    connection: &Connection,
    entry: i64,
    chunk: ChunkIndex,
    vector: &[u8],
) -> Result<(), PortError> {
    let id = chunk_row(entry, chunk.get());
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO search_vectors
             SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM search_words WHERE id = ?1)",
        )
        .and_then(|mut statement| statement.execute(params![id, vector]))
        .map_err(sql_error)?;
    Ok(())
}

/// Reads one chunk; `None` if it was purged.
pub(super) fn read_chunk(
    connection: &Connection,
    entry: i64,
    chunk: u32,
) -> Result<Option<IndexedChunk>, PortError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT page, heading, start_byte, end_byte, content FROM search_chunks WHERE id = ?1",
        )
        .map_err(sql_error)?;
    statement
        .query_row([chunk_row(entry, chunk)], |row| {
            Ok(IndexedChunk {
                index: ChunkIndex::new(chunk),
                page: row.get(0)?,
                heading: row.get(1)?,
                start: row.get::<_, i64>(2)?.cast_unsigned(),
                end: row.get::<_, i64>(3)?.cast_unsigned(),
                text: row.get(4)?,
            })
        })
        .optional()
        .map_err(sql_error)
}

/// Removes up to `limit` chunks of an entry, with their words and vectors; once none are left, the entry itself.
/// Says what was removed; no chunks mean that it is done.
pub(super) fn remove_some(connection: &Connection, entry: i64, limit: u32) -> Result<IndexUsage, PortError> {
    let (first, last) = (chunk_row(entry, 0), chunk_row(entry, CHUNKS_MAX - 1));
    let ids: Vec<i64> = connection
        .prepare_cached("SELECT id FROM search_words WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3")
        .and_then(|mut statement| {
            statement.query_map(params![first, last, limit], |row| row.get(0))?.collect()
        })
        .map_err(sql_error)?;
    let Some(&last) = ids.last() else {
        return connection
            .prepare_cached("DELETE FROM search_entries WHERE id = ?1")
            .and_then(|mut statement| statement.execute([entry]))
            .map(|_| IndexUsage::default())
            .map_err(sql_error);
    };
    let remove = |statement: &str| {
        let removed = connection.prepare_cached(statement).and_then(|mut s| s.execute([first, last]));
        removed.map(|rows| rows as u64).map_err(sql_error)
    };
    remove("DELETE FROM search_words WHERE id BETWEEN ?1 AND ?2")?;
    Ok(IndexUsage {
        chunks: remove("DELETE FROM search_chunks WHERE id BETWEEN ?1 AND ?2")?,
        vectors: remove("DELETE FROM search_vectors WHERE id BETWEEN ?1 AND ?2")?,
    })
}

/// Counts what an entry has.
pub(super) fn count(connection: &Connection, entry: i64) -> Result<IndexUsage, PortError> {
    let count = |statement: &str| {
        let range = [chunk_row(entry, 0), chunk_row(entry, CHUNKS_MAX - 1)];
        let counted = connection.prepare_cached(statement);
        counted.and_then(|mut s| s.query_row(range, |row| row.get::<_, u64>(0))).map_err(sql_error)
    };
    Ok(IndexUsage {
        chunks: count("SELECT count(*) FROM search_words WHERE id BETWEEN ?1 AND ?2")?,
        vectors: count("SELECT count(*) FROM search_vectors WHERE id BETWEEN ?1 AND ?2")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_id_gives_back_its_parts(entry in 0_i64..1 << 38, chunk in 0..CHUNKS_MAX) {
            prop_assert_eq!(entry_and_chunk(chunk_row(entry, chunk)), (entry, chunk));
        }
    }
}
