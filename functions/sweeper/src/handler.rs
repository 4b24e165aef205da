//! Two triggers: an SQS batch of purge jobs, and the schedule. Each is decoded and given to its use case.

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::{
    Delivery, IndexSpaces, JobOutcome, PurgeDocument, PurgeGeneration, Sweep, SweepReport, Workbench,
};
use millrace_domain::{Job, QueueName};
use millrace_function_runtime::{Batch, run_job_batch};
use millrace_ports::{EmbeddingCache, JobQueue, PortError};

/// How many purges run at once.
const CONCURRENCY: usize = 2;

/// The sagas behind the `purge` queue.
#[derive(Debug, Clone)]
pub struct Purges {
    /// Deleted documents.
    pub document: PurgeDocument,
    /// Failed, cancelled and superseded generations.
    pub generation: PurgeGeneration,
}

impl Purges {
    /// Both, over an index and a cache of vectors.
    pub fn new(use_cases: &Workbench, index: IndexSpaces, cache: Arc<dyn EmbeddingCache>) -> Self {
        Self {
            document: use_cases.purge_document(index.clone(), cache.clone()),
            generation: use_cases.purge_generation(index, cache),
        }
    }
}

/// Handles one invocation by the queue.
pub async fn handle_purges(
    purges: &Purges,
    jobs: &dyn JobQueue,
    batch: impl Into<Batch>,
) -> SqsBatchResponse {
    run_job_batch(batch, QueueName::Purge, jobs, CONCURRENCY, |delivery| run(purges, delivery)).await
}

/// Handles one invocation by the schedule; an error makes the schedule try again.
pub async fn handle_schedule(sweep: &Sweep, event: EventBridgeEvent) -> Result<SweepReport, PortError> {
    tracing::debug!(schedule = event.detail_type, "sweeping");
    sweep.run().await
}

async fn run(purges: &Purges, delivery: Delivery) -> JobOutcome {
    match &delivery.job.job {
        Job::PurgeDocument {} => purges.document.run(&delivery).await,
        Job::PurgeGeneration { .. } => purges.generation.run(&delivery).await,
        Job::IngestDocument { .. } | Job::EmbedChunks { .. } | Job::ReembedBatch { .. } => {
            JobOutcome::malformed("not a purge job")
        }
    }
}
