//! Removes the vectors that a document left in the embedding cache. They could tell what its text was about, so they go
//! with it, though another document with the same text would have to pay for them again. Which texts those were is read
//! from the chunk files, so this comes before these are removed.

use std::collections::HashSet;
use std::sync::Arc;

use millrace_domain::{ContentHash, DocumentKey, Generation};
use millrace_ports::{BlobKey, BlobStore, EmbeddingCache, ErrorKind, PortError};

use crate::chunk_file::ChunkFile;

/// The cache, and the chunk files that say what a document has in it.
#[derive(Debug, Clone)]
pub struct CachedVectors {
    blobs: Arc<dyn BlobStore>,
    cache: Arc<dyn EmbeddingCache>,
}

impl CachedVectors {
    /// Vectors in `cache` of texts whose chunk files are in `blobs`.
    pub fn new(blobs: Arc<dyn BlobStore>, cache: Arc<dyn EmbeddingCache>) -> Self {
        Self { blobs, cache }
    }

    /// How many vectors there are of the texts of the first so many generations.
    pub(crate) async fn count_up_to(&self, key: &DocumentKey, last: Generation) -> Result<u64, PortError> {
        let (mut seen, mut found) = (HashSet::new(), 0);
        for generation in (1..=last.get()).map(Generation::new) {
            found += self.count_unseen(key, generation, &mut seen).await?;
        }
        Ok(found)
    }

    /// How many vectors `remove_superseded` would remove.
    pub(crate) async fn count_superseded(
        &self,
        key: &DocumentKey,
        superseded: Generation,
        others: impl IntoIterator<Item = Generation>,
    ) -> Result<u64, PortError> {
        let mut kept = self.texts(key, others).await?;
        self.count_unseen(key, superseded, &mut kept).await
    }

    /// Removes the vectors of a generation's texts and says how many there were.
    pub(crate) async fn remove_generation(
        &self,
        key: &DocumentKey,
        generation: Generation,
    ) -> Result<u64, PortError> {
        self.remove_except(key, generation, &HashSet::new()).await
    }

    /// Removes the vectors of the texts that are in one generation and in none of the others, and says how many there
    /// were. Holds the others' hashes meanwhile, 32 bytes a chunk.
    pub(crate) async fn remove_superseded(
        &self,
        key: &DocumentKey,
        superseded: Generation,
        others: impl IntoIterator<Item = Generation>,
    ) -> Result<u64, PortError> {
        let kept = self.texts(key, others).await?;
        self.remove_except(key, superseded, &kept).await
    }

    /// The hashes of all texts of some generations.
    async fn texts(
        &self,
        key: &DocumentKey,
        generations: impl IntoIterator<Item = Generation>,
    ) -> Result<HashSet<ContentHash>, PortError> {
        let mut texts = HashSet::new();
        for generation in generations {
            for batch in 0.. {
                let Some(hashes) = self.hashes(key, generation, batch).await? else { break };
                texts.extend(hashes);
            }
        }
        Ok(texts)
    }

    /// Counts the vectors of a generation's texts that were not seen before, and notes those texts.
    async fn count_unseen(
        &self,
        key: &DocumentKey,
        generation: Generation,
        seen: &mut HashSet<ContentHash>,
    ) -> Result<u64, PortError> {
        let mut found = 0;
        for batch in 0.. {
            let Some(mut hashes) = self.hashes(key, generation, batch).await? else { break };
            hashes.retain(|hash| seen.insert(hash.clone()));
            if !hashes.is_empty() {
                found += self.cache.count(&key.tenant_id, &hashes).await?;
            }
        }
        Ok(found)
    }

    async fn remove_except(
        &self,
        key: &DocumentKey,
        generation: Generation,
        kept: &HashSet<ContentHash>,
    ) -> Result<u64, PortError> {
        let mut removed = 0;
        for batch in 0.. {
            let Some(mut hashes) = self.hashes(key, generation, batch).await? else { break };
            hashes.retain(|hash| !kept.contains(hash));
            if !hashes.is_empty() {
                removed += self.cache.remove(&key.tenant_id, &hashes).await?;
            }
        }
        Ok(removed)
    }

    /// The texts of a batch; `None` after the last one. A file that cannot be read names none.
    async fn hashes(
        &self,
        key: &DocumentKey,
        generation: Generation,
        batch: u32,
    ) -> Result<Option<Vec<ContentHash>>, PortError> {
        match self.blobs.get(&BlobKey::chunk_batch(key, generation, batch)).await {
            Ok(bytes) => {
                let file = ChunkFile::from_bytes(&bytes).unwrap_or_default();
                Ok(Some(file.chunks.iter().map(|chunk| chunk.content_hash()).collect()))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
