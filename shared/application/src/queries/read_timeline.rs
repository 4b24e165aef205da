//! The events of one document, page by page, and with the first page the steps of its sagas.

use std::sync::Arc;

use millrace_domain::{DocumentKey, EventEnvelope, SagaHistory, SagaStep, Version};
use millrace_ports::{EventStore, PortError};

/// Most events on one page.
const TIMELINE_PAGE_MAX: usize = 500;
/// Longest history whose steps are derived: a few megabytes, the batches of some 300,000 chunks. Beyond it there are none.
const STEPS_EVENTS_MAX: u64 = 20_000;

/// One page of a timeline.
#[derive(Debug, Clone)]
pub struct TimelinePage {
    /// The events in order.
    pub events: Vec<EventEnvelope>,
    /// Whether there may be more.
    pub more: bool,
    /// The steps of the document's sagas, in the order in which they began. Only with the page that begins the history, and
    /// none of a history of more than 20,000 events.
    pub steps: Option<Vec<SagaStep>>,
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
        let steps = match after {
            Version::NONE => self.steps(key, &events, more).await?,
            _ => None,
        };
        events.truncate(limit);
        Ok(Some(TimelinePage { events, more, steps }))
    }

    /// The steps of the whole history, of which the first events are read already. An ordinary document has no others.
    async fn steps(
        &self,
        key: &DocumentKey,
        first: &[EventEnvelope],
        more: bool,
    ) -> Result<Option<Vec<SagaStep>>, PortError> {
        let mut history = SagaHistory::default();
        let mut last = record(&mut history, first);
        let mut goes_on = more;
        while goes_on {
            let events = self.store.read(key, last, TIMELINE_PAGE_MAX).await?;
            goes_on = events.len() == TIMELINE_PAGE_MAX;
            last = last.max(record(&mut history, &events));
            if last.get() > STEPS_EVENTS_MAX {
                return Ok(None);
            }
        }
        Ok(Some(history.into_steps()))
    }
}

/// Takes events into the history. Gives the sequence of the last.
fn record(history: &mut SagaHistory, events: &[EventEnvelope]) -> Version {
    for envelope in events {
        history.record(&envelope.event, envelope.time);
    }
    events.last().map_or(Version::NONE, |event| event.sequence)
}
