//! A message in SQS's form, checked against SQS's rules before it is sent: one that breaks them can fail the whole call
//! and its neighbours with it.

use std::collections::HashMap;

use aws_sdk_sqs::types::MessageAttributeValue;
use millrace_ports::OutgoingMessage;

/// The type of all our attributes.
const TEXT: &str = "String";

/// A message that SQS will take.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) group: Option<String>,
    pub(super) delay_s: i32,
    pub(super) attributes: HashMap<String, MessageAttributeValue>,
    /// Bytes that count against the bounds of message and call.
    pub(super) bytes: usize,
}

impl Outgoing {
    /// Says which rule is broken.
    pub(super) fn of(message: OutgoingMessage) -> Result<Self, &'static str> {
        message.check()?;
        let bytes = message.bytes();
        let OutgoingMessage { body, group, delay_ms, attributes } = message;
        let mut typed = HashMap::with_capacity(attributes.len());
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type(TEXT).string_value(value).build();
            typed.insert(name, value.map_err(|_| "an attribute has no type")?);
        }
        Ok(Self { body, group, delay_s: seconds(delay_ms), attributes: typed, bytes })
    }
}

/// Whole seconds, rounded up: never sooner than asked.
pub(super) fn seconds(milliseconds: u64) -> i32 {
    i32::try_from(milliseconds.div_ceil(1_000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use millrace_ports::DELAY_MS_MAX;

    use super::*;

    #[test]
    fn a_message_that_breaks_a_rule_is_refused_and_another_is_as_large_as_it_says() {
        let message = OutgoingMessage {
            body: "{}".into(),
            attributes: BTreeMap::from([("ab".into(), "cde".into())]),
            ..OutgoingMessage::default()
        };
        assert_eq!(Outgoing::of(message.clone()).unwrap().bytes, 2 + 11);
        let in_no_group = OutgoingMessage { group: Some(String::new()), ..message };
        assert!(Outgoing::of(in_no_group).is_err());
    }

    #[test]
    fn a_delay_is_never_shorter_than_asked() {
        assert_eq!([0, 1, 1_000, 1_001, DELAY_MS_MAX].map(seconds), [0, 1, 1, 2, 900]);
    }
}
