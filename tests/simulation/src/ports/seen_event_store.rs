//! An event store whose appends the witness sees, at the instant of their effect and with what was stored then.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{
    CollectionName, DocumentHead, DocumentId, DocumentKey, EventEnvelope, TenantId, Timestamp, Version,
};
use millrace_ports::{
    Append, BlobPrefix, BlobStore, BlobUsage, EventStore, History, PortError, UnsettledPage, UnsettledPlace,
};

use super::Onlooker;
use crate::scheduler::{Happening, Scheduler};
use crate::witness::{Stock, Witness};

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenEventStore {
    pub(crate) inner: Arc<dyn EventStore>,
    pub(crate) onlooker: Onlooker,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) scheduler: Arc<Scheduler>,
}

impl SeenEventStore {
    /// What is stored of a document: of the generation that its head names, where searches look, and of all, in all spaces.
    async fn stock(&self, append: &Append) -> Result<Stock, PortError> {
        let (key, collection) = (&append.key, &append.head.collection);
        let generation = append.head.published.map(|published| published.generation);
        let (published, all) = self.onlooker.usage(key, collection, generation).await?;
        let blobs: BlobUsage = self.blobs.usage(&BlobPrefix::document(key)).await?;
        Ok(Stock { published, all, blobs })
    }
}

#[async_trait]
impl EventStore for SeenEventStore {
    async fn append(&self, append: Append) -> Result<Version, PortError> {
        let version = self.inner.append(append.clone()).await?;
        let stock = self.stock(&append).await?;
        self.witness.appended(&append, version, stock);
        self.onlooker.look(&append.key.tenant_id, &append.head.collection).await?;
        self.scheduler.happen(Happening::Relay, 1);
        Ok(version)
    }

    async fn load(&self, key: &DocumentKey) -> Result<Option<History>, PortError> {
        self.inner.load(key).await
    }

    async fn read(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Vec<EventEnvelope>, PortError> {
        self.inner.read(key, after, limit).await
    }

    async fn heads(&self, keys: &[DocumentKey]) -> Result<Vec<Option<DocumentHead>>, PortError> {
        self.inner.heads(keys).await
    }

    async fn unsettled(
        &self,
        before: Timestamp,
        after: Option<&UnsettledPlace>,
        limit: usize,
    ) -> Result<UnsettledPage, PortError> {
        self.inner.unsettled(before, after, limit).await
    }

    async fn documents_of(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError> {
        self.inner.documents_of(tenant, collection, after, limit).await
    }
}
