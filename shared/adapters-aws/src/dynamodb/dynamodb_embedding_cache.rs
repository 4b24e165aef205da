//! Vectors already paid for, in DynamoDB. What is lost here is only time: entries are deleted some while after they were
//! last put, whatever the table throttles is reported as such, and what cannot be read counts as absent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ContentHash, ModelId, TenantId};
use millrace_ports::{Clock, Embedding, EmbeddingCache, PortError};

use super::batch_get::get_items;
use super::batch_write::{delete_request, put_request, write_items};
use super::cached_vector::{read_text_hash, read_vector, text_partition, vector_item, vector_key};
use super::claim_item::later;
use super::item::{Item, check_size};
use super::query_pages::query_all;
use super::table_name::TableName;

/// Queries at once when vectors are counted or removed: one for each text.
const QUERIES_AT_ONCE: usize = 16;
/// How long a vector is kept after it was last put, by default.
const KEEP_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// The embedding cache on AWS.
#[derive(Debug, Clone)]
pub struct DynamoDbEmbeddingCache {
    client: Client,
    table: TableName,
    clock: Arc<dyn Clock>,
    keep_ms: u64,
}

impl DynamoDbEmbeddingCache {
    /// A cache in a table that keeps vectors for 90 days after they were last put.
    pub fn new(client: Client, table: TableName, clock: Arc<dyn Clock>) -> Self {
        Self { client, table, clock, keep_ms: KEEP_MS }
    }

    /// The same, keeping vectors for another time.
    #[must_use]
    pub fn keeping_ms(self, keep_ms: u64) -> Self {
        Self { keep_ms, ..self }
    }
}

#[async_trait]
impl EmbeddingCache for DynamoDbEmbeddingCache {
    async fn get(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        hashes: &[ContentHash],
    ) -> Result<Vec<Option<Embedding>>, PortError> {
        let attempted = format!("look up {} cached vectors", hashes.len());
        let distinct: HashSet<&ContentHash> = hashes.iter().collect();
        let keys = distinct.into_iter().map(|hash| vector_key(tenant, hash, model)).collect();
        let items = get_items(&self.client, &self.table, keys, false, &attempted).await?;
        let read = |item: &Item| Some((read_text_hash(item).ok()?, read_vector(item)?));
        let found: HashMap<ContentHash, Embedding> = items.iter().filter_map(read).collect();
        Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
    }

    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError> {
        let attempted = format!("cache {} vectors", vectors.len());
        let until = later(self.clock.now(), self.keep_ms);
        // Of two vectors of one text the later one counts.
        let distinct: HashMap<&ContentHash, &Embedding> =
            vectors.iter().map(|(hash, embedding)| (hash, embedding)).collect();
        let mut writes = Vec::with_capacity(distinct.len());
        for (hash, embedding) in distinct {
            let item = vector_item(vector_key(tenant, hash, model), embedding, until);
            check_size(&item, &attempted)?;
            writes.push(put_request(item));
        }
        write_items(&self.client, &self.table, writes, &attempted).await
    }

    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        let attempted = format!("count cached vectors of {} texts", hashes.len());
        Ok(self.keys_of_texts(tenant, hashes, &attempted).await?.len() as u64)
    }

    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        let attempted = format!("remove cached vectors of {} texts", hashes.len());
        let keys = self.keys_of_texts(tenant, hashes, &attempted).await?;
        let removed = keys.len() as u64;
        let deletions = keys.into_iter().map(delete_request).collect();
        write_items(&self.client, &self.table, deletions, &attempted).await?;
        Ok(removed)
    }
}

impl DynamoDbEmbeddingCache {
    /// The keys of some texts' vectors under every model.
    async fn keys_of_texts(
        &self,
        tenant: &TenantId,
        hashes: &[ContentHash],
        attempted: &str,
    ) -> Result<Vec<Item>, PortError> {
        let distinct: HashSet<&ContentHash> = hashes.iter().collect();
        let query = |hash| self.keys_of_text(tenant, hash, attempted);
        let queries: Vec<_> = distinct.into_iter().map(query).collect();
        stream::iter(queries).buffer_unordered(QUERIES_AT_ONCE).try_concat().await
    }

    /// The keys of a text's vectors under every model.
    async fn keys_of_text(
        &self,
        tenant: &TenantId,
        hash: &ContentHash,
        attempted: &str,
    ) -> Result<Vec<Item>, PortError> {
        let query = self
            .client
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .projection_expression("pk, sk")
            .expression_attribute_values(":pk", text_partition(tenant, hash));
        // To the end: what is removed must be gone under every model, and there are as many as were ever configured.
        query_all(query, usize::MAX, attempted).await
    }
}
