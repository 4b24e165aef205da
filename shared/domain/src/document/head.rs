//! The head of a document: the few facts that are stored beside its history in the same transaction, so that
//! queries can filter by what is published and the sweeper can find what is owed, without folding histories.

use serde::{Deserialize, Serialize};

use super::{Document, Publication, Status};
use crate::{CollectionName, DocumentId, TenantId, Timestamp, Version};

/// A document's full name: whose it is and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentKey {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub document_id: DocumentId,
}

/// What is stored beside the history; derived from the state by [`Document::head`], never set otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentHead {
    /// Version after the append that wrote it.
    pub version: Version,
    /// The document's collection.
    pub collection: CollectionName,
    /// Where it stands.
    pub status: Status,
    /// What queries may see.
    pub published: Option<Publication>,
    /// Time of the last event, present while work is owed.
    pub unsettled_since: Option<Timestamp>,
}

impl Document {
    /// The head that belongs to this state.
    pub fn head(&self) -> DocumentHead {
        DocumentHead {
            version: self.version,
            collection: self.collection.clone(),
            status: self.status,
            published: self.published,
            unsettled_since: self.is_unsettled().then_some(self.updated_at),
        }
    }
}
