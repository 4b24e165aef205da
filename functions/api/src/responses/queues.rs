//! How many messages each queue has, and since when.

use millrace_application::QueueState;
use millrace_domain::QueueName;
use millrace_ports::QueueDepth;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// The figures of every queue, all tenants together.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Queues")]
pub(crate) struct QueuesResponse {
    queues: Vec<QueueResponse>,
}

/// The figures of one queue.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Queue")]
pub(crate) struct QueueResponse {
    #[schemars(schema_with = "queue_schema")]
    queue: &'static str,
    /// Ready to be worked on.
    visible: u64,
    /// Received and not done yet: worked on, or put back for another attempt.
    in_flight: u64,
    /// Sent with a delay that still runs.
    delayed: u64,
    /// Given up; kept in the dead-letter queue.
    dead: u64,
    /// How long ago the oldest message that still has to be done was sent; null if there is none, or where only the
    /// queue's own metrics tell.
    oldest_age_ms: Option<u64>,
    /// How long ago the oldest of those given up was sent; null if there is none.
    oldest_dead_age_ms: Option<u64>,
}

impl From<Vec<QueueState>> for QueuesResponse {
    fn from(queues: Vec<QueueState>) -> Self {
        let queue = |state: QueueState| {
            let QueueState { queue, depth, oldest_age_ms, oldest_dead_age_ms } = state;
            let (queue, QueueDepth { visible, in_flight, delayed, dead }) = (queue.as_str(), depth);
            QueueResponse { queue, visible, in_flight, delayed, dead, oldest_age_ms, oldest_dead_age_ms }
        };
        Self { queues: queues.into_iter().map(queue).collect() }
    }
}

/// The names of queues.
pub(crate) fn queue_schema(_: &mut SchemaGenerator) -> Schema {
    let names = QueueName::ALL.map(QueueName::as_str);
    json_schema!({ "type": "string", "enum": names, "description": "The queue's name." })
}
