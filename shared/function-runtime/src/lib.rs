//! What a Lambda function needs so that at-least-once delivery becomes one effect, for Millrace's functions and for yours:
//!
//! | Problem | Piece |
//! |---|---|
//! | One bad message of ten makes Lambda repeat all ten | [`run_batch`]: each message ends on its own |
//! | A record of a stream fails, and order matters | [`run_stream`], [`run_stream_at_once`]: stop there, go on from there |
//! | A message arrives twice, or its worker dies in the middle | [`Idempotency::run`], [`Idempotency::run_job`]: claim, work, complete |
//! | A worker that stood still wakes up and overwrites its successor's result | the claim's owner token: completion is fenced |
//! | A throttled service makes good messages die | [`JobOutcome::Postpone`]: comes back, spends no attempt |
//! | Lambda ends the process in the middle of a batch | [`TimeLimit`]: what does not fit is not begun |
//! | A variable is missing, and the function fails at its first message | [`Variables`]: named at the start |
//!
//! # A whole function
//!
//! Orders to charge come from a queue, some of them twice. What is `ledger` and `queue` here are `DynamoDbJobLedger` and
//! `SqsJobQueue` of `millrace-adapters-aws` when deployed; `examples/idempotent_function` is the same as a program.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
//! use millrace_adapters_local::{Database, SqliteJobLedger, SqliteJobQueue};
//! use millrace_adapters_system::{SystemClock, SystemIdGenerator};
//! use millrace_function_runtime::{
//!     Batch, ErrorKind, Idempotency, IdempotentStep, JobOutcome, JobQueue, PortError, QueueName, QueuePolicy,
//!     ReceivedMessage, StepKey, StepPolicy, TimeLimit, Worked, run_batch,
//! };
//!
//! /// What stands for a payment service.
//! #[derive(Default)]
//! struct Payments(AtomicU32);
//!
//! impl Payments {
//!     async fn charge(&self, order: &str) -> Result<String, std::io::Error> {
//!         Ok(format!("payment {} for {order}", self.0.fetch_add(1, Ordering::SeqCst) + 1))
//!     }
//! }
//!
//! async fn charge(steps: &Idempotency, payments: &Payments, message: ReceivedMessage) -> JobOutcome {
//!     let Ok(order) = serde_json::from_str::<serde_json::Value>(&message.body) else {
//!         return JobOutcome::malformed("not JSON");
//!     };
//!     let Some(id) = order["id"].as_str() else { return JobOutcome::malformed("an order without an id") };
//!     let step = IdempotentStep::new(StepKey::named("charge", id))
//!         .with_fingerprint(order["cents"].to_string())
//!         .delivered_by(&message);
//!     let work = |_claim| async move {
//!         // The kind decides what becomes of the message: this one returns, and spends an attempt.
//!         let unavailable = |error| PortError::caused(ErrorKind::Unavailable, format!("charge order {id}"), error);
//!         payments.charge(id).await.map(Worked::Done).map_err(unavailable)
//!     };
//!     steps.run_job(step, work).await
//! }
//!
//! async fn handle(steps: &Idempotency, payments: &Payments, queue: &dyn JobQueue, batch: Batch) -> SqsBatchResponse {
//!     run_batch(batch, QueueName::Ingest, queue, 4, |message| charge(steps, payments, message)).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (clock, database) = (Arc::new(SystemClock), Database::open_in_memory()?);
//! let ledger = Arc::new(SqliteJobLedger::new(database.clone(), clock.clone()));
//! let policy = QueuePolicy { visibility_timeout_ms: 60_000, receives_max: 10 };
//! let queue = SqliteJobQueue::new(database, clock.clone(), HashMap::from([(QueueName::Ingest, policy)]));
//! let policy = StepPolicy { lease_ms: 45_000, ..StepPolicy::default() };
//! let steps = Idempotency::new(ledger, clock, Arc::new(SystemIdGenerator), policy);
//!
//! // Two messages about one order; and then the whole batch once more, since Lambda delivers at least once.
//! let event: SqsEvent = serde_json::from_value(serde_json::json!({ "Records": [
//!     { "messageId": "1", "receiptHandle": "a", "body": r#"{"id": "7", "cents": 950}"# },
//!     { "messageId": "2", "receiptHandle": "b", "body": r#"{"id": "7", "cents": 950}"# },
//! ] }))?;
//! let payments = Payments::default();
//! for _ in 0..2 {
//!     let batch = Batch::within(event.clone(), TimeLimit::NONE);
//!     let response = handle(&steps, &payments, &queue, batch).await;
//!     assert!(response.batch_item_failures.is_empty());
//! }
//! assert_eq!(payments.0.load(Ordering::SeqCst), 1, "charged once");
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - A step's result, once remembered, stays the same for [`StepPolicy::remember_ms`], and the work is not run again.
//! - At any instant one owner holds the claim on a step. Whoever was overtaken can neither complete it nor free it.
//! - A step whose worker died is claimed again when its lease ends. One that kills every worker is given up after
//!   [`StepPolicy::attempts_max`] of them, without being run another time.
//! - No message is reported as done before its outcome is: acknowledged, sent anew, or in the dead-letter queue. What cannot
//!   be steered is reported as failed, and comes again.
//!
//! # What is not, and what to do about it
//!
//! **Work may run more than once.** A crash after the work and before the completion repeats it: no ledger can tell that the
//! work is done if it did not hear of it. So with [`Worked::Done`] a second run must change nothing that the first did not:
//! write under keys that follow from the step, pass the step's key on as the idempotency key of a remote call, reserve ids in
//! [`IdempotentStep::with_memo`]. Where the effect is in the same database as the ledger, do both in one transaction, and
//! answer [`Worked::Completed`]: then nothing is repeated. `EventStore::append` takes the claim as `completes`.
//!
//! **A lease may end during the work.** Nothing stops the work then, since nobody can stop a process that stands still. Another
//! may claim the step and run beside it. If nobody did, the late worker completes as usual. If somebody did, it learns so when
//! it completes ([`StepRun::ClaimLost`]), and its result is not remembered. This is why completion is fenced: without the
//! owner token the late worker would overwrite the result of the second one, or free a step that is being worked on, and a
//! third would begin. What it wrote elsewhere is not undone. So let it be the same as what the other writes, or visible only
//! through the transaction that completes, and let the lease be longer than the work may take, or [`Idempotency::renew`] it.
//!
//! **What follows a step may be lost with a crash right after it.** [`Idempotency::run_job`] acknowledges a step that was done
//! before. Send follow-on messages within the work, before it completes; or use [`Idempotency::run`] and send them again on
//! [`StepRun::DoneBefore`].
//!
//! # Three times that must fit
//!
//! | | |
//! |---|---|
//! | the function's timeout | the longest that an invocation, so all messages of its batch, may take |
//! | the lease of a claim | longer than the function's timeout: then it cannot end while its worker lives |
//! | the queue's visibility timeout | longer than the lease: a message that comes back finds its step free, not claimed by the dead |
//!
//! For example 45, 60 and 90 seconds. With a visibility below the lease nothing goes wrong, but a message whose worker died comes back,
//! finds the claim, and is postponed. With one below the function's timeout messages come again while they are worked on. AWS
//! advises a visibility of six times the timeout, for batches that are throttled on their way to the function.
//!
//! # What the event source mapping needs
//!
//! - `FunctionResponseTypes: [ReportBatchItemFailures]`, for queues and streams alike. Without it Lambda ignores the response: it
//!   deletes the whole batch, and what was reported as failed is lost.
//! - A dead-letter queue on the source queue, with a `maxReceiveCount` that permits at least [`StepPolicy::attempts_max`]
//!   receives and some for returns that were nobody's fault; ten for five attempts. It catches what the driver cannot see:
//!   functions that do not start, or are ended in the middle, time after time.
//! - For the function, `sqs:SendMessage` and `sqs:ChangeMessageVisibility` on the queue and `sqs:SendMessage` on its dead-letter
//!   queue, beside what Lambda needs to poll.
//! - For streams, `BisectBatchOnFunctionError: false`, and a bound on the age of records with a destination for those beyond.
//!
//! # What it does not do
//!
//! FIFO queues need every message after a failed one reported too; [`run_batch`] does not. Running work is not cut off at the
//! end of the time: bound remote calls by timeouts of their own. Queues are called by [`QueueName`], which is Millrace's own
//! list: a function with a queue of its own binds one of the names to its address (they appear in logs only) or implements
//! [`JobQueue`], whose three methods are all that the driver calls.

mod batch;
mod bus_event;
mod hosting;
mod job_message;
mod journal_record;
#[cfg(test)]
mod recording_queue;
mod sqs_batch;
mod sqs_message;
mod stream_batch;
mod time_limit;
mod variables;

pub use batch::Batch;
pub use bus_event::{UnreadableBusEvent, envelope_of_bus_event};
pub use hosting::{host, start_logging};
pub use job_message::run_job_batch;
pub use journal_record::{UnreadableRecord, envelopes_of_record, to_stream_record};
pub use sqs_batch::run_batch;
pub use sqs_message::{received_message, to_sqs_event};
pub use stream_batch::{run_stream, run_stream_at_once};
pub use time_limit::TimeLimit;
pub use variables::{ConfigError, Variables};

// What a function of somebody else needs to name, without a list of Millrace's crates.
#[doc(inline)]
pub use millrace_application::{Idempotency, IdempotentStep, JobOutcome, StepPolicy, StepRun, Worked};
#[doc(inline)]
pub use millrace_domain::QueueName;
#[doc(inline)]
pub use millrace_ports::{
    Claim, Clock, DeadLetterCode, ErrorKind, IdGenerator, JobLedger, JobQueue, PortError, QueuePolicy,
    ReceivedMessage, StepKey,
};
