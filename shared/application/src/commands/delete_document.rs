//! Sets the tombstone: from the answer on no query returns the document. The purge follows as a saga.

use millrace_domain::{Command, Document, DocumentKey, Trace, Version};

use crate::documents::{Context, Documents, ExecuteError};
use crate::jobs::Jobs;

/// The use case.
#[derive(Debug, Clone)]
pub struct DeleteDocument {
    documents: Documents,
    jobs: Jobs,
}

impl DeleteDocument {
    /// Deleting over these parts.
    pub fn new(documents: Documents, jobs: Jobs) -> Self {
        Self { documents, jobs }
    }

    /// Deletes. Repeating it changes nothing. With `if_version`, only if that is the current version.
    pub async fn run(
        &self,
        key: &DocumentKey,
        if_version: Option<Version>,
        trace: &Trace,
    ) -> Result<Document, ExecuteError> {
        let context = Context { if_version, ..Context::of(trace) };
        let executed = self.documents.execute(key, &context, Command::RequestDeletion).await?;
        self.jobs.send_owed_if_possible(key, None, &executed.document, trace).await;
        Ok(executed.document)
    }
}
