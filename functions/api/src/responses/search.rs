//! The answer to a search.

use millrace_application::{Hit, SearchAnswer};
use millrace_domain::{ChunkIndex, DocumentId, Generation};
use schemars::JsonSchema;
use serde::Serialize;

/// Hits, best first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SearchAnswer")]
pub(crate) struct SearchResponse {
    hits: Vec<HitResponse>,
    /// Whether meaning counted; if not, the embedder was out of reach and only words did.
    by_meaning: bool,
}

/// A passage that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Hit")]
pub(crate) struct HitResponse {
    document_id: DocumentId,
    filename: String,
    /// The page it begins on, from 1.
    page: Option<u32>,
    /// The headings above it.
    heading: Option<String>,
    /// Byte offset of its start in the extracted text.
    start: u64,
    /// Byte offset of its end.
    end: u64,
    text: String,
    /// From 0 to 1, comparable within one answer only.
    score: f32,
    /// Which content of the document it is of.
    generation: Generation,
    /// Its position among the document's chunks, from 0.
    chunk: ChunkIndex,
}

impl From<SearchAnswer> for SearchResponse {
    fn from(answer: SearchAnswer) -> Self {
        Self { hits: answer.hits.into_iter().map(HitResponse::from).collect(), by_meaning: answer.by_meaning }
    }
}

impl From<Hit> for HitResponse {
    fn from(hit: Hit) -> Self {
        Self {
            document_id: hit.document_id,
            filename: hit.filename,
            page: hit.chunk.page,
            heading: hit.chunk.heading,
            start: hit.chunk.start,
            end: hit.chunk.end,
            text: hit.chunk.text,
            score: hit.score,
            generation: hit.generation,
            chunk: hit.chunk.index,
        }
    }
}
