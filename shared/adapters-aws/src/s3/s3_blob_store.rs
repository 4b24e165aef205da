//! `S3BlobStore`: blobs as objects of one bucket. The bucket must not keep versions, or what is deleted stays, and needs a
//! lifecycle rule that removes unfinished multipart uploads after a day, for those whose writer died.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, TenantId, UploadId};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, Clock, ErrorKind, PortError, StoredBlob,
};
use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use super::part_upload::PartUpload;
use super::source_search::SourceSearch;

/// Small contents that are written at a time; each waits for one round trip.
const CONCURRENT_PUTS: usize = 16;

/// A blob store on S3. Clones share the connection.
#[derive(Debug, Clone)]
pub struct S3BlobStore {
    bucket: Bucket,
    clock: Arc<dyn Clock>,
}

impl S3BlobStore {
    /// The blobs of a bucket. The clock says how old they are; S3 dates them by its own.
    pub fn new(client: Client, bucket: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { bucket: Bucket { client, name: bucket.into() }, clock }
    }
}

#[async_trait]
impl BlobStore for S3BlobStore {
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError> {
        self.bucket.put(key.as_str(), content).await
    }

    async fn put_many(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        stream::iter(blobs)
            .map(|(key, content)| async move { self.bucket.put(key.as_str(), content).await })
            .buffer_unordered(CONCURRENT_PUTS)
            .try_collect()
            .await
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        mut content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError> {
        let mut upload = PartUpload::new(self.bucket.clone(), key.as_str().to_owned());
        match take_in(&mut upload, &mut content, limit, key).await {
            Ok(stored) => upload.finish().await.map(|()| stored),
            Err(error) => {
                upload.abandon().await;
                Err(error)
            }
        }
    }

    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError> {
        self.bucket.get(key.as_str()).await
    }

    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        self.bucket.open(key.as_str(), range).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError> {
        // S3 does not say what it deletes, so that is asked first.
        let Some(head) = self.bucket.head(key.as_str()).await? else { return Ok(BlobUsage::default()) };
        self.bucket.delete(key.as_str()).await?;
        Ok(BlobUsage { blobs: 1, bytes: head.size.get() })
    }

    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        self.bucket.walk(prefix.as_str(), true).await
    }

    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError> {
        self.bucket.walk(prefix.as_str(), false).await
    }

    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError> {
        let age = i64::try_from(age_ms).unwrap_or(i64::MAX);
        let before = self.clock.now().plus_millis(age.saturating_neg());
        SourceSearch { bucket: &self.bucket, tenant, before, limit }.run().await
    }
}

/// Takes in a whole stream, at most `limit` bytes of it.
async fn take_in(
    upload: &mut PartUpload,
    content: &mut ByteStream,
    limit: ByteSize,
    key: &BlobKey,
) -> Result<StoredBlob, PortError> {
    let attempted = || format!("put blob {}", key.as_str());
    let (mut size, mut sha256) = (0, Sha256::new());
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(|error| PortError::caused(ErrorKind::Unavailable, attempted(), error))?;
        size += piece.len() as u64;
        if size > limit.get() {
            return Err(PortError::new(ErrorKind::Invalid, format!("{}: over {limit} bytes", attempted())));
        }
        sha256.update(&piece);
        upload.take_in(piece).await?;
    }
    let sha256 = ContentHash::from_digest(sha256.finalize().into());
    Ok(StoredBlob { size: ByteSize::new(size), sha256 })
}
