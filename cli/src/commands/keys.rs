//! `millrace keys`: API keys of the single node. A placeholder until they are wired here.

use std::path::PathBuf;

use clap::Args;

/// The options of `millrace keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    /// Where the single node keeps everything.
    #[arg(long, default_value = ".millrace", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,
}

pub(crate) async fn run(arguments: KeysArguments) -> anyhow::Result<()> {
    anyhow::bail!("keys are not part of this build (asked for: {arguments:?})")
}
