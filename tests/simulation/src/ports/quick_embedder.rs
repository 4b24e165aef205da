//! An embedder without a model, behind a plan of faults: unit vectors that follow from a hash of the text. Its vectors mean
//! nothing, but two texts have two vectors.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_ports::{
    Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose, ErrorKind, PortError,
};
use millrace_test_support::builders::model;
use millrace_test_support::{FaultPlan, split_mix};

/// Length of its vectors.
const DIMENSIONS: u16 = 16;

/// The embedder.
#[derive(Debug)]
pub(crate) struct QuickEmbedder {
    model: EmbeddingModel,
    plan: Arc<FaultPlan>,
}

impl QuickEmbedder {
    pub(crate) fn new(plan: Arc<FaultPlan>) -> Self {
        let model = EmbeddingModel { id: model("quick-1"), dimensions: DIMENSIONS, tokens_max: 64 };
        Self { model, plan }
    }

    /// The vector of a text.
    pub(crate) fn vector(text: &str) -> Embedding {
        let hash = text.bytes().fold(7, |mixed, byte| split_mix(mixed ^ u64::from(byte)));
        let numbers = (0..u64::from(DIMENSIONS)).map(|at| split_mix(hash ^ split_mix(at)) % 255);
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
        let effect = async { Ok(texts.iter().map(|text| Self::vector(text)).collect()) };
        self.plan.call_with(name, effect, |error| Err(embedder_error(&error))).await
    }
}

fn embedder_error(error: &PortError) -> EmbedderError {
    match error.kind {
        ErrorKind::Throttled => EmbedderError::Throttled { retry_after_ms: error.retry_after_ms },
        _ => EmbedderError::Unavailable("the weather says so".into()),
    }
}
