//! What a queue's handler is given: the messages, and how long it may work on them.

use aws_lambda_events::event::sqs::SqsEvent;

use crate::TimeLimit;

/// Messages of one invocation.
///
/// An SQS event alone is a batch without an end to its time, for tests and for whoever calls handlers without Lambda; in a
/// deployed function use [`Batch::within`] and the limit that [`host`](crate::host) gives, or a batch that takes too long is
/// ended in the middle and repeated whole.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) event: SqsEvent,
    pub(crate) limit: TimeLimit,
}

impl Batch {
    /// Messages that are begun while there is time. The others are given back at once, at the price of one receive each: of
    /// a batch that never fits into its function's timeout the last messages end in the dead-letter queue.
    pub fn within(event: SqsEvent, limit: TimeLimit) -> Self {
        Self { event, limit }
    }
}

impl From<SqsEvent> for Batch {
    fn from(event: SqsEvent) -> Self {
        Self { event, limit: TimeLimit::NONE }
    }
}
