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
