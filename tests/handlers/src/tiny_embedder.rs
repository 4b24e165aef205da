//! An embedder without a model: unit vectors that follow from a hash of the text. It can be told to fail a number of
//! times, and remembers what it was asked for. Its vectors mean nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use millrace_test_support::builders::model;
use sha2::{Digest, Sha256};

/// The model it claims to be.
pub const TINY_MODEL: &str = "tiny-1";
/// Length of its vectors: as many numbers as a hash has bytes.
const DIMENSIONS: u16 = 32;
/// The model to move collections to.
pub const FURTHER_MODEL: &str = "tiny-further";

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It asks to come back after so many milliseconds, or does not say.
    Throttled(Option<u64>),
    /// It is out of reach.
    Unavailable,
    /// It refuses for good.
    Invalid,
}

#[derive(Debug, Default)]
struct State {
    trouble: Option<(Trouble, u32)>,
    passages: usize,
}

/// The embedder.
#[derive(Debug)]
pub struct TinyEmbedder {
    model: EmbeddingModel,
    state: Mutex<State>,
}

impl Default for TinyEmbedder {
    fn default() -> Self {
        Self::named(TINY_MODEL)
    }
}

impl TinyEmbedder {
    /// The same vectors under another name.
    pub fn named(name: &str) -> Self {
        Self::of_dimensions(name, DIMENSIONS)
    }

    /// A model of its own: with vectors of another length, at most as many numbers as a hash has bytes.
    pub fn of_dimensions(name: &str, dimensions: u16) -> Self {
        let model = EmbeddingModel { id: model(name), dimensions, tokens_max: 64 };
        Self { model, state: Mutex::default() }
    }

    /// Fails the next so many calls for passages.
    pub fn fail(&self, trouble: Trouble, times: u32) {
        self.lock().trouble = Some((trouble, times));
    }

    /// How many passages it has embedded.
    pub fn passages(&self) -> usize {
        self.lock().passages
    }

    /// The vector of a text.
    pub fn vector(text: &str) -> Embedding {
        Self::vector_of(text, DIMENSIONS)
    }

    fn vector_of(text: &str, dimensions: u16) -> Embedding {
        let digest = Sha256::digest(text);
        let numbers: Vec<f32> =
            digest.iter().take(usize::from(dimensions)).map(|byte| f32::from(*byte) - 127.5).collect();
        let norm = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        Embedding(numbers.into_iter().map(|number| number / norm).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_trouble(&self) -> Option<Trouble> {
        let mut state = self.lock();
        let (trouble, times) = state.trouble?;
        state.trouble = (times > 1).then(|| (trouble, times - 1));
        (times > 0).then_some(trouble)
    }
}

#[async_trait]
impl Embedder for TinyEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(
        &self,
        texts: &[&str],
        purpose: EmbeddingPurpose,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        if purpose == EmbeddingPurpose::Passage && !texts.is_empty() {
            match self.next_trouble() {
                None => self.lock().passages += texts.len(),
                Some(Trouble::Throttled(retry_after_ms)) => {
                    return Err(EmbedderError::Throttled { retry_after_ms });
                }
                Some(Trouble::Unavailable) => return Err(EmbedderError::Unavailable("test".into())),
                Some(Trouble::Invalid) => return Err(EmbedderError::Invalid("test".into())),
            }
        }
        Ok(texts.iter().map(|text| Self::vector_of(text, self.model.dimensions)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_unit_length_and_follow_from_the_text() {
        let one = TinyEmbedder::vector("one");
        let length = one.0.iter().map(|number| number * number).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        assert_eq!(one, TinyEmbedder::vector("one"));
        assert_ne!(one, TinyEmbedder::vector("two"));
    }

    #[tokio::test]
    async fn it_fails_as_often_as_told_and_queries_never() {
        let embedder = TinyEmbedder::default();
        embedder.fail(Trouble::Unavailable, 2);
        let ask = async |purpose| embedder.embed(&["one"], purpose).await.is_ok();
        assert!(ask(EmbeddingPurpose::Query).await);
        assert!(!ask(EmbeddingPurpose::Passage).await);
        assert!(!ask(EmbeddingPurpose::Passage).await);
        assert!(ask(EmbeddingPurpose::Passage).await);
        assert_eq!(embedder.passages(), 1);
    }
}
