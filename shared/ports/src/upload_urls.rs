//! The ports for large uploads: URLs to which a client puts a content by itself, without the API in between, and, where
//! no object store takes the bytes, the receiving end of those URLs.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{ByteSize, ContentHash, DocumentKey, Timestamp, UploadId};
use serde::{Deserialize, Serialize};

use crate::{PortError, StoredBlob};

/// What one URL is good for: to put exactly these bytes under `BlobKey::source`, until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadGrant {
    /// The document, and whose.
    pub key: DocumentKey,
    /// Names the content's blob.
    pub upload_id: UploadId,
    /// How many bytes, at least 1.
    pub size: ByteSize,
    /// The `Content-Type` that must be sent; visible ASCII and spaces.
    pub media_type: String,
    /// The hash of the bytes.
    pub sha256: ContentHash,
    /// When the URL stops being good for a request that has not begun.
    pub expires_at: Timestamp,
}

/// A URL, and what must be sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUpload {
    /// Absolute, or beginning with `/` where the API's own server takes the bytes; whoever answers the client puts the
    /// address in front at which the client asked.
    pub url: String,
    /// The headers of the `PUT`, as names and values, without those that every HTTP client sets by itself (`Host`,
    /// `Content-Length`). A request without one of them, or with another value, is refused.
    pub headers: Vec<(String, String)>,
}

/// Makes URLs for uploads, and knows what came in through them.
///
/// An implementer promises: a signed URL carries the whole authority for its `PUT` and for nothing else; a `PUT` after it
/// expired, with another path, query, media type or length, or with bytes of another hash, is refused and leaves nothing
/// stored; one that is answered with success is durable, and readable through the `BlobStore` as `BlobKey::source`;
/// repeating it is harmless; signing stores nothing and may be repeated, each URL being good by itself. After the bytes are
/// stored, a notification of it is on its way to the `uploads` queue at least once, though it may be lost with the machine: the
/// sweeper makes up for that.
#[async_trait]
pub trait UploadUrls: Send + Sync + fmt::Debug {
    /// Signs a URL. `Invalid` if the grant has expired or cannot be expressed.
    async fn sign(&self, grant: &UploadGrant) -> Result<SignedUpload, PortError>;

    /// Size and SHA-256 of what is stored as the upload's content, by the store's own reckoning, never by what a client
    /// said; `None` if there is nothing (yet).
    async fn received(&self, key: &DocumentKey, upload: UploadId) -> Result<Option<StoredBlob>, PortError>;
}

/// Why a request to a signed URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadUrlError {
    /// The signature does not fit: nobody here signed this.
    #[error("url was not signed by this server")]
    Forged,
    /// It was good once.
    #[error("url has expired")]
    Expired,
}

/// The receiving end of the URLs, on a node that takes the bytes itself. Storing them is the use case's business.
///
/// An implementer promises: `verify` compares signatures in constant time and gives exactly the grant that was signed.
#[async_trait]
pub trait UploadReceiver: Send + Sync + fmt::Debug {
    /// What the URL with this query grants, if it was signed here and has not expired.
    fn verify(&self, query: &str) -> Result<UploadGrant, UploadUrlError>;

    /// Puts the notification on the `uploads` queue that the grant's content is stored, in the form of an object store's.
    async fn announce(&self, grant: &UploadGrant) -> Result<(), PortError>;
}
