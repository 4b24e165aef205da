//! The ports that keep records, on DynamoDB: the journal, the ledger, the views, the settings and the embedding cache.
//! Each record's shape has its codec in a file of its own; names are in `schema`. Making and scaling tables is the
//! deployment's.

mod append_transaction;
pub(crate) mod batch_get;
pub(crate) mod batch_write;
mod cached_vector;
mod claim_item;
mod claim_update;
mod document_partition;
mod dynamodb_embedding_cache;
mod dynamodb_event_store;
mod dynamodb_job_ledger;
mod dynamodb_read_model;
mod dynamodb_settings;
#[cfg(test)]
mod embedding_cache_requests;
#[cfg(test)]
mod emulated_cases;
#[cfg(test)]
pub(crate) mod emulated_tables;
#[cfg(test)]
mod event_store_requests;
pub(crate) mod failure;
mod history;
pub(crate) mod item;
#[cfg(test)]
mod job_ledger_requests;
mod journal_item;
pub(crate) mod query_pages;
#[cfg(test)]
mod read_model_requests;
pub mod schema;
mod setting_item;
#[cfg(test)]
mod settings_requests;
#[cfg(test)]
mod suites;
mod table_name;
mod unsettled_index;
#[cfg(test)]
mod unsettled_requests;
mod view_item;
mod view_query;
#[cfg(test)]
mod wire;

pub use dynamodb_embedding_cache::DynamoDbEmbeddingCache;
pub use dynamodb_event_store::{DynamoDbEventStore, JournalTables};
pub use dynamodb_job_ledger::DynamoDbJobLedger;
pub use dynamodb_read_model::DynamoDbReadModel;
pub use dynamodb_settings::DynamoDbSettings;
pub use table_name::{InvalidTableName, TableName};
