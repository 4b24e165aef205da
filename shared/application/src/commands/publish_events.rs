//! The outbox's second half: takes appended events in order and publishes them. On the first failure it stops, so that
//! the events of a document leave in order; what was not published comes again.

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

    /// Publishes events in order. On failure gives the position of the first that is not known to be published.
    pub async fn run(&self, events: &[EventEnvelope]) -> Result<(), (usize, PortError)> {
        let answers = self.bus.publish(events).await;
        let first_failure =
            answers.into_iter().enumerate().find_map(|(at, answer)| Some((at, answer.err()?)));
        first_failure.map_or(Ok(()), Err)
    }
}
