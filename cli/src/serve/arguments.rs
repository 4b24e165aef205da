//! The options of `millrace serve`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::logging::LogFormat;

/// The options of `millrace serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where everything is kept.
    #[arg(long, default_value = ".millrace", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,
    /// Ask every request for an API key; always so when others than this machine can reach the address.
    #[arg(long)]
    pub(crate) require_api_keys: bool,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Threads that embed; without it, as many as there are cores.
    #[arg(long, value_name = "N")]
    pub(crate) embedding_threads: Option<NonZeroUsize>,
    /// Documents extracted and chunked at the same time; without it, as many as there are cores.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Largest upload, in mebibytes.
    #[arg(long, default_value_t = 100, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) upload_mib_max: u64,
    /// Embed by an OpenAI-compatible endpoint instead of the built-in model, for example
    /// http://127.0.0.1:11434/v1; the key is read from MILLRACE_EMBEDDER_API_KEY.
    #[arg(long, value_name = "URL", requires_all = ["embedder_model", "embedder_dimensions"])]
    pub(crate) embedder_url: Option<String>,
    /// The model to name to that endpoint.
    #[arg(long, value_name = "MODEL", requires = "embedder_url")]
    pub(crate) embedder_model: Option<String>,
    /// The length of that model's vectors.
    #[arg(long, value_name = "N", requires = "embedder_url")]
    pub(crate) embedder_dimensions: Option<u16>,
    /// A further OpenAI-compatible endpoint, to move collections to its model, or to keep one that has it; the key is read
    /// from MILLRACE_FURTHER_EMBEDDER_API_KEY. The built-in model is always there.
    #[arg(long, value_name = "URL", requires_all = ["further_embedder_model", "further_embedder_dimensions"])]
    pub(crate) further_embedder_url: Option<String>,
    /// The model to name to the further endpoint.
    #[arg(long, value_name = "MODEL", requires = "further_embedder_url")]
    pub(crate) further_embedder_model: Option<String>,
    /// The length of the further model's vectors.
    #[arg(long, value_name = "N", requires = "further_embedder_url")]
    pub(crate) further_embedder_dimensions: Option<u16>,
}
