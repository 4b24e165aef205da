//! A bus whose publications the witness sees.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::EventEnvelope;
use millrace_ports::{EventBus, PortError};

use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenBus {
    inner: Arc<dyn EventBus>,
    witness: Arc<Witness>,
}

impl SeenBus {
    pub(crate) fn new(inner: Arc<dyn EventBus>, witness: Arc<Witness>) -> Self {
        Self { inner, witness }
    }
}

#[async_trait]
impl EventBus for SeenBus {
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>> {
        let answers = self.inner.publish(events).await;
        for (event, answer) in events.iter().zip(&answers) {
            self.witness.published(event, answer.is_ok());
        }
        answers
    }
}
