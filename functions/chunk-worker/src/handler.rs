//! Decodes an SQS batch of ingest jobs, runs each, reports those that must come again.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_application::IngestDocument;
use millrace_domain::QueueName;
use millrace_function_runtime::run_job_batch;
use millrace_ports::JobQueue;

/// One document at a time: a batch shares the memory that one parser may need.
const CONCURRENCY: usize = 1;

/// Handles one invocation.
pub async fn handle(ingest: &IngestDocument, jobs: &dyn JobQueue, event: SqsEvent) -> SqsBatchResponse {
    run_job_batch(event, QueueName::Ingest, jobs, CONCURRENCY, |delivery| async move {
        ingest.run(&delivery).await
    })
    .await
}
