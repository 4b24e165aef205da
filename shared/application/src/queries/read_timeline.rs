//! The events of one document, page by page.

use std::sync::Arc;

use millrace_domain::{DocumentKey, EventEnvelope, Version};
use millrace_ports::{EventStore, PortError};

/// Most events on one page.
const TIMELINE_PAGE_MAX: usize = 500;

/// One page of a timeline.
#[derive(Debug, Clone)]
pub struct TimelinePage {
    /// The events in order.
    pub events: Vec<EventEnvelope>,
    /// Whether there may be more.
    pub more: bool,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ReadTimeline {
    store: Arc<dyn EventStore>,
}

impl ReadTimeline {
    /// Reading from an event store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }

    /// Events after a sequence, at most `limit` (cut to 500). `None` if the document does not exist.
    pub async fn run(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Option<TimelinePage>, PortError> {
        let limit = limit.clamp(1, TIMELINE_PAGE_MAX);
        let mut events = self.store.read(key, after, limit + 1).await?;
        if events.is_empty() && self.store.heads(std::slice::from_ref(key)).await?.first() == Some(&None) {
            return Ok(None);
        }
        let more = events.len() > limit;
        events.truncate(limit);
        Ok(Some(TimelinePage { events, more }))
    }
}
