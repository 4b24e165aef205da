//! Decodes an SQS batch of ingest jobs, runs each, reports those that must come again.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::IngestDocument;
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, run_job_batch};
use millrace_ports::JobQueue;

/// One document at a time: a batch shares the memory that one parser may need.
const CONCURRENCY: usize = 1;

/// Handles one invocation.
pub async fn handle(
    ingest: &IngestDocument,
    jobs: &dyn JobQueue,
    batch: impl Into<Batch>,
) -> SqsBatchResponse {
    run_job_batch(batch, QueueName::Ingest, jobs, CONCURRENCY, |delivery| async move {
        ingest.run(&delivery).await
    })
    .await
}
