//! Use cases: commands, queries, sagas and projections over the ports. No adapter and no AWS type is named here.

mod admission;
mod cached_vectors;
mod chunk_file;
mod commands;
mod dead_letter_entry;
mod dead_letter_scan;
mod documents;
mod idempotent_step;
mod job_outcome;
mod jobs;
mod leftovers;
mod pending_upload;
mod projections;
mod queries;
mod sagas;
mod step;
mod topology;
mod upload_history;

pub use cached_vectors::CachedVectors;
pub use chunk_file::{ChunkFile, StoredChunk};
pub use commands::*;
pub use dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterScope, DeadLetterSubject};
pub use documents::{Context, Documents, ExecuteError, Executed};
pub use idempotent_step::{Idempotency, IdempotentStep, StepPolicy, StepRun, Worked};
pub use job_outcome::{JobOutcome, backoff_ms};
pub use jobs::Jobs;
pub use leftovers::Leftovers;
pub use projections::*;
pub use queries::*;
pub use sagas::*;
pub use step::{Delivery, Steps};
pub use topology::{SUBSCRIPTIONS, Subscription, queue_policy};
pub use upload_history::UploadHistory;
