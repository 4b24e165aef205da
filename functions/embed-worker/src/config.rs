//! What the embed-worker needs to know.

use millrace_adapters_aws::dynamodb::TableName;
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_domain::QueueName;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, EmbedderConfigs, WorkbenchSettings};

/// Where its jobs come from, and where those that follow go.
const SENDS_TO: [QueueName; 3] = [QueueName::Ingest, QueueName::Embed, QueueName::Purge];

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workbench: WorkbenchSettings,
    pub(crate) search: SearchTables,
    pub(crate) settings: TableName,
    pub(crate) vector_cache: TableName,
    pub(crate) embedders: EmbedderConfigs,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            workbench: WorkbenchSettings::from_variables(variables, &SENDS_TO, &[QueueName::Embed])?,
            search: wiring::search(variables)?,
            settings: wiring::table(variables, "MILLRACE_SETTINGS_TABLE")?,
            vector_cache: wiring::table(variables, "MILLRACE_VECTOR_CACHE_TABLE")?,
            embedders: EmbedderConfigs::from_variables(variables)?,
        })
    }
}
