//! Use cases that change something, one file each.

mod accept_content;
mod cancel_ingestion;
mod create_api_key;
mod delete_document;
mod embed_chunks;
mod fail_ingestion;
mod ingest_document;
mod publish_events;
mod replace_document;
mod retry_ingestion;
mod sweep;
mod upload_document;

pub use accept_content::{AcceptContent, AcceptError, Accepted, ContentUpload};
pub use cancel_ingestion::CancelIngestion;
pub use create_api_key::{CreateApiKey, NewApiKey, hash_secret};
pub use delete_document::DeleteDocument;
pub use embed_chunks::EmbedChunks;
pub use fail_ingestion::FailIngestion;
pub use ingest_document::IngestDocument;
pub use publish_events::PublishEvents;
pub use replace_document::ReplaceDocument;
pub use retry_ingestion::RetryIngestion;
pub use sweep::{Sweep, SweepPolicy, SweepReport};
pub use upload_document::UploadDocument;
