//! The port for the history of documents: append-only, one writer wins, with what must change in the same breath.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{Document, DocumentHead, DocumentKey, EventEnvelope, Timestamp, Version};

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

/// A snapshot, if there is one, and every event after it.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The latest snapshot.
    pub snapshot: Option<Document>,
    /// The events after it, in order, without gaps.
    pub events: Vec<EventEnvelope>,
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

    /// Documents on which work is owed and whose last event is before `before`, oldest first, at most `limit`.
    async fn unsettled(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, DocumentHead)>, PortError>;
}
