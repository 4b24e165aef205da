//! The chunk-worker function: takes jobs from the `ingest` queue and extracts, chunks and indexes documents.

mod handler;

pub use handler::handle;
