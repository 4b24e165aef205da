//! Vectors already paid for, in SQLite, one byte a number. The oldest are dropped when there are too many; what is
//! lost here is only time.

use std::collections::HashSet;

use async_trait::async_trait;
use millrace_domain::{ContentHash, ModelId, TenantId};
use millrace_ports::{Embedding, EmbeddingCache, PortError};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::database::{Database, sql_error};
use crate::quantised_vector::QuantisedVector;

/// Rows changed in one write; more are changed in several, so that no acknowledgement waits long for them.
const WRITE_SLICE: usize = 200;
/// Rows dropped after each write at most. More than one write adds, so that a lowered bound is reached.
const DROP_SLICE: usize = 2 * WRITE_SLICE;

/// The embedding cache of a single node.
#[derive(Debug)]
pub struct SqliteEmbeddingCache {
    database: Database,
    rows_max: u64,
}

impl SqliteEmbeddingCache {
    /// A cache in the database of at most about `rows_max` vectors (some 500 bytes each at 384 dimensions).
    pub fn new(database: Database, rows_max: u64) -> Self {
        Self { database, rows_max }
    }
}

#[async_trait]
impl EmbeddingCache for SqliteEmbeddingCache {
    async fn get(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        hashes: &[ContentHash],
    ) -> Result<Vec<Option<Embedding>>, PortError> {
        let (tenant, model, hashes) = (tenant.clone(), model.clone(), hashes.to_vec());
        let read = move |connection: &Connection| {
            hashes.iter().map(|hash| find(connection, &tenant, &model, hash)).collect()
        };
        self.database.read("look up cached vectors", read).await
    }

    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError> {
        for slice in vectors.chunks(WRITE_SLICE) {
            let rows: Vec<(ContentHash, Vec<u8>)> = slice
                .iter()
                .map(|(hash, vector)| (hash.clone(), QuantisedVector::from_embedding(vector).to_bytes()))
                .collect();
            let (tenant, model, rows_max) = (tenant.clone(), model.clone(), self.rows_max);
            let write = move |connection: &Connection| {
                rows.iter().try_for_each(|(hash, bytes)| store(connection, &tenant, &model, hash, bytes))?;
                drop_oldest(connection, rows_max)
            };
            self.database.write_bulk(format!("cache {} vectors", slice.len()), write).await?;
        }
        Ok(())
    }

    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        let (tenant, hashes) = (tenant.clone(), hashes.to_vec());
        let attempted = format!("count cached vectors of {} texts", hashes.len());
        self.database.read(attempted, move |connection| count(connection, &tenant, &hashes)).await
    }

    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        let mut removed = 0;
        for slice in hashes.chunks(WRITE_SLICE) {
            let (tenant, slice) = (tenant.clone(), slice.to_vec());
            let attempted = format!("remove cached vectors of {} texts", slice.len());
            let write = move |connection: &Connection| remove(connection, &tenant, &slice);
            removed += self.database.write_bulk(attempted, write).await?;
        }
        Ok(removed)
    }
}

/// What a text's vectors are found by: 64 bits of a hash over tenant and text's hash. Rows are compared in full, so two texts
/// that share a key by chance are told apart.
fn key(tenant: &TenantId, hash: &ContentHash) -> i64 {
    let digest =
        Sha256::new().chain_update(tenant.as_str()).chain_update([0]).chain_update(hash.as_str()).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_le_bytes(first)
}

fn find(
    connection: &Connection,
    tenant: &TenantId,
    model: &ModelId,
    hash: &ContentHash,
) -> Result<Option<Embedding>, PortError> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT vector FROM cached_vectors WHERE key = ?1 AND tenant = ?2 AND hash = ?3 AND model = ?4",
        )
        .and_then(|mut select| {
            let row = (key(tenant, hash), tenant.as_str(), hash.as_str(), model.as_str());
            select.query_row(row, |row| row.get(0)).optional()
        })
        .map_err(sql_error)?;
    // What cannot be read is as good as absent.
    Ok(bytes.and_then(|bytes| QuantisedVector::from_bytes(&bytes)).map(|vector| vector.to_embedding()))
}

fn store(
    connection: &Connection,
    tenant: &TenantId,
    model: &ModelId,
    hash: &ContentHash,
    bytes: &[u8],
) -> Result<(), PortError> {
    let row = (key(tenant, hash), tenant.as_str(), hash.as_str(), model.as_str(), bytes);
    let replaced = connection
        .prepare_cached(
            "UPDATE cached_vectors SET vector = ?5 WHERE key = ?1 AND tenant = ?2 AND hash = ?3 AND model = ?4",
        )
        .and_then(|mut update| update.execute(row))
        .map_err(sql_error)?;
    if replaced > 0 {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO cached_vectors (key, tenant, hash, model, vector) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut insert| insert.execute(row))
        .map(drop)
        .map_err(sql_error)
}

/// Ids are handed out in order, so the difference to the last one bounds the number of newer rows.
fn drop_oldest(connection: &Connection, rows_max: u64) -> Result<(), PortError> {
    connection
        .prepare_cached(
            "DELETE FROM cached_vectors WHERE id IN (SELECT id FROM cached_vectors \
             WHERE id <= (SELECT max(id) FROM cached_vectors) - ?1 ORDER BY id LIMIT ?2)",
        )
        .and_then(|mut delete| delete.execute((rows_max, DROP_SLICE)))
        .map(drop)
        .map_err(sql_error)
}

/// Counts the vectors of these texts under every model.
fn count(connection: &Connection, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
    let mut select = connection
        .prepare_cached("SELECT count(*) FROM cached_vectors WHERE key = ?1 AND tenant = ?2 AND hash = ?3")
        .map_err(sql_error)?;
    let distinct: HashSet<&ContentHash> = hashes.iter().collect();
    let mut found = 0;
    for hash in distinct {
        let row = (key(tenant, hash), tenant.as_str(), hash.as_str());
        found += select.query_row(row, |row| row.get::<_, u64>(0)).map_err(sql_error)?;
    }
    Ok(found)
}

/// Removes the vectors of these texts under every model.
fn remove(connection: &Connection, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
    let mut delete = connection
        .prepare_cached("DELETE FROM cached_vectors WHERE key = ?1 AND tenant = ?2 AND hash = ?3")
        .map_err(sql_error)?;
    let mut removed = 0;
    for hash in hashes {
        let row = (key(tenant, hash), tenant.as_str(), hash.as_str());
        removed += delete.execute(row).map_err(sql_error)? as u64;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use millrace_test_support::builders::{hash, model, tenant};
    use millrace_test_support::embedding_cache_suite::unit_vector;

    use super::*;

    #[tokio::test]
    async fn the_oldest_are_dropped_when_there_are_too_many() {
        let cache = SqliteEmbeddingCache::new(Database::open_in_memory().unwrap(), 500);
        let (tenant, model) = (tenant("acme"), model("test"));
        for number in 0..20 {
            let vectors: Vec<_> = (0..50).map(|n| (hash(number * 50 + n), unit_vector(n, 8))).collect();
            cache.put(&tenant, &model, &vectors).await.unwrap();
        }
        let hashes: Vec<_> = (0..1_000).map(hash).collect();
        let found = cache.get(&tenant, &model, &hashes).await.unwrap();
        let held: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert_eq!(held, [[false; 500], [true; 500]].concat());
    }
}
