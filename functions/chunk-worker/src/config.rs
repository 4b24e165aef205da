//! What the chunk-worker needs to know.

use millrace_adapters_aws::dynamodb::TableName;
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_domain::QueueName;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, WorkbenchSettings};
use millrace_ports::ExtractionLimits;

/// Where its jobs come from, and where those that follow go.
const SENDS_TO: [QueueName; 3] = [QueueName::Ingest, QueueName::Embed, QueueName::Purge];

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workbench: WorkbenchSettings,
    pub(crate) search: SearchTables,
    pub(crate) settings: TableName,
    pub(crate) limits: ExtractionLimits,
    pub(crate) batch_chunks: usize,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            workbench: WorkbenchSettings::from_variables(variables, &SENDS_TO, &[QueueName::Ingest])?,
            search: wiring::search(variables)?,
            settings: wiring::table(variables, "MILLRACE_SETTINGS_TABLE")?,
            limits: ExtractionLimits {
                input_bytes_max: variables.parsed("MILLRACE_UPLOAD_BYTES_MAX")?,
                pages_max: variables.parsed("MILLRACE_PAGES_MAX")?,
                memory_bytes_max: variables.parsed("MILLRACE_PARSER_MEMORY_BYTES_MAX")?,
                time_ms_max: variables.parsed("MILLRACE_PARSER_TIME_MS_MAX")?,
                ..ExtractionLimits::default()
            },
            batch_chunks: variables.parsed("MILLRACE_EMBED_BATCH_CHUNKS")?,
        })
    }
}
