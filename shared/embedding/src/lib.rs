//! Text to vectors: the built-in model, run in the process by a hand-written forward pass, and remote services behind
//! the same port. Also the tokenizer that bounds chunks for the built-in model.
//!
//! Deliberately absent: other local models, GPUs, batching across callers.

mod built_in_embedder;
#[cfg(feature = "bundled-model")]
mod bundled;
mod kernels;
mod model;
#[cfg(feature = "openai")]
mod open_ai;
mod query_cache;
mod word_piece;
mod workers;

pub use built_in_embedder::{BuiltInEmbedder, built_in_model};
#[cfg(feature = "bundled-model")]
pub use bundled::tokenizer as bundled_tokenizer;
pub use model::ModelFileError;
#[cfg(feature = "openai")]
pub use open_ai::{ApiKey, OpenAiConfig, OpenAiEmbedder};
pub use word_piece::WordPieceTokenizer;
