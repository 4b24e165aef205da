//! Runs a batch of job messages: decodes each into its job, dead-letters what is not a job.

use std::future::Future;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_application::{Delivery, JobOutcome};
use millrace_domain::QueueName;
use millrace_ports::{DEAD_LETTER_REASON, JobQueue, ReceivedMessage};

use crate::run_batch;

/// Runs the jobs of an SQS event. A body that is not a job goes to the dead-letter queue, saying why.
pub async fn run_job_batch<Handle, Handled>(
    event: SqsEvent,
    queue: QueueName,
    jobs: &dyn JobQueue,
    concurrency: usize,
    handle: Handle,
) -> SqsBatchResponse
where
    Handle: Fn(Delivery) -> Handled,
    Handled: Future<Output = JobOutcome>,
{
    run_batch(event, queue, jobs, concurrency, |message| {
        let decoded = decode(&message).map(&handle);
        async move {
            match decoded {
                Ok(handled) => handled.await,
                Err(reason) => JobOutcome::DeadLetter { reason },
            }
        }
    })
    .await
}

fn decode(message: &ReceivedMessage) -> Result<Delivery, String> {
    let job = serde_json::from_str(&message.body).map_err(|error| format!("malformed job: {error}"))?;
    Ok(Delivery { job, redriven: message.attributes.contains_key(DEAD_LETTER_REASON) })
}
