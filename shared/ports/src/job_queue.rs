//! The ports for queues: sending and steering messages, and, where no event source does it for us, consuming them.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};

use crate::{DEAD_LETTER_CODE, DEAD_LETTER_REASON, DeadLetterCode, PortError};

/// Longest body in bytes, as SQS has it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest delay in milliseconds, as SQS has it (900 s).
pub const DELAY_MS_MAX: u64 = 900_000;
/// Most attributes of a message, as SQS has it.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Longest name of an attribute, as SQS has it.
const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Longest name of a group, as SQS has it.
const GROUP_CHARS_MAX: usize = 128;
/// What the type of an attribute takes of a message; ours are all texts, and SQS calls that `String`.
const ATTRIBUTE_TYPE_BYTES: usize = "String".len();
/// Longest visibility timeout in milliseconds, as SQS has it (12 h).
pub const VISIBILITY_MS_MAX: u64 = 43_200_000;
/// The attribute that carries the W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";

/// A message to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Not empty, and of characters that XML 1.0 has.
    pub body: String,
    /// Whose share of the queue it takes: groups are served in turn, so that a busy tenant delays only itself.
    /// Order within a group is not kept. 1 to 128 visible ASCII characters.
    pub group: Option<String>,
    /// How long it stays hidden, at most `DELAY_MS_MAX`.
    pub delay_ms: u64,
    /// Small texts beside the body, at most `MESSAGE_ATTRIBUTES_MAX`; none empty.
    pub attributes: BTreeMap<String, String>,
}

impl OutgoingMessage {
    /// How many bytes count against `MESSAGE_BYTES_MAX`: those of the body, and of the attributes' names, types and values.
    pub fn bytes(&self) -> usize {
        let of_attribute =
            |(name, value): (&String, &String)| name.len() + ATTRIBUTE_TYPE_BYTES + value.len();
        self.body.len() + self.attributes.iter().map(of_attribute).sum::<usize>()
    }

    /// Holds the message to the bounds of SQS; every queue refuses one that breaks them as `Invalid`, so that what works on
    /// one works on the other.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.bytes() > MESSAGE_BYTES_MAX {
            return Err("body and attributes are over 1 MiB");
        }
        if self.body.is_empty() || !self.body.chars().all(is_permitted_in_message) {
            return Err("the body is empty or has a character that XML has not");
        }
        if self.delay_ms > DELAY_MS_MAX {
            return Err("the delay is over 15 minutes");
        }
        if !self.group.iter().all(|group| is_group(group)) {
            return Err("the group is not of 1 to 128 visible ASCII characters");
        }
        if self.attributes.len() > MESSAGE_ATTRIBUTES_MAX
            || !self.attributes.iter().all(|(name, value)| is_attribute(name, value))
        {
            return Err("there are over ten attributes, or one has a name or value that SQS does not take");
        }
        Ok(())
    }
}

/// Whether a body or an attribute may hold the character: those of XML 1.0, which is what SQS takes.
pub fn is_permitted_in_message(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The same JSON in characters that a message may hold. Of those that serde_json leaves in a text these are not: two that
/// Unicode reserves, which a file's name or a client's metadata may hold all the same.
pub fn permitted_json(json: String) -> String {
    if json.chars().all(is_permitted_in_message) {
        return json;
    }
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

fn is_group(group: &str) -> bool {
    (1..=GROUP_CHARS_MAX).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_attribute(name: &str, value: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let lower = name.to_ascii_lowercase();
    (1..=ATTRIBUTE_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(in_name)
        && !name.split('.').any(str::is_empty)
        && !["aws.", "amazon."].iter().any(|reserved| lower.starts_with(reserved))
        && !value.is_empty()
        && value.chars().all(is_permitted_in_message)
}

/// Proof of having received a message, good until its visibility timeout ends and it is received again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The same at every delivery.
    pub message_id: String,
    /// For this delivery only.
    pub receipt: Receipt,
    /// As sent.
    pub body: String,
    /// As sent.
    pub group: Option<String>,
    /// As sent; of a message that was redriven, also `DEAD_LETTER_CODE` and `DEAD_LETTER_REASON`.
    pub attributes: BTreeMap<String, String>,
    /// 1 at the first delivery.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl ReceivedMessage {
    /// Whether it is known to come back from the dead-letter queue. A message that died carries why, and carries it still when
    /// it was put back to work. One that its queue gave up by itself, and moved back by itself too, as SQS does both, carries
    /// nothing and is not known (see `DeadLetters::redrive_all`).
    pub fn is_redriven(&self) -> bool {
        [DEAD_LETTER_CODE, DEAD_LETTER_REASON].iter().any(|name| self.attributes.contains_key(*name))
    }
}

/// How a queue treats its messages; the same figures stand in the deployed queue's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePolicy {
    /// How long a received message stays hidden unless deleted.
    pub visibility_timeout_ms: u64,
    /// After so many receives without deletion it moves to the dead-letter queue.
    pub receives_max: u32,
}

/// How many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that still runs.
    pub delayed: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// Sends messages and steers those in flight.
///
/// An implementer promises: after `Ok` a message survives the death of the process and is delivered at least once (what a power
/// cut takes back on one machine, the sweeper sends again, since jobs follow from the history); the answer of `send`
/// has one entry per message in the same order, and a failed entry sent nothing; a message beyond a bound is `Invalid`;
/// steering with a receipt that is no longer good changes nothing and is `NotFound`.
#[async_trait]
pub trait JobQueue: Send + Sync + fmt::Debug {
    /// Sends any number of messages; batching beneath is the adapter's.
    async fn send(&self, queue: QueueName, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PortError>>;

    /// Hides a message in flight for `delay_ms` from now, after which it is delivered again.
    async fn change_visibility(
        &self,
        queue: QueueName,
        receipt: &Receipt,
        delay_ms: u64,
    ) -> Result<(), PortError>;

    /// Moves a message in flight to the dead-letter queue, with code and reason as attributes; those of an earlier death are
    /// replaced.
    async fn dead_letter(
        &self,
        queue: QueueName,
        message: &ReceivedMessage,
        code: DeadLetterCode,
        reason: &str,
    ) -> Result<(), PortError>;
}

/// Receives and deletes messages: what Lambda's event source mapping does on AWS.
///
/// An implementer promises: a received message is hidden until its visibility timeout ends; its receive count grows with
/// each delivery; one that was received `receives_max` times and comes visible again moves to the dead-letter queue
/// instead; waiting ends early when a message arrives; a deleted message never comes again.
#[async_trait]
pub trait JobConsumer: Send + Sync + fmt::Debug {
    /// Receives up to `most` messages (at least 1), waiting up to `wait_ms` for the first.
    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<ReceivedMessage>, PortError>;

    /// Deletes messages for good. Receipts that are no longer good are skipped.
    async fn delete(&self, queue: QueueName, receipts: &[Receipt]) -> Result<(), PortError>;

    /// Counts the messages.
    async fn depth(&self, queue: QueueName) -> Result<QueueDepth, PortError>;

    /// When the oldest message that was neither deleted nor given up was sent. A queue that cannot say answers `None`, as it
    /// does when it is empty (SQS tells this only as a metric).
    async fn oldest_sent_at(&self, queue: QueueName) -> Result<Option<Timestamp>, PortError> {
        let _ = queue;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> OutgoingMessage {
        OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
    }

    fn with_attribute(name: &str, value: &str) -> OutgoingMessage {
        OutgoingMessage { attributes: BTreeMap::from([(name.into(), value.into())]), ..message("{}") }
    }

    fn in_group(group: String) -> OutgoingMessage {
        OutgoingMessage { group: Some(group), ..message("{}") }
    }

    #[test]
    fn attributes_count_against_the_bound_with_their_names_and_types() {
        let mut full = with_attribute("ab", "cde");
        full.body = "x".repeat(MESSAGE_BYTES_MAX - 11);
        assert_eq!((full.bytes(), full.check()), (MESSAGE_BYTES_MAX, Ok(())));
        full.body.push('x');
        assert!(full.check().is_err());
    }

    #[test]
    fn json_is_made_fit_and_means_the_same() {
        let text = "\u{0}\u{1f}\u{7f}\u{85}\u{fffd}\u{fffe}\u{ffff}\u{1ffff} ä";
        let json = permitted_json(serde_json::json!({ text: text }).to_string());
        assert_eq!(message(&json).check(), Ok(()), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read[text], text);
    }

    #[test]
    fn what_sqs_would_refuse_is_refused_before() {
        let attributes = |count| (0..count).map(|n| (format!("a{n}"), "v".to_owned())).collect();
        for bad in [
            message(""),
            message("a\u{0}b"),
            message("\u{ffff}"),
            OutgoingMessage { delay_ms: DELAY_MS_MAX + 1, ..message("a") },
            in_group("a b".into()),
            in_group("ä".into()),
            in_group(String::new()),
            in_group("g".repeat(129)),
            OutgoingMessage { attributes: attributes(11), ..message("a") },
            with_attribute("", "v"),
            with_attribute("a b", "v"),
            with_attribute(&"n".repeat(257), "v"),
            with_attribute("a..b", "v"),
            with_attribute(".a", "v"),
            with_attribute("Aws.a", "v"),
            with_attribute("a", ""),
            with_attribute("a", "\u{1b}"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        for good in [
            message("\t\r\n {\"ä\": \"😀\u{fffd}\"}"),
            OutgoingMessage { delay_ms: DELAY_MS_MAX, ..message("a") },
            in_group("!acme.aside~".into()),
            in_group("g".repeat(128)),
            OutgoingMessage { attributes: attributes(10), ..message("a") },
            with_attribute(&"n".repeat(256), "ä"),
            with_attribute("a.b", "v"),
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
    }
}
