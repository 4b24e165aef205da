//! The partial-batch driver: runs every message of an SQS event on its own, steers each by its outcome, and reports
//! exactly those that must come again, so that one bad message does not repeat nine good ones.
//! Source: AWS Lambda Developer Guide, "Implementing partial batch responses".

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse};
use futures::{FutureExt, StreamExt, stream};
use millrace_application::JobOutcome;
use millrace_domain::QueueName;
use millrace_ports::{
    DEAD_LETTER_CODE, DEAD_LETTER_REASON, DELAY_MS_MAX, JobQueue, OutgoingMessage, PortError, ReceivedMessage,
};

use crate::{Batch, received_message};

/// How long a message is hidden after its handler panicked, in milliseconds.
const PANIC_WAIT_MS: u64 = 5_000;
/// What a message that died carries, and carries still when it comes back.
const OF_THE_DEAD: [&str; 2] = [DEAD_LETTER_CODE, DEAD_LETTER_REASON];

/// Runs the messages of an event, at most `concurrency` at a time, and steers each by its outcome:
///
/// - `Acknowledge`: reported as done; Lambda deletes it.
/// - `Postpone`: sent again as a new message with the delay, then reported as done; its receive count starts anew, and
///   it no longer counts as redriven.
/// - `PostponeRedriven`: the same, and it still counts as redriven.
/// - `Retry`: hidden for the delay and reported as failed; its receive count goes on.
/// - `DeadLetter`: moved to the dead-letter queue with the reason, then reported as done.
///
/// A message for which no time is left is not begun: it is reported as failed and visible at once, for another invocation.
/// A message that could not be steered is reported as failed and comes again after its visibility timeout: nothing is
/// lost, at the price of a repetition. A panic of the handler counts as `Retry`.
pub async fn run_batch<Handle, Handled>(
    batch: impl Into<Batch>,
    queue: QueueName,
    jobs: &dyn JobQueue,
    concurrency: usize,
    handle: Handle,
) -> SqsBatchResponse
where
    Handle: Fn(ReceivedMessage) -> Handled,
    Handled: Future<Output = JobOutcome>,
{
    let Batch { event, limit } = batch.into();
    let run = |record| {
        let handle = &handle;
        async move {
            let id = aws_lambda_events::event::sqs::SqsMessage::clone(&record).message_id.unwrap_or_default();
            let Some(message) = received_message(&record) else {
                tracing::error!(queue = queue.as_str(), message_id = id, "message lacks id, receipt or body");
                return Some(id);
            };
            if !limit.has_time() {
                return_unbegun(jobs, queue, &message).await;
                return Some(id);
            }
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

/// Makes a message visible for whoever has time for it.
async fn return_unbegun(jobs: &dyn JobQueue, queue: QueueName, message: &ReceivedMessage) {
    tracing::warn!(queue = queue.as_str(), message_id = message.message_id, "no time left, job not begun");
    if let Err(error) = jobs.change_visibility(queue, &message.receipt, 0).await {
        tracing::warn!(%error, "job returns after its visibility timeout instead");
    }
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
        JobOutcome::Postpone { delay_ms } => {
            let alive = message.attributes.iter().filter(|(name, _)| !OF_THE_DEAD.contains(&name.as_str()));
            let attributes = alive.map(|(name, value)| (name.clone(), value.clone())).collect();
            send_again(jobs, queue, message, attributes, delay_ms).await
        }
        JobOutcome::PostponeRedriven { delay_ms } => {
            send_again(jobs, queue, message, message.attributes.clone(), delay_ms).await
        }
        JobOutcome::DeadLetter { code, reason } => {
            tracing::error!(
                queue = queue.as_str(),
                message_id = message.message_id,
                code = code.as_str(),
                reason,
                "job dead-lettered"
            );
            jobs.dead_letter(queue, message, code, &reason).await
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
    attributes: BTreeMap<String, String>,
    delay_ms: u64,
) -> Result<(), PortError> {
    let again = OutgoingMessage {
        body: message.body.clone(),
        group: message.group.clone(),
        delay_ms: delay_ms.min(DELAY_MS_MAX),
        attributes,
    };
    jobs.send(queue, vec![again]).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use millrace_ports::DeadLetterCode;

    use super::*;
    use crate::recording_queue::{RecordingQueue, Steered, event_of, received};
    use crate::{TimeLimit, to_sqs_event};

    /// The outcome that a body asks for.
    fn outcome(body: &str) -> JobOutcome {
        match body {
            "postpone" => JobOutcome::Postpone { delay_ms: 7_000 },
            "postpone for ever" => JobOutcome::Postpone { delay_ms: u64::MAX },
            "retry" => JobOutcome::Retry { delay_ms: 5_000, reason: "embedder away".into() },
            "postpone redriven" => JobOutcome::PostponeRedriven { delay_ms: 7_000 },
            "dead" => {
                JobOutcome::DeadLetter { code: DeadLetterCode::NotFound, reason: "no such document".into() }
            }
            "panic" => panic!("the test asked for it"),
            _ => JobOutcome::Acknowledge,
        }
    }

    async fn run(queue: &RecordingQueue, bodies: &[&str]) -> serde_json::Value {
        let handle = |message: ReceivedMessage| async move { outcome(&message.body) };
        let response = run_batch(event_of(bodies), QueueName::Ingest, queue, 4, handle).await;
        serde_json::to_value(response).unwrap()
    }

    fn failures(ids: &[&str]) -> serde_json::Value {
        let items: Vec<_> = ids.iter().map(|id| serde_json::json!({ "itemIdentifier": id })).collect();
        serde_json::json!({ "batchItemFailures": items })
    }

    #[tokio::test]
    async fn only_what_must_come_again_is_reported() {
        let queue = RecordingQueue::default();
        let response = run(&queue, &["ok", "retry", "postpone", "dead", "retry"]).await;
        assert_eq!(response, failures(&["m-2", "m-5"]));
        assert_eq!(run(&queue, &["ok"]).await, failures(&[]));
        assert_eq!(run(&queue, &[]).await, failures(&[]));
    }

    #[tokio::test]
    async fn a_retry_is_hidden_for_its_delay() {
        let queue = RecordingQueue::default();
        run(&queue, &["retry"]).await;
        assert_eq!(queue.steered(), [Steered::Hidden { receipt: "r-1".into(), delay_ms: 5_000 }]);
    }

    #[tokio::test]
    async fn a_postponed_message_is_sent_anew_as_it_was_within_the_bounds_of_the_queue() {
        let queue = RecordingQueue::default();
        run(&queue, &["postpone", "postpone for ever"]).await;
        let sent = |body: &str, delay_ms| {
            Steered::Sent(OutgoingMessage {
                body: body.into(),
                group: Some("acme".into()),
                delay_ms,
                attributes: [("traceparent".to_owned(), "00-1-2-01".to_owned())].into(),
            })
        };
        assert_eq!(queue.steered(), [sent("postpone", 7_000), sent("postpone for ever", DELAY_MS_MAX)]);
    }

    /// Otherwise a copy that comes long after its redrive would try a document again that failed since.
    #[tokio::test]
    async fn a_redriven_message_that_is_postponed_is_redriven_no_more_unless_that_is_asked_for() {
        let queue = RecordingQueue::default();
        let handle = |message: ReceivedMessage| async move { outcome(&message.body) };
        let redriven = ["postpone", "postpone redriven"].map(|body| {
            let mut message = received(1, body);
            message.attributes.insert(DEAD_LETTER_REASON.into(), "embedder away".into());
            message.attributes.insert(DEAD_LETTER_CODE.into(), "unavailable".into());
            message
        });
        let event = to_sqs_event(QueueName::Ingest, redriven.to_vec());
        run_batch(event, QueueName::Ingest, &queue, 1, handle).await;
        let names = |steered: &Steered| match steered {
            Steered::Sent(message) => message.attributes.keys().cloned().collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let names: Vec<_> = queue.steered().iter().map(names).collect();
        assert_eq!(names, [vec!["traceparent"], vec![DEAD_LETTER_CODE, DEAD_LETTER_REASON, "traceparent"]]);
    }

    #[tokio::test]
    async fn a_dead_letter_carries_its_reason() {
        let queue = RecordingQueue::default();
        run(&queue, &["dead"]).await;
        let (code, reason) = (DeadLetterCode::NotFound, "no such document".into());
        assert_eq!(queue.steered(), [Steered::DeadLettered { message_id: "m-1".into(), code, reason }]);
    }

    #[tokio::test]
    async fn what_cannot_be_steered_comes_again_rather_than_being_lost() {
        let queue = RecordingQueue::refusing();
        let response = run(&queue, &["ok", "retry", "postpone", "dead"]).await;
        assert_eq!(response, failures(&["m-2", "m-3", "m-4"]));
    }

    #[tokio::test]
    async fn a_handler_that_panics_harms_only_its_message() {
        let queue = RecordingQueue::default();
        let response = run(&queue, &["ok", "panic", "postpone"]).await;
        assert_eq!(response, failures(&["m-2"]));
        let hidden = Steered::Hidden { receipt: "r-2".into(), delay_ms: PANIC_WAIT_MS };
        assert!(queue.steered().contains(&hidden), "{:?}", queue.steered());
    }

    #[tokio::test]
    async fn what_there_is_no_time_for_is_left_to_another_invocation() {
        let queue = RecordingQueue::default();
        let handle = |_| async { panic!("no message may be begun") };
        let batch = Batch::within(event_of(&["ok", "ok"]), TimeLimit::after(Duration::ZERO));
        let response = run_batch(batch, QueueName::Ingest, &queue, 1, handle).await;
        assert_eq!(serde_json::to_value(response).unwrap(), failures(&["m-1", "m-2"]));
        let visible = |receipt: &str| Steered::Hidden { receipt: receipt.into(), delay_ms: 0 };
        assert_eq!(queue.steered(), [visible("r-1"), visible("r-2")]);
    }

    #[tokio::test]
    async fn a_record_without_a_body_is_reported_and_not_handled() {
        let queue = RecordingQueue::default();
        let mut event = event_of(&["ok", "ok"]);
        event.records[0].body = None;
        let handled = AtomicUsize::new(0);
        let handle = |_| async {
            handled.fetch_add(1, Ordering::SeqCst);
            JobOutcome::Acknowledge
        };
        let response = run_batch(event, QueueName::Ingest, &queue, 1, handle).await;
        assert_eq!(serde_json::to_value(response).unwrap(), failures(&["m-1"]));
        assert_eq!(handled.into_inner(), 1);
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_permitted() {
        for concurrency in [0, 1, 3] {
            let (queue, running, most) =
                (RecordingQueue::default(), AtomicUsize::new(0), AtomicUsize::new(0));
            let handle = |_| async {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                JobOutcome::Acknowledge
            };
            run_batch(event_of(&["ok"; 9]), QueueName::Ingest, &queue, concurrency, handle).await;
            assert_eq!(most.into_inner(), concurrency.max(1));
        }
    }
}
