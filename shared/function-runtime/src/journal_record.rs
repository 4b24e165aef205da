//! The shape of a journal item as it comes out of the DynamoDB stream: keys `pk` (tenant#document) and `sk` (sequence),
//! and the envelope as JSON text in `envelope`. Heads and snapshots have no `envelope` and are not events.

use aws_lambda_events::event::dynamodb::{EventRecord, StreamRecord};
use millrace_domain::EventEnvelope;
use serde_dynamo::{AttributeValue, Item};

/// The attribute that holds the envelope.
const ENVELOPE: &str = "envelope";

/// Why a stream record that should be an event cannot be read. The stream must stop at it: skipping it would publish a
/// history with a gap.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRecord {
    /// The attribute is not text.
    #[error("attribute envelope is not a string")]
    NotText,
    /// The text is not an envelope.
    #[error("attribute envelope does not hold an event")]
    NotEvent(#[source] serde_json::Error),
}

/// The event in a stream record; `None` for records that are not new events (heads, snapshots, removals).
pub fn envelope_of_record(record: &EventRecord) -> Result<Option<EventEnvelope>, UnreadableRecord> {
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    match record.change.new_image.get(ENVELOPE) {
        None => Ok(None),
        Some(AttributeValue::S(text)) => {
            serde_json::from_str(text).map(Some).map_err(UnreadableRecord::NotEvent)
        }
        Some(_) => Err(UnreadableRecord::NotText),
    }
}

/// The stream record that DynamoDB would emit for an appended event. `position` orders the stream.
pub fn to_stream_record(envelope: &EventEnvelope, position: u64) -> EventRecord {
    let json =
        serde_json::to_string(envelope).expect("an envelope has string keys and no fallible serializer");
    let partition = format!("{}#{}", envelope.tenant_id, envelope.document_id);
    let keys = [
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::N(envelope.sequence.to_string())),
    ];
    let mut image = std::collections::HashMap::from(keys);
    let mut change = StreamRecord::default();
    change.keys = Item::from(image.clone());
    image.insert(ENVELOPE.to_owned(), AttributeValue::S(json));
    change.new_image = Item::from(image);
    change.sequence_number = Some(position.to_string());
    let mut record = EventRecord::default();
    record.event_id = envelope.id.to_string();
    record.event_name = "INSERT".into();
    record.event_source = Some("aws:dynamodb".into());
    record.change = change;
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = include_str!("../../../events/stored/uploaded/v1.json");

    fn envelope() -> EventEnvelope {
        serde_json::from_str(STORED).unwrap()
    }

    /// The record that Lambda would deliver.
    fn delivered(record: &EventRecord) -> EventRecord {
        serde_json::from_value(serde_json::to_value(record).unwrap()).unwrap()
    }

    fn with_envelope(value: Option<AttributeValue>) -> EventRecord {
        let mut record = to_stream_record(&envelope(), 7);
        let mut image = record.change.new_image.into_inner();
        image.remove(ENVELOPE);
        image.extend(value.map(|value| (ENVELOPE.to_owned(), value)));
        record.change.new_image = Item::from(image);
        record
    }

    #[test]
    fn an_event_survives_the_shape_of_the_record() {
        let record = delivered(&to_stream_record(&envelope(), 7));
        assert_eq!(envelope_of_record(&record).unwrap(), Some(envelope()));
        assert_eq!(record.change.sequence_number.as_deref(), Some("7"));
        let text = |name: &str| record.change.keys.get(name).cloned();
        let partition = "default#01900000-0000-7000-8000-000000000002".to_owned();
        assert_eq!(text("pk"), Some(AttributeValue::S(partition)));
        assert_eq!(text("sk"), Some(AttributeValue::N("1".into())));
    }

    #[test]
    fn only_what_was_inserted_is_a_new_event() {
        for name in ["MODIFY", "REMOVE", "insert", ""] {
            let mut record = to_stream_record(&envelope(), 7);
            record.event_name = name.into();
            assert_eq!(envelope_of_record(&record).unwrap(), None, "{name:?}");
        }
        assert_eq!(envelope_of_record(&with_envelope(None)).unwrap(), None, "a head or a snapshot");
    }

    #[test]
    fn an_event_that_cannot_be_read_is_not_passed_over() {
        let unread = |value| envelope_of_record(&delivered(&with_envelope(Some(value)))).unwrap_err();
        assert!(matches!(unread(AttributeValue::N("1".into())), UnreadableRecord::NotText));
        assert!(matches!(unread(AttributeValue::Null(true)), UnreadableRecord::NotText));
        for text in ["", "{}", r#"{"specversion":"1.0"#] {
            assert!(
                matches!(unread(AttributeValue::S(text.into())), UnreadableRecord::NotEvent(_)),
                "{text}"
            );
        }
    }
}
