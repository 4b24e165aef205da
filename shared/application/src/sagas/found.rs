//! What a purge found before it removed anything. It is noted with the claim, and the note stays when the claim changes
//! hands: so a purge that died half way, and whose successor finds less, still reports all that was removed.

use millrace_ports::{BlobUsage, IndexUsage};
use serde::{Deserialize, Serialize};

/// The note.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    chunks: u64,
    vectors: u64,
    blobs: u64,
    bytes: u64,
    /// Absent in notes of releases that did not count them.
    #[serde(default)]
    cached_vectors: u64,
}

impl Found {
    /// The counts of index, blob store and embedding cache together.
    pub(crate) fn new(index: IndexUsage, content: BlobUsage, cached_vectors: u64) -> Self {
        let IndexUsage { chunks, vectors } = index;
        let BlobUsage { blobs, bytes } = content;
        Self { chunks, vectors, blobs, bytes, cached_vectors }
    }

    /// The text to keep with the claim.
    pub(crate) fn to_memo(self) -> String {
        serde_json::to_string(&self).expect("numbers have no fallible serializer")
    }

    /// Reads the note; one of another shape counts as nothing.
    pub(crate) fn from_memo(memo: &str) -> Self {
        serde_json::from_str(memo).unwrap_or_default()
    }

    /// What was removed from the index, by this attempt and those before it.
    pub(crate) fn index(self, removed: IndexUsage) -> IndexUsage {
        IndexUsage { chunks: removed.chunks.max(self.chunks), vectors: removed.vectors.max(self.vectors) }
    }

    /// What was removed from the embedding cache, by this attempt and those before it.
    pub(crate) fn cached_vectors(self, removed: u64) -> u64 {
        removed.max(self.cached_vectors)
    }

    /// What was removed from the blob store, by this attempt and those before it.
    pub(crate) fn content(self, removed: BlobUsage) -> BlobUsage {
        BlobUsage { blobs: removed.blobs.max(self.blobs), bytes: removed.bytes.max(self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_reports_what_its_predecessor_found() {
        let found = Found::new(IndexUsage { chunks: 5, vectors: 4 }, BlobUsage { blobs: 3, bytes: 300 }, 7);
        let found = Found::from_memo(&found.to_memo());
        assert_eq!(found.index(IndexUsage::default()), IndexUsage { chunks: 5, vectors: 4 });
        assert_eq!(found.content(BlobUsage { blobs: 4, bytes: 20 }), BlobUsage { blobs: 4, bytes: 300 });
        assert_eq!((found.cached_vectors(0), found.cached_vectors(8)), (7, 8));
        assert_eq!(Found::from_memo(""), Found::default());
        let earlier = r#"{"chunks":5,"vectors":4,"blobs":3,"bytes":300}"#;
        assert_eq!(Found::from_memo(earlier).index(IndexUsage::default()).chunks, 5);
    }
}
