//! A message as SQS delivers it, in our words.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System};
use millrace_domain::Timestamp;
use millrace_ports::{DeadLetter, ErrorKind, PortError, Receipt, ReceivedMessage};

/// Reads a delivered message.
pub(super) fn received(message: Message) -> Result<ReceivedMessage, PortError> {
    let system = message.attributes.unwrap_or_default();
    let number = |name: System| system.get(&name).and_then(|text| text.parse::<i64>().ok());
    let (Some(message_id), Some(receipt), Some(sent_at), Some(count)) = (
        message.message_id,
        message.receipt_handle,
        number(System::SentTimestamp),
        number(System::ApproximateReceiveCount),
    ) else {
        return Err(PortError::new(
            ErrorKind::Corrupt,
            "read a message: it has no id, receipt, time or count",
        ));
    };
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    let attributes: BTreeMap<_, _> =
        attributes.filter_map(|(name, value)| Some((name, value.string_value?))).collect();
    Ok(ReceivedMessage {
        message_id,
        receipt: Receipt(receipt),
        body: message.body.unwrap_or_default(),
        group: system.get(&System::MessageGroupId).cloned(),
        attributes,
        receive_count: u32::try_from(count).unwrap_or(u32::MAX),
        sent_at: Timestamp::from_millis(sent_at),
    })
}

/// The same message as a dead letter. SQS counts receives of dead letters on, our own looks among them: that says nothing.
pub(super) fn dead_letter(message: ReceivedMessage) -> DeadLetter {
    DeadLetter {
        message_id: message.message_id,
        body: message.body,
        group: message.group,
        attributes: message.attributes,
        receive_count: 0,
        sent_at: message.sent_at,
    }
}
