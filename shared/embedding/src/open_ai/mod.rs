//! Embedding by a remote service that speaks the OpenAI protocol (`POST <base>/embeddings`), as many do.
//! No retries here: the port's errors tell the caller, who has the queue, when to come back.

mod open_ai_embedder;
mod protocol;

pub use open_ai_embedder::{ApiKey, OpenAiConfig, OpenAiEmbedder};
