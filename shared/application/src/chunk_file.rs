//! The stored shapes of what chunk-worker leaves for embed-worker: one blob per embedding batch. A shape of its own, so
//! that neither the chunker nor the index can change what lies in a bucket.

use bytes::Bytes;
use millrace_domain::{ChunkIndex, ContentHash};
use millrace_ports::IndexedChunk;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One chunk as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// Its position in the generation.
    pub index: ChunkIndex,
    /// The page it begins on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The headings above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// Byte offset of its start in the extracted text.
    pub start: u64,
    /// Byte offset of its end.
    pub end: u64,
    /// How many tokens it has.
    pub tokens: u32,
    /// Its text.
    pub text: String,
}

/// One embedding batch as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkFile {
    /// The chunks in order.
    pub chunks: Vec<StoredChunk>,
}

impl StoredChunk {
    /// The key of its vector in the embedding cache: SHA-256 of the text with runs of white space made one space, since
    /// a tokenizer sees no difference.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = Sha256::new();
        for (position, word) in self.text.split_whitespace().enumerate() {
            if position > 0 {
                hasher.update(b" ");
            }
            hasher.update(word);
        }
        ContentHash::from_digest(hasher.finalize().into())
    }

    /// The chunk as the search index takes it.
    pub fn to_indexed(&self) -> IndexedChunk {
        IndexedChunk {
            index: self.index,
            page: self.page,
            heading: self.heading.clone(),
            start: self.start,
            end: self.end,
            text: self.text.clone(),
        }
    }
}

impl ChunkFile {
    /// The bytes of the blob.
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("chunks have string keys and no fallible serializer").into()
    }

    /// Reads a blob.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str) -> StoredChunk {
        StoredChunk {
            index: ChunkIndex::new(0),
            page: Some(2),
            heading: None,
            start: 0,
            end: text.len() as u64,
            tokens: 3,
            text: text.into(),
        }
    }

    #[test]
    fn white_space_does_not_change_the_hash_and_words_do() {
        assert_eq!(chunk("a b\n\nc").content_hash(), chunk(" a  b c ").content_hash());
        assert_ne!(chunk("a b c").content_hash(), chunk("ab c").content_hash());
    }

    #[test]
    fn a_chunk_file_reads_back_what_it_wrote() {
        let file = ChunkFile { chunks: vec![chunk("مرحبا 👋"), chunk("two")] };
        assert_eq!(ChunkFile::from_bytes(&file.to_bytes()).unwrap(), file);
    }
}
