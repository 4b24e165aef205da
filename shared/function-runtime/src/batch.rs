//! What a queue's handler is given: the messages, and how long it may work on them.

use aws_lambda_events::event::sqs::SqsEvent;

use crate::TimeLimit;

/// Messages of one invocation. An SQS event alone is a batch without an end to its time.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) event: SqsEvent,
    pub(crate) limit: TimeLimit,
}

impl Batch {
    /// Messages that are worked on while there is time.
    pub fn within(event: SqsEvent, limit: TimeLimit) -> Self {
        Self { event, limit }
    }
}

impl From<SqsEvent> for Batch {
    fn from(event: SqsEvent) -> Self {
        Self { event, limit: TimeLimit::NONE }
    }
}
