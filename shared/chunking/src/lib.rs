//! Splits a document's text into overlapping chunks that fit an embedding model, along the text's own structure.
//! Pure and deterministic: no async, no input or output, no clock. It does not extract, embed or store.
//!
//! [`chunks`] streams: it looks at a few chunks' worth of text at a time, so its memory does not grow with the text.

mod chunker;
mod cut;
mod document_text;
mod headings;
mod location;
mod policy;
mod segments;
mod sentences;
mod units;

pub use chunker::{Chunks, TextChunk, chunks};
pub use document_text::DocumentText;
pub use policy::{ChunkingPolicy, InvalidPolicy, TokenCounting};
