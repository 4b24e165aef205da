//! Groups of variables that several functions read, each as the settings of the adapters behind it.

use std::collections::BTreeMap;

use millrace_adapters_aws::connection::{AwsSettings, AwsSettingsError};
use millrace_adapters_aws::dynamodb::{JournalTables, TableName};
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_adapters_aws::sqs::{SqsQueueUrls, SqsQueues};
use millrace_domain::{ByteSize, QueueName};
use millrace_function_runtime::{ConfigError, Variables};

/// Where AWS is and who calls it: the variables that Lambda itself sets.
///
/// # Errors
/// The first variable that is missing or cannot be.
pub fn aws(variables: &Variables) -> Result<AwsSettings, ConfigError> {
    AwsSettings::from_variables(|name| variables.optional(name)).map_err(|error| match error {
        AwsSettingsError::Missing(name) => ConfigError::Missing(name),
        AwsSettingsError::BadEndpoint(name) => ConfigError::Invalid { name, reason: error.to_string() },
    })
}

/// The name of a table.
///
/// # Errors
/// If the variable is missing or names no table.
pub fn table(variables: &Variables, name: &'static str) -> Result<TableName, ConfigError> {
    variables.parsed(name)
}

/// A bound in bytes.
///
/// # Errors
/// If the variable is missing or no number.
pub fn bytes(variables: &Variables, name: &'static str) -> Result<ByteSize, ConfigError> {
    variables.parsed(name).map(ByteSize::new)
}

/// The history's table, and the claims' that appends complete.
///
/// # Errors
/// If one is missing.
pub fn journal(variables: &Variables) -> Result<JournalTables, ConfigError> {
    Ok(JournalTables {
        journal: table(variables, "MILLRACE_JOURNAL_TABLE")?,
        ledger: table(variables, "MILLRACE_LEDGER_TABLE")?,
    })
}

/// The history's table for who appends nothing and claims nothing.
///
/// # Errors
/// If it is missing.
pub fn journal_to_read(variables: &Variables) -> Result<JournalTables, ConfigError> {
    let journal = table(variables, "MILLRACE_JOURNAL_TABLE")?;
    Ok(JournalTables { ledger: journal.clone(), journal })
}

/// Where the search index is.
///
/// # Errors
/// If a part is missing.
pub fn search(variables: &Variables) -> Result<SearchTables, ConfigError> {
    Ok(SearchTables {
        vector_bucket: variables.required("MILLRACE_VECTOR_BUCKET")?,
        words: table(variables, "MILLRACE_WORDS_TABLE")?,
    })
}

/// The queues that a function sends to, and those whose messages it also moves to their dead-letter queue.
///
/// # Errors
/// If an address is missing.
pub fn queues(
    variables: &Variables,
    sends_to: &[QueueName],
    dead_letters_of: &[QueueName],
) -> Result<SqsQueues, ConfigError> {
    let mut urls = BTreeMap::new();
    for queue in sends_to.iter().chain(dead_letters_of) {
        let (name, dead_letter_name) = variable_names(*queue);
        let dead_letters = if dead_letters_of.contains(queue) {
            variables.required(dead_letter_name)?
        } else {
            String::new()
        };
        urls.insert(*queue, SqsQueueUrls { queue: variables.required(name)?, dead_letters });
    }
    Ok(SqsQueues(urls))
}

fn variable_names(queue: QueueName) -> (&'static str, &'static str) {
    match queue {
        QueueName::Ingest => ("MILLRACE_INGEST_QUEUE_URL", "MILLRACE_INGEST_DEAD_LETTER_QUEUE_URL"),
        QueueName::Embed => ("MILLRACE_EMBED_QUEUE_URL", "MILLRACE_EMBED_DEAD_LETTER_QUEUE_URL"),
        QueueName::Purge => ("MILLRACE_PURGE_QUEUE_URL", "MILLRACE_PURGE_DEAD_LETTER_QUEUE_URL"),
        QueueName::Projector => ("MILLRACE_PROJECTOR_QUEUE_URL", "MILLRACE_PROJECTOR_DEAD_LETTER_QUEUE_URL"),
        QueueName::Uploads => ("MILLRACE_UPLOADS_QUEUE_URL", "MILLRACE_UPLOADS_DEAD_LETTER_QUEUE_URL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_needs_the_dead_letter_queues_of_its_own_queues_only() {
        let variables = Variables::from_lookup(|name| match name {
            "MILLRACE_INGEST_QUEUE_URL" => Some("https://sqs/ingest".into()),
            "MILLRACE_INGEST_DEAD_LETTER_QUEUE_URL" => Some("https://sqs/ingest-dead".into()),
            "MILLRACE_EMBED_QUEUE_URL" => Some("https://sqs/embed".into()),
            _ => None,
        });
        let SqsQueues(urls) =
            queues(&variables, &[QueueName::Ingest, QueueName::Embed], &[QueueName::Ingest]).unwrap();
        assert_eq!(urls[&QueueName::Ingest].dead_letters, "https://sqs/ingest-dead");
        assert_eq!(urls[&QueueName::Embed].queue, "https://sqs/embed");
        assert_eq!(
            queues(&variables, &[QueueName::Embed], &[QueueName::Embed]).unwrap_err(),
            ConfigError::Missing("MILLRACE_EMBED_DEAD_LETTER_QUEUE_URL")
        );
    }
}
