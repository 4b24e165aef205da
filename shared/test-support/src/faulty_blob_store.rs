//! A blob store whose calls go wrong by a plan. Of several blobs put at once, a failure before puts none and one after
//! puts all; a stream that breaks half way is not imitated.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_domain::{ByteSize, DocumentKey, TenantId, UploadId};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, PortError, StoredBlob};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyBlobStore {
    inner: Arc<dyn BlobStore>,
    plan: Arc<FaultPlan>,
}

impl FaultyBlobStore {
    /// A store behind a plan.
    pub fn new(inner: Arc<dyn BlobStore>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl BlobStore for FaultyBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        self.plan.call("blob_store.put", self.inner.put(key, content)).await
    }

    async fn put_many(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        self.plan.call("blob_store.put_many", self.inner.put_many(blobs)).await
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        self.plan.call("blob_store.put_stream", self.inner.put_stream(key, content, limit)).await
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        self.plan.call("blob_store.get", self.inner.get(key)).await
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        self.plan.call("blob_store.open", self.inner.open(key, range)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        self.plan.call("blob_store.delete", self.inner.delete(key)).await
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        self.plan.call("blob_store.delete_prefix", self.inner.delete_prefix(prefix)).await
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        self.plan.call("blob_store.usage", self.inner.usage(prefix)).await
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        self.plan.call("blob_store.old_sources", self.inner.old_sources(tenant, age_ms, limit)).await
    }
}
