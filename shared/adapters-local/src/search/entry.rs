//! One generation of one document as the index holds it in memory: what hits say of it and filters look at.

use std::sync::{Arc, Mutex, PoisonError};

use millrace_domain::{DocumentId, Generation};
use millrace_ports::IndexedDocument;
use serde_json::{Map, Value};

/// What may change when the same generation is written again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct About {
    /// The document's file name.
    pub(super) filename: String,
    /// Client's key-value pairs.
    pub(super) metadata: Map<String, Value>,
}

impl From<&IndexedDocument> for About {
    fn from(document: &IndexedDocument) -> Self {
        Self { filename: document.filename.clone(), metadata: document.metadata.clone() }
    }
}

/// One generation of one document.
#[derive(Debug)]
pub(super) struct Entry {
    /// Names its rows; never used again for another.
    pub(super) row: i64,
    pub(super) document_id: DocumentId,
    pub(super) generation: Generation,
    about: Mutex<Arc<About>>,
}

impl Entry {
    pub(super) fn new(row: i64, document_id: DocumentId, generation: Generation, about: Arc<About>) -> Self {
        Self { row, document_id, generation, about: Mutex::new(about) }
    }

    /// What is said of it now.
    pub(super) fn about(&self) -> Arc<About> {
        Arc::clone(&self.about.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what is said of it.
    pub(super) fn set_about(&self, about: Arc<About>) {
        *self.about.lock().unwrap_or_else(PoisonError::into_inner) = about;
    }
}
