//! The port through which text becomes vectors, and the tokenizer that bounds chunks for it.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::ModelId;

/// A vector of `EmbeddingModel::dimensions` numbers, normalised to unit length.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(pub Vec<f32>);

/// What a model is called and how large its input and output are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingModel {
    /// Names the model and its quantisation.
    pub id: ModelId,
    /// Length of its vectors.
    pub dimensions: u16,
    /// Most tokens of one text that it looks at, without the markers it adds itself; the rest is ignored.
    pub tokens_max: u16,
}

/// What a text is, for models that embed questions otherwise than passages, and for scheduling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingPurpose {
    /// A chunk of a document; throughput matters.
    Passage,
    /// A search query; latency matters, and it must not wait behind passages.
    Query,
}

/// Why texts could not be embedded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbedderError {
    /// The service asks to come back later; costs no attempt. The wait is in milliseconds, if it said one.
    #[error("embedder throttled")]
    Throttled {
        /// How long to wait, from the service's own answer.
        retry_after_ms: Option<u64>,
    },
    /// Not reachable, timed out, or failing inside; worth another attempt.
    #[error("embedder unavailable: {0}")]
    Unavailable(String),
    /// The request can never succeed: refused key, unknown model, wrong dimensions in the answer.
    #[error("embedder refused the request: {0}")]
    Invalid(String),
}

/// Turns texts into vectors.
///
/// An implementer promises: one vector per text, in order, each of unit length and of `model().dimensions`
/// numbers; the same text gives the same vector (within floating-point noise) in any batch; any number of
/// texts may be passed, batching beneath is its own affair; an empty slice gives an empty answer.
#[async_trait]
pub trait Embedder: Send + Sync + fmt::Debug {
    /// The model behind it.
    fn model(&self) -> &EmbeddingModel;

    /// Embeds all texts or fails as a whole.
    async fn embed(&self, texts: &[&str], purpose: EmbeddingPurpose)
    -> Result<Vec<Embedding>, EmbedderError>;
}

/// Splits text as a model does, to bound chunks in tokens.
pub trait Tokenizer: Send + Sync + fmt::Debug {
    /// Replaces the content of `ends` by the byte offset after each token of `text`, in order, on character
    /// boundaries. Their number is the number of tokens the model would see, without its own markers.
    fn token_ends(&self, text: &str, ends: &mut Vec<usize>);
}
