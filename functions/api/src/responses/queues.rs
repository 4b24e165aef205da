//! How many messages each queue has.

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
}

impl From<Vec<(QueueName, QueueDepth)>> for QueuesResponse {
    fn from(queues: Vec<(QueueName, QueueDepth)>) -> Self {
        let queue = |(queue, depth): (QueueName, QueueDepth)| {
            let QueueDepth { visible, in_flight, delayed, dead } = depth;
            QueueResponse { queue: queue.as_str(), visible, in_flight, delayed, dead }
        };
        Self { queues: queues.into_iter().map(queue).collect() }
    }
}

fn queue_schema(_: &mut SchemaGenerator) -> Schema {
    let names = QueueName::ALL.map(QueueName::as_str);
    json_schema!({ "type": "string", "enum": names, "description": "The queue's name." })
}
