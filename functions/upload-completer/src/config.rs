//! What the upload-completer needs to know.

use millrace_adapters_aws::dynamodb::TableName;
use millrace_application::EmbeddingModels;
use millrace_domain::{ByteSize, QueueName};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, WorkbenchSettings};

/// Where the jobs of an accepted content, and of a generation that it replaces, go.
const SENDS_TO: [QueueName; 2] = [QueueName::Ingest, QueueName::Purge];

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workbench: WorkbenchSettings,
    pub(crate) settings: TableName,
    pub(crate) models: EmbeddingModels,
    pub(crate) upload_bytes_max: ByteSize,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            workbench: WorkbenchSettings::from_variables(variables, &SENDS_TO, &[QueueName::Uploads])?,
            settings: wiring::table(variables, "MILLRACE_SETTINGS_TABLE")?,
            models: wiring::embedding_models(variables)?,
            upload_bytes_max: wiring::bytes(variables, "MILLRACE_UPLOAD_BYTES_MAX")?,
        })
    }
}
