//! The chunks of the current generation, page by page, from the blobs that chunk-worker wrote.

use std::sync::Arc;

use millrace_domain::{Document, DocumentKey, Generation};
use millrace_ports::{BlobKey, BlobStore, ErrorKind, PortError};

use crate::chunk_file::{ChunkFile, StoredChunk};
use crate::documents::Documents;

/// One page of chunks.
#[derive(Debug, Clone)]
pub struct ChunkPage {
    /// Which content they are of.
    pub generation: Generation,
    /// The chunks in order.
    pub chunks: Vec<StoredChunk>,
    /// How many the generation has.
    pub total: u32,
    /// The index of the first chunk of the next page.
    pub next: Option<u32>,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ReadChunks {
    documents: Documents,
    blobs: Arc<dyn BlobStore>,
}

/// Most chunks on one page.
const CHUNK_PAGE_MAX: u32 = 200;

impl ReadChunks {
    /// Reading from these parts.
    pub fn new(documents: Documents, blobs: Arc<dyn BlobStore>) -> Self {
        Self { documents, blobs }
    }

    /// Chunks from `first` on, at most `limit` (cut to 200), with the document they are of; an empty page if it is not
    /// chunked yet. `None` if there is no such document. Files that a deletion or a replacement takes away while they are
    /// read are no fault: the document is looked at again.
    pub async fn run(
        &self,
        key: &DocumentKey,
        first: u32,
        limit: u32,
    ) -> Result<Option<(Document, ChunkPage)>, PortError> {
        let mut missing_at = None;
        loop {
            let Some(document) = self.documents.load(key).await? else { return Ok(None) };
            match self.page(key, &document, first, limit).await {
                Err(error)
                    if error.kind == ErrorKind::NotFound
                        && missing_at.is_none_or(|at| at < document.version) =>
                {
                    missing_at = Some(document.version);
                }
                read => return read.map(|page| Some((document, page))),
            }
        }
    }

    async fn page(
        &self,
        key: &DocumentKey,
        document: &Document,
        first: u32,
        limit: u32,
    ) -> Result<ChunkPage, PortError> {
        let generation = document.generation;
        let Some(plan) = document.plan.filter(|_| !document.status.is_gone()) else {
            return Ok(ChunkPage { generation, chunks: Vec::new(), total: 0, next: None });
        };
        let end = first.saturating_add(limit.clamp(1, CHUNK_PAGE_MAX)).min(plan.chunks);
        let mut chunks = Vec::new();
        let mut batch = first / plan.batch_size;
        while batch < plan.batches() && batch * plan.batch_size < end {
            let bytes = self.blobs.get(&BlobKey::chunk_batch(key, generation, batch)).await?;
            let file = ChunkFile::from_bytes(&bytes).map_err(|error| {
                PortError::caused(ErrorKind::Corrupt, format!("read chunk batch {batch}"), error)
            })?;
            chunks.extend(file.chunks.into_iter().filter(|chunk| (first..end).contains(&chunk.index.get())));
            batch += 1;
        }
        let next = (end < plan.chunks).then_some(end);
        Ok(ChunkPage { generation, chunks, total: plan.chunks, next })
    }
}
