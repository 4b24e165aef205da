//! A blob store whose writes of several blobs break off in the middle, when the weather says so, and whose writes the
//! witness sees.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_domain::{ByteSize, DocumentKey, TenantId, UploadId};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, PortError, StoredBlob};

use crate::parting::Parting;
use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct PartedBlobStore {
    inner: Arc<dyn BlobStore>,
    parting: Parting,
    witness: Arc<Witness>,
}

impl PartedBlobStore {
    pub(crate) fn new(inner: Arc<dyn BlobStore>, parting: Parting, witness: Arc<Witness>) -> Self {
        Self { inner, parting, witness }
    }
}

#[async_trait]
impl BlobStore for PartedBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        self.witness.stored(key.as_str());
        self.inner.put(key, content).await
    }

    async fn put_many(&self, mut blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        for (key, _) in &blobs {
            self.witness.stored(key.as_str());
        }
        match self.parting.of("blob_store.put_many", blobs.len()) {
            None => self.inner.put_many(blobs).await,
            Some((done, error)) => {
                blobs.truncate(done);
                self.inner.put_many(blobs).await?;
                Err(error)
            }
        }
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        self.witness.stored(key.as_str());
        self.inner.put_stream(key, content, limit).await
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        self.inner.get(key).await
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        self.inner.open(key, range).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        self.witness.stored(key.as_str());
        self.inner.delete(key).await
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        // Everything of a document is removed by its deletion alone.
        if !prefix.as_str().ends_with('/') {
            self.witness.stored(prefix.as_str());
        }
        self.inner.delete_prefix(prefix).await
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        let usage = self.inner.usage(prefix).await?;
        self.witness.counted_blobs(prefix.as_str());
        Ok(usage)
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        self.inner.old_sources(tenant, age_ms, limit).await
    }
}
