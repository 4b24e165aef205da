//! A blob store in memory, with switches for what tests need to go wrong. It forgets everything with the process.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, TenantId, UploadId};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, ErrorKind, PortError, StoredBlob,
};
use sha2::{Digest, Sha256};

#[derive(Debug, Default)]
pub(crate) struct MemoryBlobStore {
    blobs: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) is_down: AtomicBool,
    pub(crate) panics: AtomicBool,
    pub(crate) hangs: AtomicBool,
}

impl MemoryBlobStore {
    pub(crate) fn len(&self) -> usize {
        self.blobs.lock().unwrap().len()
    }

    pub(crate) fn clear(&self) {
        self.blobs.lock().unwrap().clear();
    }

    async fn misbehave(&self, what: &str) -> Result<(), PortError> {
        assert!(!self.panics.load(Ordering::SeqCst), "told to panic");
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(PortError::new(ErrorKind::Unavailable, what).with_retry_after_ms(Some(2_500)));
        }
        Ok(())
    }
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        self.blobs.lock().unwrap().insert(key.as_str().to_owned(), content);
        Ok(())
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        mut content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        self.misbehave("store a content").await?;
        let mut bytes = Vec::new();
        while let Some(block) = content.next().await {
            let block = block.map_err(|e| PortError::caused(ErrorKind::Unavailable, "read a content", e))?;
            bytes.extend_from_slice(&block);
            if bytes.len() as u64 > limit.get() {
                return Err(PortError::new(ErrorKind::Invalid, "store a content"));
            }
        }
        let size = ByteSize::new(bytes.len() as u64);
        let sha256 = ContentHash::from_digest(Sha256::digest(&bytes).into());
        self.put(key, bytes.into()).await?;
        Ok(StoredBlob { size, sha256 })
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        let missing = || PortError::new(ErrorKind::NotFound, format!("read {}", key.as_str()));
        self.blobs.lock().unwrap().get(key.as_str()).cloned().ok_or_else(missing)
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        self.misbehave("open a content").await?;
        let bytes = self.get(key).await?;
        let size = ByteSize::new(bytes.len() as u64);
        let part = range.map_or(bytes.clone(), |range| {
            bytes.slice(
                usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap().min(bytes.len()),
            )
        });
        let blocks: Vec<_> = part.chunks(7).map(Bytes::copy_from_slice).map(Ok).collect();
        Ok((size, stream::iter(blocks).boxed()))
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        let removed = self.blobs.lock().unwrap().remove(key.as_str());
        Ok(removed.map_or_else(BlobUsage::default, |b| BlobUsage { blobs: 1, bytes: b.len() as u64 }))
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        self.blobs.lock().unwrap().retain(|key, _| !key.starts_with(prefix.as_str()));
        Ok(BlobUsage::default())
    }

    async fn usage(&self, _: &BlobPrefix) -> Result<BlobUsage, PortError> {
        Ok(BlobUsage::default())
    }

    async fn old_sources(
        &self,
        _: Option<&TenantId>,
        _: u64,
        _: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        Ok(Vec::new())
    }
}
