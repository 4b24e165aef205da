//! Takes the bytes of an upload by URL, where no object store does: they are stored only if they are exactly what the URL
//! was signed for. It accepts nothing; the notification that it sends makes the upload complete, as an object store's does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{StreamExt, stream};
use millrace_domain::{ByteSize, ContentHash, Version};
use millrace_ports::{BlobKey, BlobStore, ByteStream, ErrorKind, PortError, UploadGrant, UploadReceiver};
use sha2::{Digest, Sha256};

use crate::pending_upload::PendingUpload;
use crate::upload_history::UploadHistory;

/// The use case.
#[derive(Debug, Clone)]
pub struct ReceiveUpload {
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Where accepted uploads are found.
    pub history: UploadHistory,
    /// Whom to tell.
    pub receiver: Arc<dyn UploadReceiver>,
}

/// Why bytes were not taken. Nothing of them is kept.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The upload was given up, or its document is deleted.
    #[error("upload does not exist any more")]
    NotFound,
    /// The bytes are not those that the URL was signed for.
    #[error("content is not the announced one")]
    Mismatch,
    /// A port failed, or the sender did.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl ReceiveUpload {
    /// Stores the content that a verified URL grants. After `Ok` it is durable, and so is the news of it. Repeating it
    /// after the upload was accepted stores nothing.
    pub async fn run(&self, grant: &UploadGrant, content: ByteStream) -> Result<(), ReceiveError> {
        if PendingUpload::find(&*self.blobs, &grant.key, grant.upload_id).await?.is_none() {
            let accepted = self.history.find(&grant.key, grant.upload_id, Version::NONE).await?;
            return accepted.map(drop).ok_or(ReceiveError::NotFound);
        }
        let (checked, differs) = checked(content, grant);
        let key = BlobKey::source(&grant.key, grant.upload_id);
        let stored = self.blobs.put_stream(&key, checked, grant.size).await;
        stored.map_err(|error| match error.kind {
            // Longer than announced, which is the bound.
            ErrorKind::Invalid => ReceiveError::Mismatch,
            _ if differs.load(Ordering::Acquire) => ReceiveError::Mismatch,
            _ => ReceiveError::Port(error),
        })?;
        Ok(self.receiver.announce(grant).await?)
    }
}

/// A content on its way to the store, held to what was announced: it breaks at its end if it is another, and of a stream
/// that breaks the store keeps nothing.
struct Checked {
    content: ByteStream,
    size: ByteSize,
    sha256: ContentHash,
    hasher: Sha256,
    seen: u64,
    differs: Arc<AtomicBool>,
}

fn checked(content: ByteStream, grant: &UploadGrant) -> (ByteStream, Arc<AtomicBool>) {
    let differs = Arc::new(AtomicBool::new(false));
    let checked = Checked {
        content,
        size: grant.size,
        sha256: grant.sha256.clone(),
        hasher: Sha256::new(),
        seen: 0,
        differs: Arc::clone(&differs),
    };
    let stream = stream::try_unfold(checked, |mut checked| async move {
        Ok(checked.next().await?.map(|block| (block, checked)))
    });
    (stream.boxed(), differs)
}

impl Checked {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        if let Some(block) = self.content.next().await.transpose()? {
            self.hasher.update(&block);
            self.seen += block.len() as u64;
            return Ok(Some(block));
        }
        let sha256 = ContentHash::from_digest(self.hasher.finalize_reset().into());
        if self.seen == self.size.get() && sha256 == self.sha256 {
            return Ok(None);
        }
        self.differs.store(true, Ordering::Release);
        Err(std::io::Error::other("content is not the announced one"))
    }
}
