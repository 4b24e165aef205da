//! How many messages each queue has, and since when. The figures are of the whole installation, all tenants together, so they
//! are for whoever runs it; keeping others out is the business of whoever calls.

use std::sync::Arc;

use futures::future::try_join_all;
use millrace_domain::QueueName;
use millrace_ports::{Clock, DeadLetters, JobConsumer, PortError, QueueDepth};

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueState {
    /// Which.
    pub queue: QueueName,
    /// Its messages.
    pub depth: QueueDepth,
    /// How long ago the oldest message that still has to be done was sent, in milliseconds; absent if there is none or the
    /// queue cannot say.
    pub oldest_age_ms: Option<u64>,
    /// How long ago the oldest dead letter was sent, in milliseconds.
    pub oldest_dead_age_ms: Option<u64>,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct InspectQueues {
    consumer: Arc<dyn JobConsumer>,
    letters: Arc<dyn DeadLetters>,
    clock: Arc<dyn Clock>,
}

impl InspectQueues {
    /// Counting where messages are received and where they lie when they were given up.
    pub fn new(consumer: Arc<dyn JobConsumer>, letters: Arc<dyn DeadLetters>, clock: Arc<dyn Clock>) -> Self {
        Self { consumer, letters, clock }
    }

    /// The state of every queue there is. The queues are counted one by one: together the figures are no snapshot.
    pub async fn run(&self) -> Result<Vec<QueueState>, PortError> {
        try_join_all(QueueName::ALL.map(|queue| self.inspect(queue))).await
    }

    async fn inspect(&self, queue: QueueName) -> Result<QueueState, PortError> {
        let depth = self.consumer.depth(queue).await?;
        let oldest = self.consumer.oldest_sent_at(queue).await?;
        // Looking into an empty dead-letter queue costs a request on AWS.
        let dead = if depth.dead == 0 { vec![] } else { self.letters.list(queue, None, 1).await?.letters };
        let now = self.clock.now();
        Ok(QueueState {
            queue,
            depth,
            oldest_age_ms: oldest.map(|sent_at| now.millis_since(sent_at)),
            oldest_dead_age_ms: dead.first().map(|letter| now.millis_since(letter.sent_at)),
        })
    }
}
