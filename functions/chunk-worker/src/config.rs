//! What the chunk-worker needs to know.

use millrace_adapters_aws::connection::AwsSettings;
use millrace_adapters_aws::dynamodb::JournalTables;
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_adapters_aws::sqs::SqsQueues;
use millrace_domain::QueueName;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring as wiring;
use millrace_ports::ExtractionLimits;

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) aws: AwsSettings,
    pub(crate) journal: JournalTables,
    pub(crate) search: SearchTables,
    pub(crate) bucket: String,
    pub(crate) queues: SqsQueues,
    pub(crate) limits: ExtractionLimits,
    pub(crate) batch_chunks: usize,
}

impl Config {
    /// Reads this process's environment.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let variables = Variables::of_process();
        let sends_to = [QueueName::Ingest, QueueName::Embed, QueueName::Purge];
        Ok(Self {
            aws: wiring::aws(&variables)?,
            journal: wiring::journal(&variables)?,
            search: wiring::search(&variables)?,
            bucket: variables.required("MILLRACE_BUCKET")?,
            queues: wiring::queues(&variables, &sends_to, &[QueueName::Ingest])?,
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
