//! The ports for queues: sending and steering messages, and, where no event source does it for us, consuming them.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};

use crate::{DEAD_LETTER_CODE, DEAD_LETTER_REASON, DeadLetterCode, PortError};

/// Longest body in bytes, as SQS has it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest delay in milliseconds, as SQS has it (900 s).
pub const DELAY_MS_MAX: u64 = 900_000;
/// Longest visibility timeout in milliseconds, as SQS has it (12 h).
pub const VISIBILITY_MS_MAX: u64 = 43_200_000;
/// The attribute that carries the W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";

/// A message to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// At most `MESSAGE_BYTES_MAX` bytes.
    pub body: String,
    /// Whose share of the queue it takes: groups are served in turn, so that a busy tenant delays only itself.
    /// Order within a group is not kept.
    pub group: Option<String>,
    /// How long it stays hidden, at most `DELAY_MS_MAX`.
    pub delay_ms: u64,
    /// Small texts beside the body.
    pub attributes: BTreeMap<String, String>,
}

/// Proof of having received a message, good until its visibility timeout ends and it is received again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The same at every delivery.
    pub message_id: String,
    /// For this delivery only.
    pub receipt: Receipt,
    /// As sent.
    pub body: String,
    /// As sent.
    pub group: Option<String>,
    /// As sent; of a message that was redriven, also `DEAD_LETTER_CODE` and `DEAD_LETTER_REASON`.
    pub attributes: BTreeMap<String, String>,
    /// 1 at the first delivery.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl ReceivedMessage {
    /// Whether it comes back from the dead-letter queue. A message that died carries why, and carries it still when it was
    /// put back to work.
    pub fn is_redriven(&self) -> bool {
        [DEAD_LETTER_CODE, DEAD_LETTER_REASON].iter().any(|name| self.attributes.contains_key(*name))
    }
}

/// How a queue treats its messages; the same figures stand in the deployed queue's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePolicy {
    /// How long a received message stays hidden unless deleted.
    pub visibility_timeout_ms: u64,
    /// After so many receives without deletion it moves to the dead-letter queue.
    pub receives_max: u32,
}

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that still runs.
    pub delayed: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// Sends messages and steers those in flight.
///
/// An implementer promises: after `Ok` a message survives the death of the process and is delivered at least once (what a power
/// cut takes back on one machine, the sweeper sends again, since jobs follow from the history); the answer of `send`
/// has one entry per message in the same order, and a failed entry sent nothing; a message beyond a bound is `Invalid`;
/// steering with a receipt that is no longer good changes nothing and is `NotFound`.
#[async_trait]
pub trait JobQueue: Send + Sync + fmt::Debug {
    /// Sends any number of messages; batching beneath is the adapter's.
    async fn send(&self, queue: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>>;

    /// Hides a message in flight for `delay_ms` from now, after which it is delivered again.
    async fn change_visibility(
        &self,
        queue: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError>;

    /// Moves a message in flight to the dead-letter queue, with code and reason as attributes; those of an earlier death are
    /// replaced.
    async fn dead_letter(
        &self,
        queue: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError>;
}

/// Receives and deletes messages: what Lambda's event source mapping does on AWS.
///
/// An implementer promises: a received message is hidden until its visibility timeout ends; its receive count grows with
/// each delivery; one that was received `receives_max` times and comes visible again moves to the dead-letter queue
/// instead; waiting ends early when a message arrives; a deleted message never comes again.
#[async_trait]
pub trait JobConsumer: Send + Sync + fmt::Debug {
    /// Receives up to `most` messages (at least 1), waiting up to `wait_ms` for the first.
    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError>;

    /// Deletes messages for good. Receipts that are no longer good are skipped.
    async fn delete(&self, queue: QueueName, receipts: &[Receipt]) -> Result<(), PortError>;

    /// Counts the messages.
    async fn depth(&self, queue: QueueName) -> Result<QueueDepth, PortError>;

    /// When the oldest message that was neither deleted nor given up was sent. A queue that cannot say answers `None`, as it
    /// does when it is empty (SQS tells this only as a metric).
    async fn oldest_sent_at(&self, queue: QueueName) -> Result<Option<Timestamp>, PortError> {
        let _ = queue;
        Ok(None)
    }
}
