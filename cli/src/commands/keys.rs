//! `millrace keys`: makes API keys of a single node, straight in its data folder, whether or not the node runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use millrace_adapters_local::{DataFolder, Database, SqliteSettings};
use millrace_adapters_system::SystemClock;
use millrace_application::CreateApiKey;
use millrace_domain::TenantId;

use crate::output::Console;

/// The options of `millrace keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    action: KeysAction,
}

#[derive(Debug, Subcommand)]
enum KeysAction {
    /// Make a key; it is shown once and stored only as a hash.
    Create(CreateArguments),
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Whose requests the key makes.
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: TenantId,
    /// What to call it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// Where the single node keeps everything.
    #[arg(long, default_value = ".millrace", value_name = "FOLDER")]
    data_dir: PathBuf,
}

pub(crate) async fn run(arguments: KeysArguments, console: &Console) -> anyhow::Result<()> {
    let KeysAction::Create(create) = arguments.action;
    let database = Database::open(&DataFolder::database_in(&create.data_dir)).with_context(|| {
        format!("cannot open {}: start `millrace serve` with this folder once", create.data_dir.display())
    })?;
    let keys = CreateApiKey::new(Arc::new(SqliteSettings::new(database)), Arc::new(SystemClock));
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("ask the operating system for randomness")?;
    let made = keys.run(create.tenant, create.label, random).await?;
    console.line(&made.secret)?;
    console.note(&format!(
        "a key for tenant {}; it is not shown again. Send it as: Authorization: Bearer {}…",
        made.key.tenant_id,
        &made.secret[..7]
    ));
    Ok(())
}
