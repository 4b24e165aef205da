//! The current content of a document, as it was uploaded, as a stream.

use std::ops::Range;
use std::sync::Arc;

use millrace_domain::{ByteSize, Document, DocumentKey};
use millrace_ports::{BlobKey, BlobStore, ByteStream, PortError};

use crate::documents::Documents;

/// A content, open for reading.
pub struct OpenedContent {
    /// The document it is of.
    pub document: Document,
    /// Its whole size and its bytes; absent for a deleted document.
    pub content: Option<(ByteSize, ByteStream)>,
}

impl std::fmt::Debug for OpenedContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedContent").field("document", &self.document).finish_non_exhaustive()
    }
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ReadContent {
    documents: Documents,
    blobs: Arc<dyn BlobStore>,
}

impl ReadContent {
    /// Reading from these parts.
    pub fn new(documents: Documents, blobs: Arc<dyn BlobStore>) -> Self {
        Self { documents, blobs }
    }

    /// Opens the content, or a range of it. `None` if there is no such document.
    pub async fn run(
        &self,
        key: &DocumentKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<OpenedContent>, PortError> {
        let Some(document) = self.documents.load(key).await? else { return Ok(None) };
        if document.status.is_gone() {
            return Ok(Some(OpenedContent { document, content: None }));
        }
        let content = self.blobs.open(&BlobKey::source(key, document.upload_id), range).await?;
        Ok(Some(OpenedContent { document, content: Some(content) }))
    }
}
