//! How many messages each queue has. The figures are of the whole installation, all tenants together, so they are for whoever
//! runs it; keeping others out is the business of whoever calls.

use std::sync::Arc;

use futures::future::try_join_all;
use millrace_domain::QueueName;
use millrace_ports::{JobConsumer, PortError, QueueDepth};

/// The use case.
#[derive(Debug, Clone)]
pub struct InspectQueues {
    consumer: Arc<dyn JobConsumer>,
}

impl InspectQueues {
    /// Counting where messages are received.
    pub fn new(consumer: Arc<dyn JobConsumer>) -> Self {
        Self { consumer }
    }

    /// The depth of every queue there is. The queues are counted one by one: together the figures are no snapshot.
    pub async fn run(&self) -> Result<Vec<(QueueName, QueueDepth)>, PortError> {
        try_join_all(QueueName::ALL.map(async |queue| Ok((queue, self.consumer.depth(queue).await?)))).await
    }
}
