//! `BedrockEmbedder`: the `Embedder` port over Bedrock's models. Cuts texts into requests and bounds how many run at once.

use std::fmt;
use std::num::NonZeroUsize;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::primitives::Blob;
use futures::{StreamExt, TryStreamExt};
use millrace_domain::ModelId;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use tokio::sync::Semaphore;

use super::bedrock_model::{BedrockModel, UnknownBedrockModel};
use super::failure::embedder_error;
use super::protocol;

/// Requests for passages at once, over all calls of one process. Quotas are counted in requests and tokens a minute; many
/// workers share them.
const REQUESTS_MAX: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");

/// Which model, and how it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockConfig {
    /// What is invoked: a model's id, an inference profile, or an ARN.
    pub model_id: String,
    /// The model behind it, for ids that do not say.
    pub model: BedrockModel,
    /// Length of its vectors, one of `model.dimensions()`.
    pub dimensions: u16,
    /// Most requests for passages at once, over all calls.
    pub requests_max: NonZeroUsize,
}

impl BedrockConfig {
    /// The usual limits, for an id that says which model it is. Without `dimensions`: 1,024, which all models have.
    ///
    /// # Errors
    /// If the model is not known or has no vectors of this length.
    pub fn new(model_id: impl Into<String>, dimensions: Option<u16>) -> Result<Self, UnknownBedrockModel> {
        let model_id = model_id.into();
        let model = BedrockModel::of_id(&model_id)?;
        let dimensions = dimensions.unwrap_or(1_024);
        if !model.dimensions().contains(&dimensions) {
            return Err(UnknownBedrockModel::Dimensions(dimensions));
        }
        Ok(Self { model_id, model, dimensions, requests_max: REQUESTS_MAX })
    }

    /// The model as collections remember it: the same vectors come from every region and profile.
    ///
    /// # Errors
    /// `Invalid` if the model has no vectors of this length.
    pub fn embedding_model(&self) -> Result<EmbeddingModel, EmbedderError> {
        let invalid = |error: String| EmbedderError::Invalid(error);
        if !self.model.dimensions().contains(&self.dimensions) {
            return Err(invalid(UnknownBedrockModel::Dimensions(self.dimensions).to_string()));
        }
        let id = ModelId::new(format!("{}:{}", self.model.name(), self.dimensions));
        Ok(EmbeddingModel {
            id: id.map_err(|error| invalid(error.to_string()))?,
            dimensions: self.dimensions,
            tokens_max: self.model.tokens_max(),
        })
    }
}

/// Embeds by a model of Bedrock. Failed requests are repeated by the client, as often as the connection says; then the
/// caller's message comes again.
pub struct BedrockEmbedder {
    client: Client,
    config: BedrockConfig,
    model: EmbeddingModel,
    /// One permit a running request for passages. Queries need none: they must not wait behind passages.
    permits: Semaphore,
}

impl fmt::Debug for BedrockEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BedrockEmbedder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl BedrockEmbedder {
    /// An embedder over this client.
    ///
    /// # Errors
    /// `Invalid` if the model has no vectors of the length in the configuration.
    pub fn new(client: Client, config: BedrockConfig) -> Result<Self, EmbedderError> {
        let model = config.embedding_model()?;
        let permits = Semaphore::new(config.requests_max.get());
        Ok(Self { client, config, model, permits })
    }

    async fn request(
        &self,
        texts: &[&str],
        purpose: EmbeddingPurpose,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        let BedrockConfig { model, dimensions, .. } = self.config;
        let body = protocol::request(model, dimensions, texts, purpose)?;
        let _permit = match purpose {
            EmbeddingPurpose::Query => None,
            EmbeddingPurpose::Passage => {
                let shut_down = |_| EmbedderError::Unavailable("embedder is shut down".to_owned());
                Some(self.permits.acquire().await.map_err(shut_down)?)
            }
        };
        let call = self.client.invoke_model().model_id(&self.config.model_id).body(Blob::new(body));
        let call = call.content_type("application/json").accept("application/json");
        let answer = call.send().await.map_err(embedder_error)?;
        protocol::read(model, answer.body.as_ref(), texts.len(), dimensions)
    }

    /// What of a text is sent: not more than the model takes, and not nothing, which it refuses.
    fn sent<'a>(&self, text: &'a str) -> &'a str {
        let end =
            text.char_indices().nth(self.config.model.characters_max()).map_or(text.len(), |(at, _)| at);
        if text.trim().is_empty() { " " } else { &text[..end] }
    }
}

#[async_trait]
impl Embedder for BedrockEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(
        &self,
        texts: &[&str],
        purpose: EmbeddingPurpose,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        let texts: Vec<&str> = texts.iter().map(|text| self.sent(text)).collect();
        // A loop, since the compiler cannot name the lifetimes of a closure here.
        let mut requests = Vec::new();
        for texts in texts.chunks(self.config.model.texts_max()) {
            requests.push(self.request(texts, purpose));
        }
        let answers = futures::stream::iter(requests).buffered(self.config.requests_max.get());
        let answers: Vec<Vec<Embedding>> = answers.try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }
}
