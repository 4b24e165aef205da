//! Accepts another content as the next generation of a document. What is published stays until it is complete.

use millrace_domain::{DocumentKey, Version};

use super::accept_content::{AcceptContent, AcceptError, Accepted, ContentUpload, Plan};

/// The use case.
#[derive(Debug, Clone)]
pub struct ReplaceDocument {
    accept: AcceptContent,
}

impl ReplaceDocument {
    /// Replacing over these parts.
    pub fn new(accept: AcceptContent) -> Self {
        Self { accept }
    }

    /// Stores the content and begins the next generation. With `if_version`, only if that is the current version.
    pub async fn run(
        &self,
        key: DocumentKey,
        if_version: Option<Version>,
        upload: ContentUpload,
    ) -> Result<Accepted, AcceptError> {
        self.accept.run(Plan { key, replaces: true, if_version }, upload).await
    }
}
