//! One page of a document's events.

use millrace_application::TimelinePage;
use millrace_domain::{EventEnvelope, Version};
use schemars::JsonSchema;
use serde::Serialize;

/// Events in order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Timeline")]
pub(crate) struct TimelineResponse {
    events: Vec<EventEnvelope>,
    /// To be passed as `after` for the next page; null at the end.
    next_after: Option<Version>,
}

impl From<TimelinePage> for TimelineResponse {
    fn from(page: TimelinePage) -> Self {
        let next_after = page.events.last().map(|event| event.sequence).filter(|_| page.more);
        Self { events: page.events, next_after }
    }
}
