//! What the api function needs to know.

use millrace_adapters_aws::connection::AwsSettings;
use millrace_adapters_aws::dynamodb::{JournalTables, TableName};
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_adapters_aws::sqs::SqsQueues;
use millrace_domain::{ByteSize, QueueName};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, EmbedderConfig};

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) aws: AwsSettings,
    pub(crate) journal: JournalTables,
    pub(crate) views: TableName,
    pub(crate) settings: TableName,
    pub(crate) vector_cache: TableName,
    pub(crate) search: SearchTables,
    pub(crate) bucket: String,
    pub(crate) queues: SqsQueues,
    pub(crate) embedder: EmbedderConfig,
    pub(crate) content_bytes_max: ByteSize,
    pub(crate) upload_bytes_max: ByteSize,
    pub(crate) tenant_claim: String,
}

impl Config {
    /// Reads this process's environment.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let variables = Variables::of_process();
        Ok(Self {
            aws: wiring::aws(&variables)?,
            journal: wiring::journal(&variables)?,
            views: wiring::table(&variables, "MILLRACE_VIEWS_TABLE")?,
            settings: wiring::table(&variables, "MILLRACE_SETTINGS_TABLE")?,
            vector_cache: wiring::table(&variables, "MILLRACE_VECTOR_CACHE_TABLE")?,
            search: wiring::search(&variables)?,
            bucket: variables.required("MILLRACE_BUCKET")?,
            queues: wiring::queues(&variables, &[], &QueueName::ALL)?,
            embedder: EmbedderConfig::from_variables(&variables)?,
            content_bytes_max: wiring::bytes(&variables, "MILLRACE_CONTENT_BYTES_MAX")?,
            upload_bytes_max: wiring::bytes(&variables, "MILLRACE_UPLOAD_BYTES_MAX")?,
            tenant_claim: variables.required("MILLRACE_TENANT_CLAIM")?,
        })
    }
}
