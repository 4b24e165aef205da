//! Counts of a tenant's documents.

use std::collections::BTreeMap;

use millrace_application::CollectionStats;
use millrace_domain::CollectionName;
use schemars::JsonSchema;
use serde::Serialize;

/// Counts by collection, in the order of their names.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Stats")]
pub(crate) struct StatsResponse {
    collections: Vec<CollectionResponse>,
}

/// Counts of one collection.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CollectionStats")]
pub(crate) struct CollectionResponse {
    collection: CollectionName,
    /// Documents by state; every state is named.
    documents: BTreeMap<&'static str, u64>,
    /// Chunks of documents that are not deleted.
    chunks: u64,
    /// Bytes of contents that are not deleted.
    bytes: u64,
}

impl From<BTreeMap<CollectionName, CollectionStats>> for StatsResponse {
    fn from(stats: BTreeMap<CollectionName, CollectionStats>) -> Self {
        let collection = |(collection, stats): (CollectionName, CollectionStats)| CollectionResponse {
            collection,
            documents: stats.documents,
            chunks: stats.chunks,
            bytes: stats.bytes,
        };
        Self { collections: stats.into_iter().map(collection).collect() }
    }
}
