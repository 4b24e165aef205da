//! What the projector needs to know.

use millrace_adapters_aws::connection::AwsSettings;
use millrace_adapters_aws::dynamodb::{JournalTables, TableName};
use millrace_adapters_aws::sqs::SqsQueues;
use millrace_domain::QueueName;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring as wiring;

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) aws: AwsSettings,
    pub(crate) journal: JournalTables,
    pub(crate) views: TableName,
    pub(crate) queues: SqsQueues,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        let own = [QueueName::Projector];
        Ok(Self {
            aws: wiring::aws(variables)?,
            journal: wiring::journal_to_read(variables)?,
            views: wiring::table(variables, "MILLRACE_VIEWS_TABLE")?,
            queues: wiring::queues(variables, &own, &own)?,
        })
    }
}
