//! Use cases that change something, one file each.

mod accept_content;
mod cancel_ingestion;
mod complete_upload;
mod create_api_key;
mod delete_document;
mod embed_chunks;
mod fail_ingestion;
mod ingest_document;
mod publish_events;
mod receive_upload;
mod redrive_dead_letters;
mod replace_document;
mod retry_ingestion;
mod start_upload;
mod sweep;
mod upload_document;

pub use accept_content::{AcceptContent, AcceptError, Accepted, ContentUpload};
pub use cancel_ingestion::CancelIngestion;
pub use complete_upload::{CompleteError, CompleteUpload, CompletedUpload};
pub use create_api_key::{CreateApiKey, NewApiKey, hash_secret};
pub use delete_document::DeleteDocument;
pub use embed_chunks::EmbedChunks;
pub use fail_ingestion::FailIngestion;
pub use ingest_document::IngestDocument;
pub use publish_events::PublishEvents;
pub use receive_upload::{ReceiveError, ReceiveUpload};
pub use redrive_dead_letters::{RedriveDeadLetters, RedriveError, RedriveReport, RedriveRequest};
pub use replace_document::ReplaceDocument;
pub use retry_ingestion::RetryIngestion;
pub use start_upload::{AnnouncedContent, Replaced, StartUpload, StartedUpload, UPLOAD_URL_MS};
pub use sweep::{Sweep, SweepPolicy, SweepReport};
pub use upload_document::UploadDocument;
