//! Accepts the first content of a new document.

use millrace_domain::{DocumentKey, TenantId};

use super::accept_content::{AcceptContent, AcceptError, Accepted, ContentUpload, Plan};

/// The use case.
#[derive(Debug, Clone)]
pub struct UploadDocument {
    accept: AcceptContent,
}

impl UploadDocument {
    /// Uploading over these parts.
    pub fn new(accept: AcceptContent) -> Self {
        Self { accept }
    }

    /// Stores the content, begins the document's history, enqueues its ingestion. After `Ok` it is durable.
    pub async fn run(&self, tenant_id: TenantId, upload: ContentUpload) -> Result<Accepted, AcceptError> {
        let key = DocumentKey { tenant_id, document_id: self.accept.ids.document_id() };
        self.accept.run(Plan { key, replaces: false, if_version: None }, upload).await
    }
}
