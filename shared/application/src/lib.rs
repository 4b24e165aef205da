//! Use cases: commands, queries, sagas and projections over the ports. No adapter and no AWS type is named here.

mod admission;
mod chunk_file;
mod commands;
mod documents;
mod job_outcome;
mod jobs;
mod leftovers;
mod projections;
mod queries;
mod sagas;
mod step;
mod topology;

pub use chunk_file::{ChunkFile, StoredChunk};
pub use commands::*;
pub use documents::{Context, Documents, ExecuteError, Executed};
pub use job_outcome::{JobOutcome, backoff_ms};
pub use jobs::Jobs;
pub use projections::*;
pub use queries::*;
pub use sagas::*;
pub use step::{Delivery, StepPolicy, Steps};
pub use topology::{SUBSCRIPTIONS, Subscription, queue_policy};
