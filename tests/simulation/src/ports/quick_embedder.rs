//! Two embedders without models, behind a plan of faults: unit vectors that follow from a hash of the text. They mean nothing,
//! but two texts have two vectors, and of one text the two models' differ in length and in direction.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_application::Embedders;
use millrace_ports::{
    Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose, ErrorKind, PortError,
};
use millrace_test_support::builders::model;
use millrace_test_support::{FaultPlan, split_mix};

/// The model of new collections, and the length of its vectors.
pub(crate) const MODEL: (&str, u16) = ("quick-1", 16);
/// The model that collections are moved to and back from.
pub(crate) const FURTHER_MODEL: (&str, u16) = ("quick-2", 24);

/// The embedder.
#[derive(Debug)]
pub(crate) struct QuickEmbedder {
    model: EmbeddingModel,
    plan: Arc<FaultPlan>,
}

impl QuickEmbedder {
    pub(crate) fn new((name, dimensions): (&str, u16), plan: Arc<FaultPlan>) -> Self {
        Self { model: EmbeddingModel { id: model(name), dimensions, tokens_max: 64 }, plan }
    }

    /// Both models.
    pub(crate) fn both(plan: &Arc<FaultPlan>) -> Embedders {
        let [first, further] = [MODEL, FURTHER_MODEL].map(|model| Arc::new(Self::new(model, plan.clone())));
        Embedders::only(first).with(further)
    }

    /// The vector of a text, by the model whose vectors have this length.
    pub(crate) fn vector(text: &str, dimensions: u16) -> Embedding {
        let (start, dimensions) = (7 ^ u64::from(dimensions ^ MODEL.1), u64::from(dimensions));
        let hash = text.bytes().fold(start, |mixed, byte| split_mix(mixed ^ u64::from(byte)));
        let numbers = (0..dimensions).map(|at| split_mix(hash ^ split_mix(at)) % 255);
        let numbers: Vec<f32> = numbers.map(|number| number as f32 - 127.0).collect();
        let norm = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        Embedding(numbers.into_iter().map(|number| number / norm).collect())
    }
}

#[async_trait]
impl Embedder for QuickEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(
        &self,
        texts: &[&str],
        purpose: EmbeddingPurpose,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        let name = match purpose {
            EmbeddingPurpose::Passage => "embedder.passages",
            EmbeddingPurpose::Query => "embedder.query",
        };
        let effect =
            async { Ok(texts.iter().map(|text| Self::vector(text, self.model.dimensions)).collect()) };
        self.plan.call_with(name, effect, |error| Err(embedder_error(&error))).await
    }
}

fn embedder_error(error: &PortError) -> EmbedderError {
    match error.kind {
        ErrorKind::Throttled => EmbedderError::Throttled { retry_after_ms: error.retry_after_ms },
        _ => EmbedderError::Unavailable("the weather says so".into()),
    }
}
