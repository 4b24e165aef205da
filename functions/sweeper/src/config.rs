//! What the sweeper needs to know.

use millrace_adapters_aws::dynamodb::TableName;
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_application::{EmbeddingModels, ReembedPolicy};
use millrace_domain::{ByteSize, QueueName};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, WorkbenchSettings};

/// Where its jobs come from, and where those go that it sends again.
const SENDS_TO: [QueueName; 3] = [QueueName::Ingest, QueueName::Embed, QueueName::Purge];

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workbench: WorkbenchSettings,
    pub(crate) settings: TableName,
    pub(crate) vector_cache: TableName,
    pub(crate) views: TableName,
    pub(crate) search: SearchTables,
    pub(crate) models: EmbeddingModels,
    pub(crate) upload_bytes_max: ByteSize,
    pub(crate) reembedding: ReembedPolicy,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            workbench: WorkbenchSettings::from_variables(variables, &SENDS_TO, &[QueueName::Purge])?,
            settings: wiring::table(variables, "MILLRACE_SETTINGS_TABLE")?,
            vector_cache: wiring::table(variables, "MILLRACE_VECTOR_CACHE_TABLE")?,
            views: wiring::table(variables, "MILLRACE_VIEWS_TABLE")?,
            search: wiring::search(variables)?,
            models: wiring::embedding_models(variables)?,
            upload_bytes_max: wiring::bytes(variables, "MILLRACE_UPLOAD_BYTES_MAX")?,
            reembedding: ReembedPolicy {
                settle_ms: variables.parsed("MILLRACE_REEMBEDDING_SETTLE_MS")?,
                ..ReembedPolicy::default()
            },
        })
    }
}
