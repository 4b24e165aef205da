//! An embedder without a model: texts with the same first letter mean the same.

use async_trait::async_trait;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use millrace_test_support::builders::model;

#[derive(Debug)]
pub(crate) struct StubEmbedder {
    model: EmbeddingModel,
}

impl StubEmbedder {
    pub(crate) fn named(name: &str) -> Self {
        Self { model: EmbeddingModel { id: model(name), dimensions: 32, tokens_max: 128 } }
    }

    pub(crate) fn embedding(text: &str) -> Embedding {
        let mut numbers = vec![0.0; 32];
        numbers[usize::from(text.bytes().next().unwrap_or_default() % 32)] = 1.0;
        Embedding(numbers)
    }
}

#[async_trait]
impl Embedder for StubEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[&str], _: EmbeddingPurpose) -> Result<Vec<Embedding>, EmbedderError> {
        Ok(texts.iter().map(|text| Self::embedding(text)).collect())
    }
}
