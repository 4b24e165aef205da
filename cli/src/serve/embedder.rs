//! Chooses the embedder: the built-in model, or an OpenAI-compatible endpoint. Chunks are bounded by the built-in
//! tokenizer either way; remote models take longer texts than that.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context as _;
use millrace_embedding::{ApiKey, BuiltInEmbedder, OpenAiConfig, OpenAiEmbedder, bundled_tokenizer};
use millrace_ports::{Embedder, Tokenizer};

use super::ServeArguments;

/// The variable that holds the endpoint's key; never on the command line, where other users could read it.
const KEY_VARIABLE: &str = "MILLRACE_EMBEDDER_API_KEY";

/// Which embedder.
#[derive(Debug, Clone)]
pub(crate) enum EmbedderChoice {
    BuiltIn,
    Remote { url: String, model: String, dimensions: u16 },
}

impl From<&ServeArguments> for EmbedderChoice {
    fn from(arguments: &ServeArguments) -> Self {
        match (&arguments.embedder_url, &arguments.embedder_model, arguments.embedder_dimensions) {
            (Some(url), Some(model), Some(dimensions)) => {
                Self::Remote { url: url.clone(), model: model.clone(), dimensions }
            }
            _ => Self::BuiltIn,
        }
    }
}

/// Builds the embedder and the tokenizer that bounds its chunks.
pub(crate) fn choose_embedder(
    choice: &EmbedderChoice,
    threads: NonZeroUsize,
) -> anyhow::Result<(Arc<dyn Embedder>, Arc<dyn Tokenizer>)> {
    let embedder: Arc<dyn Embedder> = match choice {
        EmbedderChoice::BuiltIn => Arc::new(BuiltInEmbedder::bundled(threads)),
        EmbedderChoice::Remote { url, model, dimensions } => {
            let mut config = OpenAiConfig::new(url, model, *dimensions);
            config.api_key = std::env::var(KEY_VARIABLE).ok().map(ApiKey::new);
            Arc::new(OpenAiEmbedder::new(config).context("connect to the embedder")?)
        }
    };
    Ok((embedder, bundled_tokenizer()))
}
