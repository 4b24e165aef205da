//! Ports: what the use cases need from the world, in our language. No SDK type appears in a signature.

mod embedder;
mod text_extractor;

pub use embedder::*;
pub use text_extractor::*;
