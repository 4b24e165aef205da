//! The port to the bus on which events go out to whoever subscribes.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::EventEnvelope;

use crate::PortError;

/// Publishes events.
///
/// An implementer promises: the answer has one entry per event, in order; after `Ok` of an entry every subscriber whose
/// rule matches will get it at least once; batching and size limits beneath are the adapter's.
#[async_trait]
pub trait EventBus: Send + Sync + fmt::Debug {
    /// Publishes events in the given order.
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>>;
}
