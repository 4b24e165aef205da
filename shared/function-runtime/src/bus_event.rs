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

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = include_str!("../../../events/stored/uploaded/v1.json");

    /// An event as a rule puts it on a queue.
    fn body(detail: &Value) -> Value {
        serde_json::json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": "millrace.document.uploaded",
            "source": "millrace",
            "account": "123456789012",
            "time": "2025-11-21T02:00:00Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": detail,
        })
    }

    fn stored() -> Value {
        serde_json::from_str(STORED).unwrap()
    }

    #[test]
    fn the_envelope_is_the_detail() {
        let envelope = envelope_of_bus_event(&body(&stored()).to_string()).unwrap();
        assert_eq!(serde_json::to_value(&envelope).unwrap(), stored());
    }

    #[test]
    fn fields_of_a_later_release_are_no_obstacle() {
        let mut later = body(&stored());
        later["replay-name"] = "again".into();
        later["detail"]["dataschema"] = "v2".into();
        assert!(envelope_of_bus_event(&later.to_string()).is_ok());
    }

    #[test]
    fn what_is_no_event_of_ours_is_told_apart() {
        let mut unknown = stored();
        unknown["type"] = "millrace.document.translated".into();
        let mut of_the_future = stored();
        of_the_future["schema_version"] = 2.into();
        let mut incomplete = stored();
        incomplete["data"] = serde_json::json!({});
        for detail in [unknown, of_the_future, incomplete, Value::Null, "text".into()] {
            assert!(envelope_of_bus_event(&body(&detail).to_string()).is_err(), "{detail} was read");
        }
        for text in ["", "{", "{}", "[]", STORED] {
            assert!(envelope_of_bus_event(text).is_err(), "{text} was read");
        }
    }
}
