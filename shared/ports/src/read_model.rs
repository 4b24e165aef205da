//! The port for the documents as lists and statistics see them: projected from events, a moment behind the history.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{CollectionName, Document, DocumentId, DocumentKey, Status, TenantId};

use crate::PortError;

/// Most documents on one page.
pub const PAGE_LIMIT_MAX: usize = 200;

/// A document as projected.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentView {
    /// Its name.
    pub key: DocumentKey,
    /// The fold of its first `document.version` events.
    pub document: Document,
}

/// Which documents to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose.
    pub tenant_id: TenantId,
    /// Only of this collection.
    pub collection: Option<CollectionName>,
    /// Only in this state; without it, deleted documents are left out.
    pub status: Option<Status>,
    /// Only with this label.
    pub label: Option<String>,
    /// Only older ones than this: the last id of the page before.
    pub after: Option<DocumentId>,
    /// At most so many, up to `PAGE_LIMIT_MAX`.
    pub limit: usize,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The documents.
    pub views: Vec<DocumentView>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<DocumentId>,
}

/// How many documents of one collection are in one state, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewCount {
    /// The collection.
    pub collection: CollectionName,
    /// The state.
    pub status: Status,
    /// Documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Bytes of their current contents.
    pub bytes: u64,
}

/// Documents as lists see them.
///
/// An implementer promises: a view is replaced only by one of a higher version, whatever the order of the calls; a list
/// visits every document that was there throughout exactly once; another tenant's documents never appear.
#[async_trait]
pub trait ReadModel: Send + Sync + fmt::Debug {
    /// One document.
    async fn get(&self, key: &DocumentKey) -> Result<Option<DocumentView>, PortError>;

    /// Stores views, each only if its version is higher than the stored one.
    async fn save(&self, views: &[DocumentView]) -> Result<(), PortError>;

    /// One page of a list, by document id from the newest.
    async fn list(&self, query: &ListQuery) -> Result<Page, PortError>;

    /// Counts by collection and state.
    async fn counts(&self, tenant: &TenantId) -> Result<Vec<ViewCount>, PortError>;
}
