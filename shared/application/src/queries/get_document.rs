//! One document as its history tells it: what was acknowledged is always seen.

use millrace_domain::{Document, DocumentKey};
use millrace_ports::PortError;

use crate::documents::Documents;

/// The use case.
#[derive(Debug, Clone)]
pub struct GetDocument {
    documents: Documents,
}

impl GetDocument {
    /// Reading histories.
    pub fn new(documents: Documents) -> Self {
        Self { documents }
    }

    /// The document; `None` if this tenant has none of that id.
    pub async fn run(&self, key: &DocumentKey) -> Result<Option<Document>, PortError> {
        self.documents.load(key).await
    }
}
