//! A message in SQS's form, checked against SQS's rules before it is sent: one that breaks them can fail the whole call
//! and its neighbours with it.

use std::collections::HashMap;

use aws_sdk_sqs::types::MessageAttributeValue;
use millrace_ports::{DELAY_MS_MAX, MESSAGE_BYTES_MAX, OutgoingMessage};

/// Most attributes of a message, as SQS has it.
const ATTRIBUTES_MAX: usize = 10;
/// Longest name of an attribute.
const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Longest name of a group.
const GROUP_CHARS_MAX: usize = 128;
/// The type of all our attributes.
const TEXT: &str = "String";
/// What takes the place of a character that SQS refuses, in texts that are for people.
const REPLACEMENT: char = '\u{fffd}';

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
        let OutgoingMessage { body, group, delay_ms, attributes } = message;
        let attribute_bytes = |(name, value): (&String, &String)| name.len() + TEXT.len() + value.len();
        let bytes = body.len() + attributes.iter().map(attribute_bytes).sum::<usize>();
        if bytes > MESSAGE_BYTES_MAX {
            return Err("body and attributes are over 1 MiB");
        }
        if body.is_empty() || !body.chars().all(is_permitted) {
            return Err("the body is empty or has a character that XML has not");
        }
        if delay_ms > DELAY_MS_MAX {
            return Err("the delay is over 15 minutes");
        }
        if !group.iter().all(|group| is_group(group)) {
            return Err("the group has a character that SQS does not take");
        }
        if attributes.len() > ATTRIBUTES_MAX
            || !attributes.iter().all(|(name, value)| is_attribute(name, value))
        {
            return Err("there are over ten attributes, or one has a name or value that SQS does not take");
        }
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

/// A text for people as SQS takes it: not empty, not too long, no character that it refuses.
pub(super) fn readable(text: &str, chars_max: usize) -> String {
    let permitted = |character| if is_permitted(character) { character } else { REPLACEMENT };
    let readable: String = text.chars().take(chars_max).map(permitted).collect();
    if readable.is_empty() { REPLACEMENT.into() } else { readable }
}

/// The characters of XML 1.0, which is what SQS takes.
fn is_permitted(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_group(group: &str) -> bool {
    (1..=GROUP_CHARS_MAX).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_attribute(name: &str, value: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=ATTRIBUTE_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(in_name)
        && !value.is_empty()
        && value.chars().all(is_permitted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn message(body: &str) -> OutgoingMessage {
        OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
    }

    fn with_attribute(name: &str, value: &str) -> OutgoingMessage {
        OutgoingMessage { attributes: BTreeMap::from([(name.into(), value.into())]), ..message("{}") }
    }

    #[test]
    fn attributes_count_against_the_bound() {
        let mut full = with_attribute("ab", "cde");
        full.body = "x".repeat(MESSAGE_BYTES_MAX - 11);
        assert_eq!(Outgoing::of(full.clone()).unwrap().bytes, MESSAGE_BYTES_MAX);
        full.body.push('x');
        assert!(Outgoing::of(full).is_err());
    }

    #[test]
    fn what_sqs_would_refuse_is_refused_before() {
        let too_many = (0..=10).map(|n| (n.to_string(), "v".to_owned())).collect();
        for bad in [
            message(""),
            message("a\u{0}b"),
            message("\u{ffff}"),
            OutgoingMessage { delay_ms: DELAY_MS_MAX + 1, ..message("a") },
            OutgoingMessage { group: Some("a b".into()), ..message("a") },
            OutgoingMessage { group: Some(String::new()), ..message("a") },
            OutgoingMessage { attributes: too_many, ..message("a") },
            with_attribute("", "v"),
            with_attribute("a b", "v"),
            with_attribute("a", ""),
            with_attribute("a", "\u{1b}"),
        ] {
            assert!(Outgoing::of(bad.clone()).is_err(), "{bad:?}");
        }
        assert!(Outgoing::of(message("\t\r\n {\"ä\": \"😀\u{fffd}\"}")).is_ok());
    }

    #[test]
    fn a_delay_is_never_shorter_than_asked() {
        assert_eq!([0, 1, 1_000, 1_001, DELAY_MS_MAX].map(seconds), [0, 1, 1, 2, 900]);
    }

    #[test]
    fn a_reason_is_made_fit() {
        assert_eq!(readable("a\u{0}b", 10), "a\u{fffd}b");
        assert_eq!(readable("äöü", 2), "äö");
        assert!(!readable("", 10).is_empty());
    }
}
