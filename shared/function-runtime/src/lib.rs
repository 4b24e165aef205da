//! Glue between Lambda's event shapes and the use cases, shared by all worker functions: the partial-batch driver, the
//! message and journal codecs. Decides nothing about documents and names no adapter.
//!
//! The partial-batch driver stands on its own: give it an SQS event, a queue port and a closure from message to
//! [`JobOutcome`](millrace_application::JobOutcome), and it returns the `batchItemFailures` that Lambda expects.

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
