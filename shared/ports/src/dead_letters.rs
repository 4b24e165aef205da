//! The port for dead letters: messages that were given up, kept for whoever looks at them, and put back to work on
//! request. How a message dies is `JobQueue::dead_letter` and the queue's own count of receives.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use millrace_domain::{QueueName, Timestamp};

use crate::{PortError, is_permitted_in_message};

/// The attribute under which a dead-lettered message says why, in words.
pub const DEAD_LETTER_REASON: &str = "dead-letter-reason";
/// The attribute under which a dead-lettered message says why, as a `DeadLetterCode`.
pub const DEAD_LETTER_CODE: &str = "dead-letter-code";
/// How long a dead letter is kept, in milliseconds: 14 days, the most that SQS has.
pub const DEAD_LETTER_RETENTION_MS: u64 = 1_209_600_000;
/// Most dead letters of one page.
pub const DEAD_LETTERS_PAGE_MAX: usize = 1_000;
/// Most dead letters that are named in one redrive.
pub const REDRIVE_MAX: usize = 1_000;

/// The most of a reason that a letter bears, in characters.
const REASON_CHARS_MAX: usize = 1_000;
/// Stands for a character that no message may hold.
const REPLACEMENT: char = '\u{fffd}';

/// A reason as a letter bears it: not empty, not too long, and of characters that a message may hold, since it is sent again
/// with it. What it quotes may be a client's.
pub fn letter_reason(reason: &str) -> String {
    let permitted = |character| if is_permitted_in_message(character) { character } else { REPLACEMENT };
    let borne: String = reason.chars().take(REASON_CHARS_MAX).map(permitted).collect();
    if borne.is_empty() { REPLACEMENT.into() } else { borne }
}

/// Why a message was given up: what lists and alarms group by. The names are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadLetterCode {
    /// It is no job and no event.
    Malformed,
    /// Something that its step needs was away at every permitted attempt.
    Unavailable,
    /// Every worker ended before the step did.
    WorkerDied,
    /// It was received as often as the queue permits and nobody said anything about it.
    ReceivedTooOften,
    /// What it is about does not exist.
    NotFound,
    /// Storage refused what the step asked of it.
    Invalid,
    /// What is stored about it cannot be read.
    Corrupt,
    /// The step broke a rule of the document.
    OutOfOrder,
}

impl DeadLetterCode {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Unavailable,
        Self::WorkerDied,
        Self::ReceivedTooOften,
        Self::NotFound,
        Self::Invalid,
        Self::Corrupt,
        Self::OutOfOrder,
    ];

    /// The name in attributes, JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
            Self::WorkerDied => "worker_died",
            Self::ReceivedTooOften => "received_too_often",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::OutOfOrder => "out_of_order",
        }
    }
}

impl fmt::Display for DeadLetterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Names it among the dead letters of its queue, for as long as it lies there.
    pub message_id: String,
    /// As sent.
    pub body: String,
    /// As sent.
    pub group: Option<String>,
    /// As sent, with `DEAD_LETTER_CODE` and `DEAD_LETTER_REASON`, unless the queue itself gave it up.
    pub attributes: BTreeMap<String, String>,
    /// How often it was received before. A queue that does not keep that says 0.
    pub receive_count: u32,
    /// When it was sent, or, where the queue does not keep that, when it was given up.
    pub sent_at: Timestamp,
}

impl DeadLetter {
    /// Why, as a code; one of a later release is passed on as it is.
    pub fn code(&self) -> &str {
        self.attributes
            .get(DEAD_LETTER_CODE)
            .map_or(DeadLetterCode::ReceivedTooOften.as_str(), String::as_str)
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        self.attributes
            .get(DEAD_LETTER_REASON)
            .map_or("received as often as the queue permits without being deleted", String::as_str)
    }
}

/// Some dead letters of one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterPage {
    /// Oldest first, by when they were sent.
    pub letters: Vec<DeadLetter>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<String>,
}

/// A dead letter that is to go back to its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Which.
    pub message_id: String,
    /// How long it stays hidden there first, at most `DELAY_MS_MAX`: how a redrive keeps to a rate.
    pub delay_ms: u64,
}

/// The dead letters of each queue.
///
/// An implementer promises: looking changes nothing and receives nothing that a later look or redrive would miss; following
/// `next` visits each letter that lay there throughout exactly once; a letter is gone `DEAD_LETTER_RETENTION_MS` after it
/// died, and (where the queue counts from then) not before; a cursor that is no such thing is `Invalid`.
///
/// A redriven letter becomes a new message of its queue: another id, body, group and attributes as they were, the
/// dead-letter attributes among them (that is how its worker knows it; for `redrive_all` with one exception, told there),
/// received 0 times, sent now. It is on its queue
/// before it is gone from the dead letters, so that a crash in between leaves both and loses nothing; whoever works on a
/// message twice does no harm. One that dies again bears the new reason.
#[async_trait]
pub trait DeadLetters: Send + Sync + fmt::Debug {
    /// One page, at most `DEAD_LETTERS_PAGE_MAX`.
    async fn list(
        &self,
        queue: QueueName,
        after: Option<&str>,
        most: usize,
    ) -> Result<DeadLetterPage, PortError>;

    /// Puts named letters back, each with its delay. Gives the ids of those that were moved; others (not there, or moved by
    /// somebody else meanwhile) are skipped. More than `REDRIVE_MAX`, or a delay beyond the bound, is `Invalid`, and nothing
    /// moves. After another error some may have moved: look again.
    async fn redrive(&self, queue: QueueName, letters: &[Redrive]) -> Result<Vec<String>, PortError>;

    /// Puts all letters of a queue back, oldest first, at most so many a second (as fast as the queue can, if nothing is
    /// said), and does not wait for the end of it where the queue moves them by itself (on SQS a message move task,
    /// which takes a rate up to 500). Gives about how many will have moved. While an earlier one of the queue still
    /// runs it is `Conflict`.
    ///
    /// A queue that moves them by itself adds nothing to a letter that it also gave up by itself (`ReceivedTooOften`, since
    /// no worker said anything). Such a message is not known to be redriven: a document that it finds processing goes on,
    /// one that failed meanwhile stays failed. `redrive` marks them.
    async fn redrive_all(
        &self,
        queue: QueueName,
        max_per_second: Option<NonZeroU32>,
    ) -> Result<u64, PortError>;
}
