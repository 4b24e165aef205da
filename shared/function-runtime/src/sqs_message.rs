//! The shape of an SQS message as Lambda delivers it, to and from the port's message.
//! Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", example event.

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{Receipt, ReceivedMessage};

const RECEIVE_COUNT: &str = "ApproximateReceiveCount";
const SENT: &str = "SentTimestamp";
const GROUP: &str = "MessageGroupId";

/// Reads a delivered message. `None` if it lacks its id, receipt or body, which SQS always sends.
pub fn received_message(message: &SqsMessage) -> Option<ReceivedMessage> {
    let number = |name| message.attributes.get(name).and_then(|text| text.parse::<i64>().ok());
    let attributes = message.message_attributes.iter();
    Some(ReceivedMessage {
        message_id: message.message_id.clone()?,
        receipt: Receipt(message.receipt_handle.clone()?),
        body: message.body.clone()?,
        group: message.attributes.get(GROUP).cloned(),
        attributes: attributes
            .filter_map(|(name, value)| Some((name.clone(), value.string_value.clone()?)))
            .collect(),
        receive_count: number(RECEIVE_COUNT).and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        sent_at: Timestamp::from_millis(number(SENT).unwrap_or_default()),
    })
}

/// The event that Lambda would deliver for these messages of a queue: how a single node calls the same handlers.
pub fn to_sqs_event(queue: QueueName, messages: Vec<ReceivedMessage>) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages.into_iter().map(|message| to_sqs_message(queue, message)).collect();
    event
}

fn to_sqs_message(queue: QueueName, message: ReceivedMessage) -> SqsMessage {
    let mut delivered = SqsMessage::default();
    delivered.message_id = Some(message.message_id);
    delivered.receipt_handle = Some(message.receipt.0);
    delivered.body = Some(message.body);
    delivered.event_source = Some("aws:sqs".into());
    delivered.event_source_arn = Some(format!("arn:aws:sqs:local:000000000000:{queue}"));
    let counted = [
        (RECEIVE_COUNT.to_owned(), message.receive_count.to_string()),
        (SENT.to_owned(), message.sent_at.as_millis().to_string()),
    ];
    delivered.attributes.extend(counted);
    delivered.attributes.extend(message.group.map(|group| (GROUP.to_owned(), group)));
    delivered.message_attributes = message.attributes.into_iter().map(to_attribute).collect();
    delivered
}

fn to_attribute((name, value): (String, String)) -> (String, SqsMessageAttribute) {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some("String".into());
    attribute.string_value = Some(value);
    (name, attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_shape_of_the_event() {
        let message = ReceivedMessage {
            message_id: "m-1".into(),
            receipt: Receipt("r-1".into()),
            body: "{}".into(),
            group: Some("acme".into()),
            attributes: [("dead-letter-reason".to_owned(), "why".to_owned())].into(),
            receive_count: 3,
            sent_at: Timestamp::from_millis(1_700_000_000_000),
        };
        let event = to_sqs_event(QueueName::Ingest, vec![message.clone()]);
        let event: SqsEvent = serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap();
        assert_eq!(received_message(&event.records[0]), Some(message));
    }
}
