//! Chooses the embedders: the built-in model, which is always there, and OpenAI-compatible endpoints. New collections get the
//! first endpoint's model if there is one. Chunks are bounded by the built-in tokenizer either way; remote models take longer
//! texts than that.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context as _;
use millrace_application::Embedders;
use millrace_embedding::{ApiKey, BuiltInEmbedder, OpenAiConfig, OpenAiEmbedder, bundled_tokenizer};
use millrace_ports::Tokenizer;

use super::ServeArguments;

/// The variable that holds the endpoint's key; never on the command line, where other users could read it.
const KEY_VARIABLE: &str = "MILLRACE_EMBEDDER_API_KEY";
/// The same for the further endpoint.
const FURTHER_KEY_VARIABLE: &str = "MILLRACE_FURTHER_EMBEDDER_API_KEY";

/// A model behind an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct RemoteModel {
    url: String,
    model: String,
    dimensions: u16,
    key_variable: &'static str,
}

/// Which embedders there are beside the built-in one.
#[derive(Debug, Clone)]
pub(crate) struct EmbedderChoice {
    /// What new collections get.
    remote: Option<RemoteModel>,
    /// What collections may be moved to or from.
    further: Option<RemoteModel>,
}

impl From<&ServeArguments> for EmbedderChoice {
    fn from(arguments: &ServeArguments) -> Self {
        let remote = (&arguments.embedder_url, &arguments.embedder_model, arguments.embedder_dimensions);
        let further = (
            &arguments.further_embedder_url,
            &arguments.further_embedder_model,
            arguments.further_embedder_dimensions,
        );
        Self {
            remote: remote_model(remote, KEY_VARIABLE),
            further: remote_model(further, FURTHER_KEY_VARIABLE),
        }
    }
}

fn remote_model(
    (url, model, dimensions): (&Option<String>, &Option<String>, Option<u16>),
    key_variable: &'static str,
) -> Option<RemoteModel> {
    let (url, model, dimensions) = (url.clone()?, model.clone()?, dimensions?);
    Some(RemoteModel { url, model, dimensions, key_variable })
}

/// Builds the embedders and the tokenizer that bounds their chunks. The built-in model is loaded at its first use.
pub(crate) fn choose_embedders(
    choice: &EmbedderChoice,
    threads: NonZeroUsize,
) -> anyhow::Result<(Embedders, Arc<dyn Tokenizer>)> {
    let built_in = Arc::new(BuiltInEmbedder::bundled(threads));
    let embedders = match &choice.remote {
        None => Embedders::only(built_in),
        Some(remote) => Embedders::only(connect(remote)?).with(built_in),
    };
    let embedders = match &choice.further {
        None => embedders,
        Some(further) => embedders.with(connect(further)?),
    };
    Ok((embedders, bundled_tokenizer()))
}

fn connect(remote: &RemoteModel) -> anyhow::Result<Arc<OpenAiEmbedder>> {
    let mut config = OpenAiConfig::new(&remote.url, &remote.model, remote.dimensions);
    config.api_key = std::env::var(remote.key_variable).ok().map(ApiKey::new);
    Ok(Arc::new(OpenAiEmbedder::new(config).context("connect to the embedder")?))
}
