//! One page of a document's chunks.

use millrace_application::{ChunkPage, StoredChunk};
use millrace_domain::{ChunkIndex, Generation};
use schemars::JsonSchema;
use serde::Serialize;

use crate::paging::at_chunk;

/// Chunks in order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChunkPage")]
pub(crate) struct ChunksResponse {
    /// Which content they are of.
    generation: Generation,
    chunks: Vec<ChunkResponse>,
    /// How many there are on all pages; 0 as long as the content is not chunked.
    total: u32,
    /// To be passed as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// One chunk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Chunk")]
pub(crate) struct ChunkResponse {
    /// Its position, from 0.
    index: ChunkIndex,
    /// The page it begins on, from 1.
    page: Option<u32>,
    /// The headings above it.
    heading: Option<String>,
    /// Byte offset of its start in the extracted text.
    start: u64,
    /// Byte offset of its end.
    end: u64,
    /// How many tokens it has.
    tokens: u32,
    text: String,
}

impl From<ChunkPage> for ChunksResponse {
    fn from(page: ChunkPage) -> Self {
        Self {
            generation: page.generation,
            chunks: page.chunks.into_iter().map(ChunkResponse::from).collect(),
            total: page.total,
            next_cursor: page.next.map(|index| at_chunk(page.generation, index)),
        }
    }
}

impl From<StoredChunk> for ChunkResponse {
    fn from(chunk: StoredChunk) -> Self {
        let StoredChunk { index, page, heading, start, end, tokens, text } = chunk;
        Self { index, page, heading, start, end, tokens, text }
    }
}
