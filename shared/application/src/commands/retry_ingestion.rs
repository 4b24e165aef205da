//! Tries a failed or cancelled generation again, from the last thing that is still there: its text, or its content.

use std::sync::Arc;

use millrace_domain::{Command, Document, DocumentKey, Trace};
use millrace_ports::IdGenerator;

use crate::documents::{Context, Documents, ExecuteError};
use crate::jobs::Jobs;
use crate::sagas::PurgeGeneration;

/// The use case.
#[derive(Debug, Clone)]
pub struct RetryIngestion {
    documents: Documents,
    jobs: Jobs,
    purge: PurgeGeneration,
    ids: Arc<dyn IdGenerator>,
}

impl RetryIngestion {
    /// Retrying over these parts.
    pub fn new(documents: Documents, jobs: Jobs, purge: PurgeGeneration, ids: Arc<dyn IdGenerator>) -> Self {
        Self { documents, jobs, purge, ids }
    }

    /// Retries. On a document that is being processed it changes nothing. What the stopped attempt left behind is
    /// purged first, if the compensation has not come to it yet.
    pub async fn run(&self, key: &DocumentKey, trace: &Trace) -> Result<Document, ExecuteError> {
        if let Some(document) = self.documents.load(key).await?
            && document.residue.iter().any(|residue| residue.generation == document.generation)
        {
            self.purge.purge_now(key, document.generation, trace).await?;
        }
        let command = Command::RetryIngestion { job_id: self.ids.job_id() };
        let executed = self.documents.execute(key, &Context::of(trace), command).await?;
        self.jobs.send_owed_if_possible(key, None, &executed.document, trace).await;
        Ok(executed.document)
    }
}
