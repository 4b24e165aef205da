//! The outbox's second half: takes appended events in order and publishes them. The bus stops at the first failure, so that
//! the events of a document leave in order; from there on all of them come again, those that went out, too.

use std::sync::Arc;

use millrace_domain::EventEnvelope;
use millrace_ports::{EventBus, PortError};

/// The use case.
#[derive(Debug, Clone)]
pub struct PublishEvents {
    bus: Arc<dyn EventBus>,
}

impl PublishEvents {
    /// Publishing on a bus.
    pub fn new(bus: Arc<dyn EventBus>) -> Self {
        Self { bus }
    }

    /// Publishes events, those of each document in order. On failure gives the position of the first that is not known to be
    /// published: from there they are to be published again.
    pub async fn run(&self, events: &[EventEnvelope]) -> Result<(), (usize, PortError)> {
        let answers = self.bus.publish(events).await;
        let first_failure =
            answers.into_iter().enumerate().find_map(|(at, answer)| Some((at, answer.err()?)));
        first_failure.map_or(Ok(()), Err)
    }
}
