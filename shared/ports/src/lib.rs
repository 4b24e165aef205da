//! Ports: what the use cases need from the world, in our language. No SDK type appears in a signature.
//! Each trait documents what an implementer promises; the suites in test-support hold every adapter to it.

mod blob_store;
mod clock;
mod dead_letters;
mod embedder;
mod embedding_cache;
mod error;
mod event_bus;
mod event_store;
mod job_ledger;
mod job_queue;
mod read_model;
mod search_index;
mod settings;
mod text_extractor;
mod upload_urls;

pub use blob_store::*;
pub use clock::*;
pub use dead_letters::*;
pub use embedder::*;
pub use embedding_cache::*;
pub use error::*;
pub use event_bus::*;
pub use event_store::*;
pub use job_ledger::*;
pub use job_queue::*;
pub use read_model::*;
pub use search_index::*;
pub use settings::*;
pub use text_extractor::*;
pub use upload_urls::*;
