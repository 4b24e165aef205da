//! The shape of a document's head as it comes out of the DynamoDB stream: keys `pk` (tenant#document) and `sk` (above every
//! sequence), and in `appended` the envelopes of its last append as JSON texts.
//!
//! The events are items of their own, too, but the stream promises an order only for one item: records of several items,
//! even of one transaction, may come out in any order. The head is written by every append, so its records are the
//! document's events in order. Items without `appended` (events, snapshots) are passed over.

use aws_lambda_events::event::dynamodb::{EventRecord, StreamRecord};
use millrace_domain::EventEnvelope;
use serde_dynamo::{AttributeValue, Item};

/// The attribute that holds the envelopes.
const APPENDED: &str = "appended";
/// The sort key of heads.
const HEAD_SORT: &str = "99999999999999999999";

/// Why a stream record that should hold events cannot be read. The stream must stop at it: skipping it would publish a
/// history with a gap.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRecord {
    /// The attribute is not a list of texts.
    #[error("attribute appended is not a list of strings")]
    NotTexts,
    /// A text is not an envelope.
    #[error("attribute appended holds something else than events")]
    NotEvent(#[source] serde_json::Error),
}

/// The events in a stream record, in order; none in records that are not of appends (events' own items, snapshots,
/// removals).
pub fn envelopes_of_record(record: &EventRecord) -> Result<Vec<EventEnvelope>, UnreadableRecord> {
    if !["INSERT", "MODIFY"].contains(&record.event_name.as_str()) {
        return Ok(Vec::new());
    }
    match record.change.new_image.get(APPENDED) {
        None => Ok(Vec::new()),
        Some(AttributeValue::L(texts)) => texts.iter().map(read_envelope).collect(),
        Some(_) => Err(UnreadableRecord::NotTexts),
    }
}

fn read_envelope(value: &AttributeValue) -> Result<EventEnvelope, UnreadableRecord> {
    let AttributeValue::S(text) = value else { return Err(UnreadableRecord::NotTexts) };
    serde_json::from_str(text).map_err(UnreadableRecord::NotEvent)
}

/// The stream record that DynamoDB would emit for an append of this one event. `position` orders the stream.
pub fn to_stream_record(envelope: &EventEnvelope, position: u64) -> EventRecord {
    let json =
        serde_json::to_string(envelope).expect("an envelope has string keys and no fallible serializer");
    let partition = format!("{}#{}", envelope.tenant_id, envelope.document_id);
    let keys = [
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::N(HEAD_SORT.to_owned())),
    ];
    let mut image = std::collections::HashMap::from(keys);
    let mut change = StreamRecord::default();
    change.keys = Item::from(image.clone());
    image.insert("version".to_owned(), AttributeValue::N(envelope.sequence.to_string()));
    image.insert(APPENDED.to_owned(), AttributeValue::L(vec![AttributeValue::S(json)]));
    change.new_image = Item::from(image);
    change.sequence_number = Some(position.to_string());
    let mut record = EventRecord::default();
    record.event_id = envelope.id.to_string();
    record.event_name = if envelope.sequence.get() == 1 { "INSERT" } else { "MODIFY" }.into();
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

    fn with_appended(value: Option<AttributeValue>) -> EventRecord {
        let mut record = to_stream_record(&envelope(), 7);
        let mut image = record.change.new_image.into_inner();
        image.remove(APPENDED);
        image.extend(value.map(|value| (APPENDED.to_owned(), value)));
        record.change.new_image = Item::from(image);
        delivered(&record)
    }

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.into())
    }

    #[test]
    fn an_event_survives_the_shape_of_the_record() {
        let record = delivered(&to_stream_record(&envelope(), 7));
        assert_eq!(envelopes_of_record(&record).unwrap(), [envelope()]);
        assert_eq!(record.change.sequence_number.as_deref(), Some("7"));
        let key = |name: &str| record.change.keys.get(name).cloned();
        assert_eq!(key("pk"), Some(text("default#01900000-0000-7000-8000-000000000002")));
        assert_eq!(key("sk"), Some(AttributeValue::N(HEAD_SORT.into())));
    }

    #[test]
    fn the_events_of_an_append_come_in_its_order() {
        let later = EventEnvelope { sequence: envelope().sequence.next(), ..envelope() };
        let texts = [&envelope(), &later].map(|event| text(&serde_json::to_string(event).unwrap()));
        let record = with_appended(Some(AttributeValue::L(texts.into())));
        assert_eq!(envelopes_of_record(&record).unwrap(), [envelope(), later]);
    }

    #[test]
    fn only_what_was_written_is_an_append() {
        for (name, expected) in [("INSERT", 1), ("MODIFY", 1), ("REMOVE", 0), ("insert", 0), ("", 0)] {
            let mut record = to_stream_record(&envelope(), 7);
            record.event_name = name.into();
            assert_eq!(envelopes_of_record(&record).unwrap().len(), expected, "{name:?}");
        }
        assert_eq!(
            envelopes_of_record(&with_appended(None)).unwrap(),
            [],
            "an event's own item or a snapshot"
        );
    }

    #[test]
    fn an_event_that_cannot_be_read_is_not_passed_over() {
        let unread = |value| envelopes_of_record(&with_appended(Some(value))).unwrap_err();
        let sound = text(&serde_json::to_string(&envelope()).unwrap());
        let number = AttributeValue::N("1".into());
        for value in [number.clone(), sound.clone(), AttributeValue::L(vec![sound.clone(), number])] {
            assert!(matches!(unread(value), UnreadableRecord::NotTexts));
        }
        for broken in ["", "{}", r#"{"specversion":"1.0"#] {
            let value = AttributeValue::L(vec![sound.clone(), text(broken)]);
            assert!(matches!(unread(value), UnreadableRecord::NotEvent(_)), "{broken}");
        }
    }
}
