//! Decodes an SQS batch of embed jobs, runs each, reports those that must come again.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::EmbedChunks;
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, run_job_batch};
use millrace_ports::JobQueue;

/// How many jobs run at once, so that storage of one overlaps with computing of another.
const CONCURRENCY: usize = 4;

/// Handles one invocation.
pub async fn handle(embed: &EmbedChunks, jobs: &dyn JobQueue, batch: impl Into<Batch>) -> SqsBatchResponse {
    run_job_batch(
        batch,
        QueueName::Embed,
        jobs,
        CONCURRENCY,
        |delivery| async move { embed.run(&delivery).await },
    )
    .await
}
