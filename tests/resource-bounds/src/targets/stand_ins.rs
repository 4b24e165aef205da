//! An embedder without a model: what is tested here is everything around them.

use async_trait::async_trait;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use millrace_test_support::builders::model;

/// The same vector for everything.
#[derive(Debug)]
pub(super) struct ConstantEmbedder(EmbeddingModel);

impl Default for ConstantEmbedder {
    fn default() -> Self {
        Self(EmbeddingModel { id: model("constant"), dimensions: 2, tokens_max: 64 })
    }
}

#[async_trait]
impl Embedder for ConstantEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    async fn embed(&self, texts: &[&str], _: EmbeddingPurpose) -> Result<Vec<Embedding>, EmbedderError> {
        Ok(texts.iter().map(|_| Embedding(vec![0.6, 0.8])).collect())
    }
}
