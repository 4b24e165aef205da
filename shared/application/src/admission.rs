//! The second of a worker's seven steps: load the document and see whether the job still has a purpose.

use millrace_domain::{Command, Document, ErrorCode, Generation, Status};
use millrace_ports::{ErrorKind, IdGenerator, PortError};

use crate::documents::{Context, Documents, ExecuteError};
use crate::job_outcome::JobOutcome;
use crate::step::Delivery;

/// How long a redriven job waits while the leftovers of the failed attempt are purged.
const PURGE_WAIT_MS: u64 = 1_000;

/// What to do with a delivered job.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The generation is being processed.
    Work(Box<Document>),
    /// The document is of this generation and past processing; only follow-on jobs may be repeated.
    Settled(Box<Document>),
    /// The generation will never be processed again and no purge of it is owed: a worker that died may have left
    /// something behind.
    Gone(Box<Document>),
    /// No work; the message ends like this.
    End(JobOutcome),
}

/// Admits a job on a generation. A job that comes back from the dead-letter queue retries its failed document.
pub(crate) async fn admit(
    documents: &Documents,
    ids: &dyn IdGenerator,
    delivery: &Delivery,
    generation: Generation,
) -> Result<Admission, PortError> {
    let key = delivery.key();
    let Some(document) = documents.load(&key).await? else {
        let reason = format!("document {} does not exist", key.document_id);
        return Ok(Admission::End(JobOutcome::DeadLetter { reason }));
    };
    if document.generation != generation {
        return Ok(overtaken(document, generation));
    }
    let dead_lettered = document.failure.as_ref().is_some_and(|f| f.error_code == ErrorCode::DeadLettered);
    match document.status {
        Status::Processing => Ok(Admission::Work(Box::new(document))),
        Status::Failed if delivery.redriven && dead_lettered => redrive(documents, ids, delivery).await,
        Status::Ready | Status::Failed | Status::Cancelled => Ok(Admission::Settled(Box::new(document))),
        Status::Deleting => Ok(Admission::End(JobOutcome::Acknowledge)),
        Status::Deleted => Ok(Admission::Gone(Box::new(document))),
    }
}

/// A job on another generation than the current one. Its leftovers must not be touched while queries see it, and need
/// not be while a purge is owed.
fn overtaken(document: Document, generation: Generation) -> Admission {
    let published = document.published.is_some_and(|published| published.generation == generation);
    let owed = document.residue.iter().any(|residue| residue.generation == generation);
    if published || owed || document.status == Status::Deleting {
        return Admission::End(JobOutcome::Acknowledge);
    }
    Admission::Gone(Box::new(document))
}

async fn redrive(
    documents: &Documents,
    ids: &dyn IdGenerator,
    delivery: &Delivery,
) -> Result<Admission, PortError> {
    let command = Command::RetryIngestion { job_id: ids.job_id() };
    match documents.execute(&delivery.key(), &Context::of(&delivery.job.trace), command).await {
        Ok(executed) => Ok(Admission::Work(Box::new(executed.document))),
        Err(ExecuteError::Port(error)) => Err(error),
        Err(ExecuteError::Refused(_)) => Ok(Admission::End(JobOutcome::Postpone { delay_ms: PURGE_WAIT_MS })),
        Err(ExecuteError::VersionDiffers { .. }) => {
            Err(PortError::new(ErrorKind::Conflict, format!("retry document {}", delivery.job.document_id)))
        }
    }
}
