//! The dead letters that somebody may see: grouped by why they died, and one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{DeadLetters, PortError};

use crate::dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterScope};
use crate::dead_letter_scan::{position, scan};

/// Most letters on one page.
const PAGE_MAX: usize = 500;
/// Ids that a group names.
const SAMPLE_IDS: usize = 3;

/// Where a page ends: the last letter on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPosition {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// On which queue.
    pub queue: QueueName,
    /// Its id.
    pub message_id: String,
}

/// All letters that died of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// Of what.
    pub error_code: String,
    /// How many.
    pub count: u64,
    /// When the oldest was sent.
    pub oldest_at: Timestamp,
    /// When the newest was sent.
    pub newest_at: Timestamp,
    /// The oldest few.
    pub sample_ids: Vec<String>,
    /// What the newest says.
    pub sample_reason: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterList {
    /// All that match, grouped; the largest group first.
    pub groups: Vec<DeadLetterGroup>,
    /// One page of them, oldest first.
    pub entries: Vec<DeadLetterEntry>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<DeadLetterPosition>,
    /// Whether every letter was looked at. If not, the oldest of each queue were.
    pub complete: bool,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ListDeadLetters {
    letters: Arc<dyn DeadLetters>,
}

impl ListDeadLetters {
    /// Listing these.
    pub fn new(letters: Arc<dyn DeadLetters>) -> Self {
        Self { letters }
    }

    /// The groups, and the letters after a position, at most `limit` (cut to 500).
    pub async fn run(
        &self,
        scope: &DeadLetterScope,
        filter: &DeadLetterFilter,
        after: Option<&DeadLetterPosition>,
        limit: usize,
    ) -> Result<DeadLetterList, PortError> {
        let scanned = scan(&self.letters, scope, filter).await?;
        let groups = groups(&scanned.entries);
        let limit = limit.clamp(1, PAGE_MAX);
        let behind = |entry: &DeadLetterEntry| {
            let bound = after.map(|after| (after.sent_at, after.queue, after.message_id.as_str()));
            bound.is_none_or(|bound| position(entry) > bound)
        };
        let mut entries: Vec<_> = scanned.entries.into_iter().filter(behind).take(limit + 1).collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|last| DeadLetterPosition {
            sent_at: last.sent_at,
            queue: last.queue,
            message_id: last.message_id.clone(),
        });
        Ok(DeadLetterList { groups, entries, next, complete: scanned.complete })
    }
}

/// Groups letters that are sorted from the oldest.
fn groups(entries: &[DeadLetterEntry]) -> Vec<DeadLetterGroup> {
    let mut groups: BTreeMap<&str, DeadLetterGroup> = BTreeMap::new();
    for entry in entries {
        let group = groups.entry(&entry.error_code).or_insert_with(|| DeadLetterGroup {
            error_code: entry.error_code.clone(),
            count: 0,
            oldest_at: entry.sent_at,
            newest_at: entry.sent_at,
            sample_ids: Vec::new(),
            sample_reason: String::new(),
        });
        group.count += 1;
        group.newest_at = entry.sent_at;
        group.sample_reason.clone_from(&entry.reason);
        if group.sample_ids.len() < SAMPLE_IDS {
            group.sample_ids.push(entry.message_id.clone());
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}
