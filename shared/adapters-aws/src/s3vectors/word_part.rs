//! A part of a generation's words as it is stored: up to 64 chunks with their texts, as JSON, compressed to a third,
//! because DynamoDB bills by the kilobyte. A chunk always lies in the same part, so writing it again replaces it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use millrace_domain::ChunkIndex;
use millrace_ports::IndexedChunk;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Chunks of a part.
pub(crate) const PART_CHUNKS: u32 = 64;
/// The written shape. Another one gets another number, and is read as well.
const SHAPE: u8 = 1;
/// Bytes of a part at most when it is read: 64 chunks of what metadata allows, and as much again.
const BYTES_MAX: u64 = 64 * 2 * 40 * 1024;

/// The chunks of a part, and what is said of their document.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WordPart {
    pub(crate) filename: String,
    pub(crate) metadata: Map<String, Value>,
    /// By their position in the generation.
    pub(crate) chunks: BTreeMap<ChunkIndex, IndexedChunk>,
}

#[derive(Serialize, Deserialize)]
struct StoredPart {
    shape: u8,
    filename: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
    chunks: Vec<StoredChunk>,
}

#[derive(Serialize, Deserialize)]
struct StoredChunk {
    index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heading: Option<String>,
    start: u64,
    end: u64,
    text: String,
}

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadablePart {
    /// It does not unpack, or to more than a part can be.
    #[error("the compressed body is damaged")]
    Damaged(#[source] io::Error),
    /// It is not the JSON of a part.
    #[error("the body is no part")]
    Malformed(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("the body has the unknown shape {0}")]
    UnknownShape(u8),
}

/// The part in which a chunk lies.
pub(crate) const fn part_of(chunk: ChunkIndex) -> u32 {
    chunk.get() / PART_CHUNKS
}

impl WordPart {
    /// The bytes to store. The same part always gives the same.
    pub(crate) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let chunk = |chunk: &IndexedChunk| StoredChunk {
            index: chunk.index.get(),
            page: chunk.page,
            heading: chunk.heading.clone(),
            start: chunk.start,
            end: chunk.end,
            text: chunk.text.clone(),
        };
        let stored = StoredPart {
            shape: SHAPE,
            filename: self.filename.clone(),
            metadata: self.metadata.clone(),
            chunks: self.chunks.values().map(chunk).collect(),
        };
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&serde_json::to_vec(&stored)?)?;
        encoder.finish()
    }

    /// Reads stored bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadablePart> {
        let mut json = Vec::new();
        ZlibDecoder::new(bytes).take(BYTES_MAX).read_to_end(&mut json).map_err(UnreadablePart::Damaged)?;
        let stored: StoredPart = serde_json::from_slice(&json)?;
        if stored.shape != SHAPE {
            return Err(UnreadablePart::UnknownShape(stored.shape));
        }
        let chunk = |chunk: StoredChunk| {
            let index = ChunkIndex::new(chunk.index);
            let StoredChunk { page, heading, start, end, text, .. } = chunk;
            (index, IndexedChunk { index, page, heading, start, end, text })
        };
        let chunks = stored.chunks.into_iter().map(chunk).collect();
        Ok(Self { filename: stored.filename, metadata: stored.metadata, chunks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Index, page, heading, start, text.
    type Fields = (u32, Option<u32>, Option<String>, u64, String);

    fn part(chunks: Vec<Fields>) -> WordPart {
        let chunk = |(index, page, heading, start, text): Fields| {
            let index = ChunkIndex::new(index);
            (index, IndexedChunk { index, page, heading, start, end: start / 2, text })
        };
        let Value::Object(metadata) = json!({ "tags": ["a", 1] }) else { unreachable!() };
        WordPart { filename: "a.pdf".into(), metadata, chunks: chunks.into_iter().map(chunk).collect() }
    }

    proptest! {
        #[test]
        fn a_part_reads_back_what_it_wrote(
            chunks in proptest::collection::vec((any::<u32>(), any::<Option<u32>>(), any::<Option<String>>(), any::<u64>(), ".*"), 0..8),
        ) {
            let part = part(chunks);
            prop_assert_eq!(WordPart::from_bytes(&part.to_bytes().unwrap()).unwrap(), part);
        }

        #[test]
        fn damaged_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(WordPart::from_bytes(&bytes).is_err());
        }
    }

    /// What was once written must be read for ever.
    #[test]
    fn the_first_shape_is_read() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        let json = br#"{"shape":1,"filename":"a.pdf","metadata":{"tags":["a",1]},"chunks":[{"index":3,"page":7,"heading":"H","start":4,"end":2,"text":"a wing"}]}"#;
        encoder.write_all(json).unwrap();
        let read = WordPart::from_bytes(&encoder.finish().unwrap()).unwrap();
        assert_eq!(read, part(vec![(3, Some(7), Some("H".into()), 4, "a wing".into())]));
    }

    #[test]
    fn a_later_shape_is_refused() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(br#"{"shape":2,"filename":"","chunks":[]}"#).unwrap();
        let error = WordPart::from_bytes(&encoder.finish().unwrap()).unwrap_err();
        assert!(matches!(error, UnreadablePart::UnknownShape(2)), "{error}");
    }

    #[test]
    fn ordinary_text_shrinks_to_less_than_half() {
        let text = |n: u32| {
            format!("The boundary layer of wing {n} in a slipstream separates at {} degrees. ", n * 7)
        };
        let part = part((0..64).map(|n| (n, None, None, 0, text(n).repeat(8))).collect());
        let texts: usize = part.chunks.values().map(|chunk| chunk.text.len()).sum();
        assert!(part.to_bytes().unwrap().len() * 2 < texts);
    }
}
