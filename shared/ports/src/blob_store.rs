//! The port for contents: uploads, extracted texts, chunk files. Keys are ours; where bytes lie is the adapter's.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_domain::{ByteSize, ContentHash, DocumentKey, Generation, TenantId, UploadId};

use crate::{ByteStream, PortError};

/// How the key of an uploaded content ends.
const CONTENT: &str = ".content";
/// How the key of an upload's record ends.
const PENDING: &str = ".pending";

/// The name of a blob: `tenant/document/part`. Made only from validated ids, so it is safe as a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

impl BlobKey {
    /// An uploaded content. Its ending is its own, since a bucket's notifications can be chosen by the beginning or the
    /// end of a key only, and chunk files shall not cause any.
    pub fn source(key: &DocumentKey, upload: UploadId) -> Self {
        Self(format!("{}/{}/source-{upload}{CONTENT}", key.tenant_id, key.document_id))
    }

    /// What an upload by URL was announced to be; there until its content was accepted.
    pub fn pending(key: &DocumentKey, upload: UploadId) -> Self {
        Self(format!("{}/{}/source-{upload}{PENDING}", key.tenant_id, key.document_id))
    }

    /// The document and upload whose content this text is the key of.
    pub fn source_of(text: &str) -> Option<(DocumentKey, UploadId)> {
        upload_of(text, &[CONTENT])
    }

    /// The document and upload to which this key belongs, as their content or as the record of what is pending.
    pub fn upload_of(text: &str) -> Option<(DocumentKey, UploadId)> {
        upload_of(text, &[CONTENT, PENDING])
    }

    /// The extracted text of a generation, as JSON of `ExtractedText`.
    pub fn text(key: &DocumentKey, generation: Generation) -> Self {
        Self(format!("{}/{}/text-{generation}", key.tenant_id, key.document_id))
    }

    /// One embedding batch of chunks of a generation.
    pub fn chunk_batch(key: &DocumentKey, generation: Generation, batch: u32) -> Self {
        Self(format!("{}/{}/chunks-{generation}-{batch:06}", key.tenant_id, key.document_id))
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn upload_of(text: &str, endings: &[&str]) -> Option<(DocumentKey, UploadId)> {
    let mut parts = text.split('/');
    let (tenant, document, part) = (parts.next()?, parts.next()?, parts.next()?);
    let name = part.strip_prefix("source-").filter(|_| parts.next().is_none())?;
    let upload = endings.iter().find_map(|ending| name.strip_suffix(ending))?;
    let key = DocumentKey { tenant_id: TenantId::new(tenant).ok()?, document_id: document.parse().ok()? };
    Some((key, upload.parse().ok()?))
}

/// The beginning of the keys of some blobs of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPrefix(String);

impl BlobPrefix {
    /// Everything of a document.
    pub fn document(key: &DocumentKey) -> Self {
        Self(format!("{}/{}/", key.tenant_id, key.document_id))
    }

    /// The chunk batches of one generation.
    pub fn chunks(key: &DocumentKey, generation: Generation) -> Self {
        Self(format!("{}/{}/chunks-{generation}-", key.tenant_id, key.document_id))
    }

    /// The text of the prefix. Always `tenant/document/` and perhaps the start of a part's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a streamed write stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// How many bytes.
    pub size: ByteSize,
    /// Their SHA-256, computed while they went by.
    pub sha256: ContentHash,
}

/// How much a prefix holds or held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobUsage {
    /// Blobs.
    pub blobs: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Stores bytes under keys.
///
/// An implementer promises: after `Ok` of a write the bytes survive the end of the process, and a power cut no later
/// than anything that was acknowledged after them, the append that makes them count above all; a read sees a whole write or none;
/// writing a key again replaces it whole; a failed or interrupted stream leaves no blob under the key; deletions
/// are idempotent; listing behind `usage` and `delete_prefix` reads to the end.
#[async_trait]
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Stores a small content.
    async fn put(&self, key: &BlobKey, content: Bytes) -> Result<(), PortError>;

    /// Stores several small contents of one document; cheaper than one by one. All or, on an error, any of them.
    async fn put_many(&self, blobs: Vec<(BlobKey, Bytes)>) -> Result<(), PortError> {
        for (key, content) in blobs {
            self.put(&key, content).await?;
        }
        Ok(())
    }

    /// Stores a content of unknown length as it arrives. More than `limit` bytes: `Invalid`, and nothing is stored.
    /// An error of the stream itself is `Unavailable`.
    async fn put_stream(
        &self,
        key: &BlobKey,
        content: ByteStream,
        limit: ByteSize,
    ) -> Result<StoredBlob, PortError>;

    /// Reads a blob whole. `NotFound` if there is none.
    async fn get(&self, key: &BlobKey) -> Result<Bytes, PortError>;

    /// Opens a blob for streaming, from and up to a byte if a range is given (cut at the end). Gives its whole size.
    async fn open(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError>;

    /// Removes one blob, if it is there, and says what was removed.
    async fn delete(&self, key: &BlobKey) -> Result<BlobUsage, PortError>;

    /// Removes all blobs under a prefix and says what was removed.
    async fn delete_prefix(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError>;

    /// Counts what lies under a prefix.
    async fn usage(&self, prefix: &BlobPrefix) -> Result<BlobUsage, PortError>;

    /// Uploads whose content, or whose record of what is pending, was last written before `age_ms` ago, in any order, at
    /// most `limit`; one with both may come twice. They are candidates for orphans, whose event may never have been
    /// appended. Repeated calls go round all of them. `tenant` narrows it.
    async fn old_sources(
        &self,
        tenant: Option<&TenantId>,
        age_ms: u64,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, UploadId)>, PortError>;
}
