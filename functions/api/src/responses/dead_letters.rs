//! Dead letters, and what a redrive did with them. The bodies of messages are not shown: ids lead to all there is.

use millrace_application::{DeadLetterEntry, DeadLetterGroup, DeadLetterList, RedriveReport};
use millrace_domain::{DocumentId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::queues::queue_schema;
use crate::paging::after_letter;

/// Most letters that the answer to a redrive names.
const REDRIVEN_SHOWN_MAX: usize = 100;

/// Messages that were given up, grouped and one by one.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterPage")]
pub(crate) struct DeadLettersResponse {
    /// All that match, by why they were given up; the largest group first.
    groups: Vec<GroupResponse>,
    /// One page of them, oldest first.
    dead_letters: Vec<DeadLetterResponse>,
    /// To be passed as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
    /// Whether all dead letters were looked at. If not, the oldest 10,000 of each queue were.
    complete: bool,
}

/// Dead letters with the same code.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterGroup")]
struct GroupResponse {
    /// Why they were given up.
    error_code: String,
    /// How many.
    count: u64,
    /// When the oldest was sent.
    oldest_at: Timestamp,
    /// When the newest was sent.
    newest_at: Timestamp,
    /// Ids of the oldest few.
    sample_message_ids: Vec<String>,
    /// Why the newest was given up, in words.
    sample_reason: String,
}

/// A message that was given up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
struct DeadLetterResponse {
    /// Names it.
    message_id: String,
    /// On which queue it was given up.
    #[schemars(schema_with = "queue_schema")]
    queue: &'static str,
    /// The job, or the type of the event, or `content_put`; null if the message cannot be read.
    kind: Option<String>,
    /// The document it is about; null if the message cannot be read.
    document_id: Option<DocumentId>,
    /// Whose document that is; null if the message cannot be read.
    tenant_id: Option<TenantId>,
    /// Why it was given up: `malformed`, `unavailable`, `worker_died`, `received_too_often`, `not_found`, `invalid`,
    /// `corrupt`, `out_of_order`, or a code of another release.
    error_code: String,
    /// The same in words.
    reason: String,
    /// How often it was delivered; 0 where the queue does not keep that.
    receive_count: u32,
    /// When it was sent.
    sent_at: Timestamp,
}

/// What a redrive did, or would do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Redriven")]
pub(crate) struct RedrivenResponse {
    /// Whether it only says what it would do.
    dry_run: bool,
    /// How many dead letters match.
    matched: u64,
    /// How many go back to their queues; about so many where a queue moves them by itself.
    moved: u64,
    /// Whether some that match stay, since one request moves a bounded number: ask again for them.
    more: bool,
    /// How long it takes until the last of them is delivered, in milliseconds, by the rate asked for.
    lasting_ms: u64,
    /// The oldest 100 of those that go back.
    dead_letters: Vec<DeadLetterResponse>,
}

impl From<DeadLetterList> for DeadLettersResponse {
    fn from(list: DeadLetterList) -> Self {
        Self {
            groups: list.groups.into_iter().map(GroupResponse::from).collect(),
            dead_letters: list.entries.into_iter().map(DeadLetterResponse::from).collect(),
            next_cursor: list.next.as_ref().map(after_letter),
            complete: list.complete,
        }
    }
}

impl From<DeadLetterGroup> for GroupResponse {
    fn from(group: DeadLetterGroup) -> Self {
        let DeadLetterGroup { error_code, count, oldest_at, newest_at, sample_ids, sample_reason } = group;
        Self { error_code, count, oldest_at, newest_at, sample_message_ids: sample_ids, sample_reason }
    }
}

impl From<DeadLetterEntry> for DeadLetterResponse {
    fn from(entry: DeadLetterEntry) -> Self {
        let (kind, key) = entry.subject.map(|subject| (subject.kind, subject.key)).unzip();
        Self {
            message_id: entry.message_id,
            queue: entry.queue.as_str(),
            kind,
            document_id: key.as_ref().map(|key| key.document_id),
            tenant_id: key.map(|key| key.tenant_id),
            error_code: entry.error_code,
            reason: entry.reason,
            receive_count: entry.receive_count,
            sent_at: entry.sent_at,
        }
    }
}

impl RedrivenResponse {
    /// The answer to a redrive.
    pub(crate) fn of(report: RedriveReport, dry_run: bool) -> Self {
        let RedriveReport { matched, moved, more, lasting_ms, letters } = report;
        let dead_letters =
            letters.into_iter().take(REDRIVEN_SHOWN_MAX).map(DeadLetterResponse::from).collect();
        Self { dry_run, matched, moved, more, lasting_ms, dead_letters }
    }
}
