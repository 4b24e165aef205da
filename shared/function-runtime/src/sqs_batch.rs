//! The partial-batch driver: runs every message of an SQS event on its own, steers each by its outcome, and reports
//! exactly those that must come again, so that one bad message does not repeat nine good ones.
//! Source: AWS Lambda Developer Guide, "Implementing partial batch responses".

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::{FutureExt, StreamExt, stream};
use millrace_application::JobOutcome;
use millrace_domain::QueueName;
use millrace_ports::{DELAY_MS_MAX, JobQueue, OutgoingMessage, PortError, ReceivedMessage};

use crate::received_message;

/// How long a message is hidden after its handler panicked, in milliseconds.
const PANIC_WAIT_MS: u64 = 5_000;

/// Runs the messages of an event, at most `concurrency` at a time, and steers each by its outcome:
///
/// - `Acknowledge`: reported as done; Lambda deletes it.
/// - `Postpone`: sent again as a new message with the delay, then reported as done; its receive count starts anew.
/// - `Retry`: hidden for the delay and reported as failed; its receive count goes on.
/// - `DeadLetter`: moved to the dead-letter queue with the reason, then reported as done.
///
/// A message that could not be steered is reported as failed and comes again after its visibility timeout: nothing is
/// lost, at the price of a repetition. A panic of the handler counts as `Retry`.
pub async fn run_batch<Handle, Handled>(
    event: SqsEvent,
    queue: QueueName,
    jobs: &dyn JobQueue,
    concurrency: usize,
    handle: Handle,
) -> SqsBatchResponse
where
    Handle: Fn(ReceivedMessage) -> Handled,
    Handled: Future<Output = JobOutcome>,
{
    let run = |record| {
        let handle = &handle;
        async move {
            let id = aws_lambda_events::event::sqs::SqsMessage::clone(&record).message_id.unwrap_or_default();
            let Some(message) = received_message(&record) else {
                tracing::error!(queue = queue.as_str(), message_id = id, "message lacks id, receipt or body");
                return Some(id);
            };
            let outcome = AssertUnwindSafe(handle(message.clone())).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| JobOutcome::Retry {
                delay_ms: PANIC_WAIT_MS,
                reason: "handler panicked".into(),
            });
            steer(jobs, queue, &message, outcome).await.err().map(|()| id)
        }
    };
    let failed = stream::iter(event.records).map(run).buffered(concurrency.max(1));
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.filter_map(async |id| id).map(failure).collect().await;
    response
}

fn failure(message_id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = message_id;
    failure
}

/// `Ok` if the message is to be deleted, `Err` if it must come again.
async fn steer(
    jobs: &dyn JobQueue,
    queue: QueueName,
    message: &ReceivedMessage,
    outcome: JobOutcome,
) -> Result<(), ()> {
    let steered = match outcome {
        JobOutcome::Acknowledge => return Ok(()),
        JobOutcome::Postpone { delay_ms } => send_again(jobs, queue, message, delay_ms).await,
        JobOutcome::DeadLetter { reason } => {
            tracing::error!(
                queue = queue.as_str(),
                message_id = message.message_id,
                reason,
                "job dead-lettered"
            );
            jobs.dead_letter(queue, message, &reason).await
        }
        JobOutcome::Retry { delay_ms, reason } => {
            let attempt = message.receive_count;
            tracing::warn!(
                queue = queue.as_str(),
                message_id = message.message_id,
                attempt,
                delay_ms,
                reason,
                "job returns"
            );
            if let Err(error) = jobs.change_visibility(queue, &message.receipt, delay_ms).await {
                tracing::warn!(%error, "job returns after its visibility timeout instead");
            }
            return Err(());
        }
    };
    steered.map_err(|error| {
        tracing::warn!(queue = queue.as_str(), message_id = message.message_id, %error, "message not steered");
    })
}

async fn send_again(
    jobs: &dyn JobQueue,
    queue: QueueName,
    message: &ReceivedMessage,
    delay_ms: u64,
) -> Result<(), PortError> {
    let again = OutgoingMessage {
        body: message.body.clone(),
        group: message.group.clone(),
        delay_ms: delay_ms.min(DELAY_MS_MAX),
        attributes: message.attributes.clone(),
    };
    jobs.send(queue, vec![again]).await.into_iter().collect()
}
