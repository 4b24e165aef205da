//! One measurement a file.

pub(crate) mod acknowledge;
pub(crate) mod chunking;
pub(crate) mod cold_start;
pub(crate) mod ingest_scale;
pub(crate) mod memory;
pub(crate) mod pipeline;
pub(crate) mod quality;
pub(crate) mod search;
