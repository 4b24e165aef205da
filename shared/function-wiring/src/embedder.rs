//! Which embedder a deployment uses. Who embeds builds it; who only accepts documents needs to know its model, to hold it to
//! the collection's, and carries neither the model nor a key.

use std::num::NonZeroUsize;
use std::sync::Arc;

use millrace_adapters_aws::bedrock::{BedrockConfig, BedrockEmbedder};
use millrace_adapters_aws::connection::AwsConnection;
use millrace_embedding::{ApiKey, BuiltInEmbedder, OpenAiConfig, OpenAiEmbedder, built_in_model};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_ports::{Embedder, EmbedderError, EmbeddingModel};

const KIND: &str = "MILLRACE_EMBEDDER";
const URL: &str = "MILLRACE_EMBEDDER_URL";
const MODEL: &str = "MILLRACE_EMBEDDER_MODEL";
const DIMENSIONS: &str = "MILLRACE_EMBEDDER_DIMENSIONS";
const API_KEY: &str = "MILLRACE_EMBEDDER_API_KEY";

/// Which embedder.
#[derive(Debug, Clone)]
pub enum EmbedderConfig {
    /// The model in the function itself.
    BuiltIn,
    /// An OpenAI-compatible endpoint.
    OpenAi(OpenAiConfig),
    /// A model of Amazon Bedrock.
    Bedrock(BedrockConfig),
}

impl EmbedderConfig {
    /// Reads which embedder there is. The endpoint's address and key may be missing for who only needs the model.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be.
    pub fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        match variables.required(KIND)?.as_str() {
            "built-in" => Ok(Self::BuiltIn),
            "openai" => {
                let url = variables.optional(URL).unwrap_or_default();
                let mut config =
                    OpenAiConfig::new(url, variables.required(MODEL)?, variables.parsed(DIMENSIONS)?);
                config.api_key = variables.optional(API_KEY).map(ApiKey::new);
                Ok(Self::OpenAi(config))
            }
            "bedrock" => {
                let dimensions = variables.parsed(DIMENSIONS)?;
                BedrockConfig::new(variables.required(MODEL)?, Some(dimensions))
                    .map(Self::Bedrock)
                    .map_err(|error| ConfigError::Invalid { name: MODEL, reason: error.to_string() })
            }
            other => {
                let reason = format!("{other:?} is none of built-in, openai and bedrock");
                Err(ConfigError::Invalid { name: KIND, reason })
            }
        }
    }

    /// The model as collections remember it.
    ///
    /// # Errors
    /// `Invalid` if the model cannot be what the configuration says.
    pub fn model(&self) -> Result<EmbeddingModel, EmbedderError> {
        match self {
            Self::BuiltIn => Ok(built_in_model()),
            Self::OpenAi(config) => config.embedding_model(),
            Self::Bedrock(config) => config.embedding_model(),
        }
    }

    /// The embedder. The built-in model is loaded at its first use.
    ///
    /// # Errors
    /// `Invalid` if the configuration cannot be.
    pub fn build(self, connection: &AwsConnection) -> Result<Arc<dyn Embedder>, EmbedderError> {
        Ok(match self {
            Self::BuiltIn => {
                let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
                Arc::new(BuiltInEmbedder::bundled(threads))
            }
            Self::OpenAi(config) => Arc::new(OpenAiEmbedder::new(config)?),
            Self::Bedrock(config) => Arc::new(BedrockEmbedder::new(connection.bedrock_runtime(), config)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &'static [(&'static str, &'static str)]) -> Result<EmbedderConfig, ConfigError> {
        let lookup =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        EmbedderConfig::from_variables(&Variables::from_lookup(lookup))
    }

    #[test]
    fn each_embedder_has_its_own_model() {
        let built_in = config(&[(KIND, "built-in"), (MODEL, ""), (DIMENSIONS, "384")]).unwrap();
        assert_eq!(built_in.model().unwrap(), built_in_model());
        let open_ai = config(&[(KIND, "openai"), (MODEL, "text-embedding-3-small"), (DIMENSIONS, "512")]);
        assert_eq!(open_ai.unwrap().model().unwrap().id.as_str(), "text-embedding-3-small:512");
        let bedrock =
            config(&[(KIND, "bedrock"), (MODEL, "amazon.titan-embed-text-v2:0"), (DIMENSIONS, "1024")]);
        assert_eq!(bedrock.unwrap().model().unwrap().dimensions, 1_024);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(config(&[]).unwrap_err(), ConfigError::Missing(KIND));
        assert_eq!(config(&[(KIND, "openai")]).unwrap_err(), ConfigError::Missing(MODEL));
        assert!(matches!(config(&[(KIND, "onnx")]), Err(ConfigError::Invalid { name: KIND, .. })));
    }
}
