//! Goes through the dead letters of all queues, page by page, and keeps what somebody asked for and may see. Queues do not
//! search, so every list and every redrive by filter begins here.

use std::sync::Arc;

use millrace_domain::QueueName;
use millrace_ports::{DEAD_LETTERS_PAGE_MAX, DeadLetters, PortError};

use crate::dead_letter_entry::{DeadLetterEntry, DeadLetterFilter, DeadLetterScope};

/// Most letters of one queue that are looked at: the oldest. What lies beyond shows when these are dealt with.
const SCAN_MAX: usize = 10_000;

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Oldest first, over all queues.
    pub(crate) entries: Vec<DeadLetterEntry>,
    /// Whether every letter was looked at.
    pub(crate) complete: bool,
}

/// Scans. The queues are read one after another, so together they are no snapshot.
pub(crate) async fn scan(
    letters: &Arc<dyn DeadLetters>,
    scope: &DeadLetterScope,
    filter: &DeadLetterFilter,
) -> Result<Scanned, PortError> {
    let mut scanned = Scanned { entries: Vec::new(), complete: true };
    for queue in queues(filter) {
        scanned.complete &= scan_queue(letters, queue, scope, filter, &mut scanned.entries).await?;
    }
    scanned.entries.sort_by(|a, b| position(a).cmp(&position(b)));
    Ok(scanned)
}

/// The queues that a filter speaks of.
pub(crate) fn queues(filter: &DeadLetterFilter) -> impl Iterator<Item = QueueName> {
    let only = filter.queue;
    QueueName::ALL.into_iter().filter(move |queue| only.is_none_or(|only| only == *queue))
}

/// What letters are ordered by.
pub(crate) fn position(entry: &DeadLetterEntry) -> (millrace_domain::Timestamp, QueueName, &str) {
    (entry.sent_at, entry.queue, &entry.message_id)
}

async fn scan_queue(
    letters: &Arc<dyn DeadLetters>,
    queue: QueueName,
    scope: &DeadLetterScope,
    filter: &DeadLetterFilter,
    found: &mut Vec<DeadLetterEntry>,
) -> Result<bool, PortError> {
    let (mut seen, mut after) = (0, None);
    while seen < SCAN_MAX {
        let page = letters.list(queue, after.as_deref(), DEAD_LETTERS_PAGE_MAX).await?;
        seen += page.letters.len();
        let entries = page.letters.iter().map(|letter| DeadLetterEntry::of(queue, letter));
        found.extend(entries.filter(|entry| scope.covers(entry) && filter.passes(entry)));
        after = page.next;
        if after.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}
