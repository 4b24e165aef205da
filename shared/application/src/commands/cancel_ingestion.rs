//! Stops the current generation of a document. Running workers find out when they append; what they wrote is purged.

use millrace_domain::{Command, Document, DocumentKey, Trace};

use crate::documents::{Context, Documents, ExecuteError};
use crate::jobs::Jobs;

/// The use case.
#[derive(Debug, Clone)]
pub struct CancelIngestion {
    documents: Documents,
    jobs: Jobs,
}

impl CancelIngestion {
    /// Cancelling over these parts.
    pub fn new(documents: Documents, jobs: Jobs) -> Self {
        Self { documents, jobs }
    }

    /// Cancels. Repeating it changes nothing.
    pub async fn run(&self, key: &DocumentKey, trace: &Trace) -> Result<Document, ExecuteError> {
        let executed = self.documents.execute(key, &Context::of(trace), Command::CancelIngestion).await?;
        self.jobs.send_owed_if_possible(key, None, &executed.document, trace).await;
        Ok(executed.document)
    }
}
