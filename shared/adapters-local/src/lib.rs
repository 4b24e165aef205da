//! The ports on one machine: durable, without any service beside the process. Lists and re-exports only.

mod blob_files;
mod data_folder;
mod database;
mod fs_blob_store;
mod head_row;
mod journal_stream;
mod ledger_row;
mod local_blob_store;
mod local_event_bus;
mod local_upload_urls;
mod memory_blob_store;
mod pause;
mod publications;
mod quantised_vector;
mod queue;
mod search;
mod small_blob_rows;
mod sqlite_embedding_cache;
mod sqlite_event_store;
mod sqlite_job_ledger;
mod sqlite_read_model;
mod sqlite_settings;
#[cfg(feature = "bench")]
pub mod synthetic;
mod worker_pool;

pub use data_folder::DataFolder;
pub use database::{Database, DatabaseOptions, FORMAT_VERSION, corrupt, sql_error};
pub use fs_blob_store::FsBlobStore;
pub use journal_stream::JournalStream;
pub use local_blob_store::{LocalBlobStore, SMALL_BYTES_MAX};
pub use local_event_bus::{EventPattern, LocalEventBus, Rule};
pub use local_upload_urls::{LocalUploadUrls, UPLOAD_SECRET_BYTES};
pub use memory_blob_store::MemoryBlobStore;
pub use publications::Publications;
pub use quantised_vector::QuantisedVector;
pub use queue::SqliteJobQueue;
pub use search::SqliteSearchIndex;
pub use sqlite_embedding_cache::SqliteEmbeddingCache;
pub use sqlite_event_store::SqliteEventStore;
pub use sqlite_job_ledger::SqliteJobLedger;
pub use sqlite_read_model::SqliteReadModel;
pub use sqlite_settings::SqliteSettings;
pub use worker_pool::WorkerPool;
