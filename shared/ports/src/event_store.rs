//! The port for the history of documents: append-only, one writer wins, with what must change in the same breath.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{
    CollectionName, Document, DocumentHead, DocumentId, DocumentKey, EventEnvelope, TenantId, Timestamp,
    Version,
};

use crate::{Claim, PortError};

/// The most events of one append; far below what one DynamoDB transaction takes (100 items).
pub const APPEND_EVENTS_MAX: usize = 10;

/// A snapshot is stored whenever an append crosses a multiple of this many events.
pub const SNAPSHOT_EVERY: u64 = 50;

/// Everything that one append writes, in one transaction or not at all.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose history.
    pub key: DocumentKey,
    /// The version on which the events were decided.
    pub expected: Version,
    /// The new events, with sequences `expected + 1` and on; 1 to `APPEND_EVENTS_MAX`.
    pub events: Vec<EventEnvelope>,
    /// The head of the state after them.
    pub head: DocumentHead,
    /// The state after them, where a snapshot is due.
    pub snapshot: Option<Box<Document>>,
    /// The step's claim that this append completes, with the result to remember; the fence of the step.
    pub completes: Option<(Claim, String)>,
}

impl Append {
    /// Holds the append to the rules above, which a caller's mistake would break; a store refuses a broken one as
    /// `Invalid`, so that it never reaches the history.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check(&self) -> Result<(), &'static str> {
        let count = self.events.len();
        if count == 0 || count > APPEND_EVENTS_MAX {
            return Err("an append has 1 to 10 events");
        }
        let first = self.expected.get() + 1;
        let in_order =
            self.events.iter().zip(first..).all(|(event, sequence)| event.sequence.get() == sequence);
        if !in_order {
            return Err("the events of an append follow its expected version without gaps");
        }
        if self.events.iter().any(|event| event.key() != self.key) {
            return Err("all events of an append belong to its document");
        }
        if self.head.version.get() != self.expected.get() + count as u64 {
            return Err("the head of an append has the version after its events");
        }
        if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.version != self.head.version) {
            return Err("the snapshot of an append has the version after its events");
        }
        Ok(())
    }
}

/// A snapshot, if there is one, and every event after it.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The latest snapshot.
    pub snapshot: Option<Document>,
    /// The events after it, in order, without gaps.
    pub events: Vec<EventEnvelope>,
}

/// Where a document stands in the list of those that are owed work: by the time of its last event, then by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsettledPlace {
    /// Time of the last event.
    pub since: Timestamp,
    /// Whose event.
    pub key: DocumentKey,
}

/// A document on which work is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsettledDocument {
    /// Where it is listed.
    pub place: UnsettledPlace,
    /// The version of its head.
    pub version: Version,
}

/// A part of the list of documents that are owed work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnsettledPage {
    /// The documents, oldest first. There may be none, and more behind.
    pub documents: Vec<UnsettledDocument>,
    /// What the next part comes after; absent on the last.
    pub next: Option<UnsettledPlace>,
}

/// The append-only history of documents.
///
/// An implementer promises: an append happens whole or not at all, and survives a crash after `Ok`; of two appends on
/// the same version one gets `Conflict`; an append whose claim is no longer held by its owner writes nothing and gets
/// `ClaimLost`; after `Unavailable` it may or may not have happened, so reload to learn; a read sees every append that
/// was acknowledged before it began; reads go to the end however many pages lie beneath; a stored event that cannot
/// be decoded is `Corrupt`, never skipped.
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Appends events if `expected` is still the document's version. Gives the new version.
    async fn append(&self, append: Append) -> Result<Version, PortError>;

    /// The latest snapshot and all events after it; `None` if the document does not exist.
    async fn load(&self, key: &DocumentKey) -> Result<Option<History>, PortError>;

    /// Events after a sequence, in order, at most `limit`; empty at the end and for an unknown document.
    async fn read(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Vec<EventEnvelope>, PortError>;

    /// The heads of some documents, in the order asked; `None` for those that do not exist.
    async fn heads(&self, keys: &[DocumentKey]) -> Result<Vec<Option<DocumentHead>>, PortError>;

    /// Documents on which work is owed and whose last event is before `before`, oldest first, those after a place, at most
    /// `limit` (1 and more). Page after page goes through all of them, whatever becomes of those listed; one that gets
    /// another event meanwhile may be missed or come twice. Neither histories nor what else heads say is read, so one that
    /// this release cannot read is listed like any other.
    async fn unsettled(
        &self,
        before: Timestamp,
        after: Option<&UnsettledPlace>,
        limit: usize,
    ) -> Result<UnsettledPage, PortError>;

    /// Documents of a collection whose deletion was not requested, by id from the newest: those older than `after`, at most
    /// `limit`. Fewer than `limit` are the last. Unlike a list, this does not wait for a projection: it has every document
    /// whose first append was acknowledged a moment before (a second is far more than an index of DynamoDB takes; on one
    /// machine there is no such moment), whatever became of its events.
    async fn documents_of(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError>;
}
