//! Which embedders a deployment has: that of new collections, and perhaps a further one, for collections that have another
//! model or are to get one. Who embeds builds them; who only accepts documents needs to know their models, to hold them to
//! the collection's, and carries neither a model nor a key.

use std::num::NonZeroUsize;
use std::sync::Arc;

use millrace_adapters_aws::bedrock::{BedrockConfig, BedrockEmbedder};
use millrace_adapters_aws::connection::AwsConnection;
use millrace_application::{Embedders, EmbeddingModels};
use millrace_embedding::{ApiKey, BuiltInEmbedder, OpenAiConfig, OpenAiEmbedder, built_in_model};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_ports::{Embedder, EmbedderError, EmbeddingModel};

/// The variables of one embedder.
#[derive(Debug, Clone, Copy)]
struct Names {
    kind: &'static str,
    url: &'static str,
    model: &'static str,
    dimensions: &'static str,
    api_key: &'static str,
}

/// Of the one for new collections.
const FIRST: Names = Names {
    kind: "MILLRACE_EMBEDDER",
    url: "MILLRACE_EMBEDDER_URL",
    model: "MILLRACE_EMBEDDER_MODEL",
    dimensions: "MILLRACE_EMBEDDER_DIMENSIONS",
    api_key: "MILLRACE_EMBEDDER_API_KEY",
};
/// Of the further one, if there is one.
const FURTHER: Names = Names {
    kind: "MILLRACE_FURTHER_EMBEDDER",
    url: "MILLRACE_FURTHER_EMBEDDER_URL",
    model: "MILLRACE_FURTHER_EMBEDDER_MODEL",
    dimensions: "MILLRACE_FURTHER_EMBEDDER_DIMENSIONS",
    api_key: "MILLRACE_FURTHER_EMBEDDER_API_KEY",
};
/// The kind that says that there is no further one.
const NONE: &str = "none";

/// One embedder.
#[derive(Debug, Clone)]
enum EmbedderConfig {
    /// The model in the function itself.
    BuiltIn,
    /// An OpenAI-compatible endpoint.
    OpenAi(OpenAiConfig),
    /// A model of Amazon Bedrock.
    Bedrock(BedrockConfig),
}

/// The embedders of a deployment.
#[derive(Debug, Clone)]
pub struct EmbedderConfigs {
    first: EmbedderConfig,
    further: Option<EmbedderConfig>,
}

impl EmbedderConfigs {
    /// Reads which embedders there are, and where.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be.
    pub fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        let mut configs = Self::without_endpoints(variables)?;
        configs.first.read_endpoint(variables, FIRST)?;
        if let Some(further) = &mut configs.further {
            further.read_endpoint(variables, FURTHER)?;
        }
        Ok(configs)
    }

    fn without_endpoints(variables: &Variables) -> Result<Self, ConfigError> {
        let has_further = variables.optional(FURTHER.kind).is_some_and(|kind| kind != NONE);
        Ok(Self {
            first: EmbedderConfig::without_endpoint(variables, FIRST)?,
            further: has_further.then(|| EmbedderConfig::without_endpoint(variables, FURTHER)).transpose()?,
        })
    }

    /// The embedders. The built-in model is loaded at its first use.
    ///
    /// # Errors
    /// `Invalid` if the configuration cannot be.
    pub fn build(self, connection: &AwsConnection) -> Result<Embedders, EmbedderError> {
        let embedders = Embedders::only(self.first.build(connection)?);
        let further = self.further.map(|further| further.build(connection)).transpose()?;
        Ok(further.into_iter().fold(embedders, Embedders::with))
    }
}

/// The models of the embedders as collections remember them, for who embeds nothing: without the endpoints' addresses and
/// keys.
///
/// # Errors
/// The first variable that is missing or cannot be.
pub fn embedding_models(variables: &Variables) -> Result<EmbeddingModels, ConfigError> {
    let EmbedderConfigs { first, further } = EmbedderConfigs::without_endpoints(variables)?;
    let models = EmbeddingModels::only(first.known_model(FIRST)?);
    let further = further.map(|further| further.known_model(FURTHER)).transpose()?;
    Ok(further.into_iter().fold(models, EmbeddingModels::with))
}

impl EmbedderConfig {
    fn without_endpoint(variables: &Variables, names: Names) -> Result<Self, ConfigError> {
        match variables.required(names.kind)?.as_str() {
            "built-in" => Ok(Self::BuiltIn),
            "openai" => {
                let model = variables.required(names.model)?;
                Ok(Self::OpenAi(OpenAiConfig::new(String::new(), model, variables.parsed(names.dimensions)?)))
            }
            "bedrock" => {
                let dimensions = variables.parsed(names.dimensions)?;
                BedrockConfig::new(variables.required(names.model)?, Some(dimensions))
                    .map(Self::Bedrock)
                    .map_err(|error| ConfigError::Invalid { name: names.model, reason: error.to_string() })
            }
            other => {
                let reason = format!("{other:?} is none of built-in, openai and bedrock");
                Err(ConfigError::Invalid { name: names.kind, reason })
            }
        }
    }

    fn read_endpoint(&mut self, variables: &Variables, names: Names) -> Result<(), ConfigError> {
        if let Self::OpenAi(config) = self {
            config.base_url = variables.required(names.url)?;
            config.api_key = variables.optional(names.api_key).map(ApiKey::new);
        }
        Ok(())
    }

    fn known_model(&self, names: Names) -> Result<EmbeddingModel, ConfigError> {
        self.model().map_err(|error| ConfigError::Invalid { name: names.model, reason: error.to_string() })
    }

    fn model(&self) -> Result<EmbeddingModel, EmbedderError> {
        match self {
            Self::BuiltIn => Ok(built_in_model()),
            Self::OpenAi(config) => config.embedding_model(),
            Self::Bedrock(config) => config.embedding_model(),
        }
    }

    fn build(self, connection: &AwsConnection) -> Result<Arc<dyn Embedder>, EmbedderError> {
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

    type Pairs = [(&'static str, &'static str)];

    const BUILT_IN: [(&str, &str); 3] =
        [(FIRST.kind, "built-in"), (FIRST.model, ""), (FIRST.dimensions, "384")];
    const FURTHER_OPEN_AI: [(&str, &str); 3] =
        [(FURTHER.kind, "openai"), (FURTHER.model, "text-embedding-3-small"), (FURTHER.dimensions, "512")];

    fn variables(pairs: &Pairs) -> Variables {
        let pairs = pairs.to_vec();
        Variables::from_lookup(move |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn models(pairs: &Pairs) -> Result<EmbeddingModels, ConfigError> {
        embedding_models(&variables(pairs))
    }

    fn names(models: &EmbeddingModels) -> Vec<&str> {
        models.all().map(|model| model.id.as_str()).collect()
    }

    #[test]
    fn each_embedder_has_its_own_model() {
        assert_eq!(*models(&BUILT_IN).unwrap().first(), built_in_model());
        let open_ai =
            [(FIRST.kind, "openai"), (FIRST.model, "text-embedding-3-small"), (FIRST.dimensions, "512")];
        assert_eq!(names(&models(&open_ai).unwrap()), ["text-embedding-3-small:512"]);
        let titan = "amazon.titan-embed-text-v2:0";
        let bedrock = [(FIRST.kind, "bedrock"), (FIRST.model, titan), (FIRST.dimensions, "1024")];
        assert_eq!(models(&bedrock).unwrap().first().dimensions, 1_024);
    }

    #[test]
    fn a_further_embedder_comes_after_that_of_new_collections() {
        let both = models(&[BUILT_IN, FURTHER_OPEN_AI].concat()).unwrap();
        assert_eq!(names(&both), [built_in_model().id.as_str(), "text-embedding-3-small:512"]);
        for none in ["", NONE] {
            let unused = [(FURTHER.kind, none), (FURTHER.model, ""), (FURTHER.dimensions, "384")];
            assert_eq!(models(&[BUILT_IN, unused].concat()).unwrap().all().count(), 1, "{none:?}");
        }
        let twice = [(FURTHER.kind, "built-in"), (FURTHER.model, ""), (FURTHER.dimensions, "384")];
        assert_eq!(models(&[BUILT_IN, twice].concat()).unwrap().all().count(), 1);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(models(&[]).unwrap_err(), ConfigError::Missing(FIRST.kind));
        assert_eq!(models(&[(FIRST.kind, "openai")]).unwrap_err(), ConfigError::Missing(FIRST.model));
        let unknown = models(&[(FIRST.kind, "onnx")]).unwrap_err();
        assert!(matches!(unknown, ConfigError::Invalid { name: "MILLRACE_EMBEDDER", .. }), "{unknown}");
        let further = |pairs: &Pairs| models(&[&BUILT_IN, pairs].concat()).unwrap_err();
        assert_eq!(further(&[(FURTHER.kind, "openai")]), ConfigError::Missing(FURTHER.model));
        let unknown = further(&[(FURTHER.kind, "onnx")]);
        assert!(
            matches!(unknown, ConfigError::Invalid { name: "MILLRACE_FURTHER_EMBEDDER", .. }),
            "{unknown}"
        );
        let other_length = [
            (FURTHER.kind, "bedrock"),
            (FURTHER.model, "amazon.titan-embed-text-v2:0"),
            (FURTHER.dimensions, "384"),
        ];
        let unknown = further(&other_length);
        let named = matches!(unknown, ConfigError::Invalid { name: "MILLRACE_FURTHER_EMBEDDER_MODEL", .. });
        assert!(named, "{unknown}");
    }

    #[test]
    fn who_embeds_needs_the_endpoints_too() {
        let missing = |pairs: &Pairs| EmbedderConfigs::from_variables(&variables(pairs)).unwrap_err();
        let open_ai =
            [(FIRST.kind, "openai"), (FIRST.model, "text-embedding-3-small"), (FIRST.dimensions, "512")];
        assert_eq!(missing(&open_ai), ConfigError::Missing(FIRST.url));
        assert_eq!(missing(&[BUILT_IN, FURTHER_OPEN_AI].concat()), ConfigError::Missing(FURTHER.url));
    }
}
