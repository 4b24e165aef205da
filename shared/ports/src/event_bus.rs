//! The port to the bus on which events go out to whoever subscribes.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::EventEnvelope;

use crate::PortError;

/// Publishes events.
///
/// An implementer promises: the answer has one entry per event, in order; after `Ok` of an entry every subscriber whose
/// rule matches will get it at least once; batching and size limits beneath are the adapter's.
///
/// An event is handed over only after every event of its document that stands before it was taken. After a failure, of
/// whatever kind, nothing more is handed over: what was not is answered with an error, too. Events of other documents may
/// have gone out though they stand behind the first failure. Whoever publishes goes on from that failure and so repeats
/// them, under the same ids. How subscribers are served is not promised an order; they have `EventEnvelope::sequence`.
#[async_trait]
pub trait EventBus: Send + Sync + fmt::Debug {
    /// Publishes events, those of each document in the given order.
    async fn publish(&self, events: &[EventEnvelope]) -> Vec<Result<(), PortError>>;
}
