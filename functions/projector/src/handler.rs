//! Decodes an SQS batch of bus events, projects each, reports those that must come again.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::{JobOutcome, ProjectDocuments};
use millrace_domain::QueueName;
use millrace_function_runtime::{Batch, envelope_of_bus_event, run_batch};
use millrace_ports::{JobQueue, ReceivedMessage};

/// One at a time: events of one document mostly follow each other, and then fold without a call back.
const CONCURRENCY: usize = 1;

/// Handles one invocation.
pub async fn handle(
    project: &ProjectDocuments,
    jobs: &dyn JobQueue,
    batch: impl Into<Batch>,
) -> SqsBatchResponse {
    run_batch(batch, QueueName::Projector, jobs, CONCURRENCY, |message| run(project, message)).await
}

async fn run(project: &ProjectDocuments, message: ReceivedMessage) -> JobOutcome {
    let envelope = match envelope_of_bus_event(&message.body) {
        Ok(envelope) => envelope,
        Err(error) => return JobOutcome::malformed(error.to_string()),
    };
    match project.run(&envelope).await {
        Ok(()) => JobOutcome::Acknowledge,
        Err(error) => {
            tracing::warn!(%error, document.id = %envelope.document_id, "event not projected");
            JobOutcome::from_port_error(&error, message.receive_count, envelope.id.as_uuid().as_u128() as u64)
        }
    }
}
