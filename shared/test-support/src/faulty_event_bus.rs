//! A bus whose calls go wrong by a plan, each as a whole. It publishes nothing itself.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::EventEnvelope;
use millrace_ports::{EventBus, PortError};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyEventBus {
    inner: Arc<dyn EventBus>,
    plan: Arc<FaultPlan>,
}

impl FaultyEventBus {
    /// A bus behind a plan.
    pub fn new(inner: Arc<dyn EventBus>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl EventBus for FaultyEventBus {
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>> {
        const NAME: &str = "event_bus.publish";
        let failed =
            |error: PortError| events.iter().map(|_| Err(PortError::new(error.kind, NAME))).collect();
        self.plan.call_with(NAME, self.inner.publish(events), failed).await
    }
}
