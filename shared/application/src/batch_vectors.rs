//! The vectors of one batch of chunks under one model: those already paid for from the cache, the others made and kept there.

use std::sync::Arc;

use millrace_domain::{ChunkIndex, ContentHash, DocumentKey, Generation, TenantId};
use millrace_ports::{
    BlobKey, BlobStore, Embedder, EmbedderError, Embedding, EmbeddingCache, EmbeddingPurpose, ErrorKind,
    PortError,
};

use crate::chunk_file::ChunkFile;

/// Why there are no vectors.
#[derive(Debug)]
pub(crate) enum NoVectors {
    /// The model refuses these texts for good.
    Refused(String),
    /// Something failed that may pass.
    Port(PortError),
}

impl From<PortError> for NoVectors {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct MadeVectors {
    /// One for each chunk.
    pub(crate) vectors: Vec<(ChunkIndex, Embedding)>,
    /// How many came from the cache.
    pub(crate) cached: u32,
}

/// Vectors in a cache, and what makes those that are not there.
#[derive(Debug, Clone)]
pub(crate) struct BatchVectors<'a> {
    pub(crate) cache: &'a Arc<dyn EmbeddingCache>,
    pub(crate) embedder: &'a Arc<dyn Embedder>,
}

impl BatchVectors<'_> {
    /// The vectors of all chunks of a file.
    pub(crate) async fn make(&self, tenant: &TenantId, file: &ChunkFile) -> Result<MadeVectors, NoVectors> {
        let hashes: Vec<_> = file.chunks.iter().map(|chunk| chunk.content_hash()).collect();
        let model = &self.embedder.model().id;
        let mut vectors = self.cache.get(tenant, model, &hashes).await?;
        vectors.resize(hashes.len(), None);
        let missing: Vec<usize> = (0..vectors.len()).filter(|at| vectors[*at].is_none()).collect();
        let texts: Vec<&str> = missing.iter().map(|at| file.chunks[*at].text.as_str()).collect();
        let made = self.embedder.embed(&texts, EmbeddingPurpose::Passage).await.map_err(no_vectors)?;
        let new: Vec<(ContentHash, Embedding)> =
            missing.iter().zip(&made).map(|(at, vector)| (hashes[*at].clone(), vector.clone())).collect();
        for (at, vector) in missing.iter().zip(made) {
            vectors[*at] = Some(vector);
        }
        if !new.is_empty() {
            self.cache.put(tenant, model, &new).await?;
        }
        let cached = (hashes.len() - new.len()) as u32;
        let of_chunk = |(chunk, vector): (&crate::StoredChunk, Option<_>)| Some((chunk.index, vector?));
        Ok(MadeVectors { vectors: file.chunks.iter().zip(vectors).filter_map(of_chunk).collect(), cached })
    }
}

/// The chunks of a batch; `None` if they are missing or cannot be read.
pub(crate) async fn read_chunks(
    blobs: &dyn BlobStore,
    key: &DocumentKey,
    generation: Generation,
    batch: u32,
) -> Result<Option<ChunkFile>, PortError> {
    match blobs.get(&BlobKey::chunk_batch(key, generation, batch)).await {
        Ok(bytes) => Ok(ChunkFile::from_bytes(&bytes).ok()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One exhaustive match from what the embedder said to what it means for a step.
fn no_vectors(error: EmbedderError) -> NoVectors {
    let attempted = "embed chunks";
    match error {
        EmbedderError::Throttled { retry_after_ms } => NoVectors::Port(
            PortError::new(ErrorKind::Throttled, attempted).with_retry_after_ms(retry_after_ms),
        ),
        EmbedderError::Unavailable(_) => {
            NoVectors::Port(PortError::caused(ErrorKind::Unavailable, attempted, error))
        }
        EmbedderError::Invalid(_) => NoVectors::Refused(error.to_string()),
    }
}
