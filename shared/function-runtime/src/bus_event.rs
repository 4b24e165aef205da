//! The shape of an EventBridge event around our envelope, as rules put it on subscribers' queues.
//! Source: Amazon EventBridge User Guide, "AWS service event metadata".

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use millrace_domain::EventEnvelope;
use serde_json::Value;

/// Why a subscriber's message is not one of our events.
#[derive(Debug, thiserror::Error)]
#[error("malformed event")]
pub struct UnreadableBusEvent(#[source] serde_json::Error);

/// Reads the envelope out of a subscriber's message.
pub fn envelope_of_bus_event(body: &str) -> Result<EventEnvelope, UnreadableBusEvent> {
    let event: EventBridgeEvent<Value> = serde_json::from_str(body).map_err(UnreadableBusEvent)?;
    serde_json::from_value(event.detail).map_err(UnreadableBusEvent)
}
