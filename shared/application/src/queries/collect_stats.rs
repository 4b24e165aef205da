//! Counts of a tenant's documents by collection and state, from the read model.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_domain::{CollectionName, Status, TenantId};
use millrace_ports::{PortError, ReadModel};

/// The counts of one collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionStats {
    /// Documents by state; every state is named.
    pub documents: BTreeMap<&'static str, u64>,
    /// Chunks of documents that are not deleted.
    pub chunks: u64,
    /// Bytes of contents that are not deleted.
    pub bytes: u64,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct CollectStats {
    views: Arc<dyn ReadModel>,
}

impl CollectStats {
    /// Counting in a read model.
    pub fn new(views: Arc<dyn ReadModel>) -> Self {
        Self { views }
    }

    /// The counts of every collection that a document was ever in.
    pub async fn run(
        &self,
        tenant: &TenantId,
    ) -> Result<BTreeMap<CollectionName, CollectionStats>, PortError> {
        let mut collections: BTreeMap<CollectionName, CollectionStats> = BTreeMap::new();
        for count in self.views.counts(tenant).await? {
            let stats = collections.entry(count.collection).or_insert_with(|| CollectionStats {
                documents: Status::ALL.into_iter().map(|status| (status.as_str(), 0)).collect(),
                ..CollectionStats::default()
            });
            stats.documents.insert(count.status.as_str(), count.documents);
            if !count.status.is_gone() {
                stats.chunks += count.chunks;
                stats.bytes += count.bytes;
            }
        }
        Ok(collections)
    }
}
