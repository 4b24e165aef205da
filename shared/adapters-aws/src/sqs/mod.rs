//! SQS: `SqsJobQueue` to send, steer and receive, `SqsDeadLetters` for what was given up. The queues are standard ones: a
//! message group there is a fair share, not an order.

mod batch;
mod dead_letter_sweep;
mod failure;
mod message;
mod outgoing;
mod queues;
#[cfg(test)]
mod requests;
mod sqs_dead_letters;
mod sqs_job_queue;
#[cfg(test)]
pub(crate) mod suite;

pub use queues::{SqsQueueUrls, SqsQueues};
pub use sqs_dead_letters::SqsDeadLetters;
pub use sqs_job_queue::SqsJobQueue;
