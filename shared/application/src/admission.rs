//! The second of a worker's seven steps: load the document and see whether the job still has a purpose.

use millrace_domain::{Command, Document, ErrorCode, Generation, Status};
use millrace_ports::{Claim, DeadLetterCode, ErrorKind, IdGenerator, PortError, StepKey};

use crate::documents::{Context, Documents, ExecuteError, Executed};
use crate::job_outcome::JobOutcome;
use crate::step::{Begun, Delivery, Steps};

/// How long a redriven job waits while the leftovers of the failed attempt are purged.
const PURGE_WAIT_MS: u64 = 1_000;
/// How long a job waits whose generation is being purged.
const LEFTOVERS_WAIT_MS: u64 = 30_000;

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

/// Admits a job on a generation. A job that comes back from the dead-letter queue retries its failed document, once: a
/// second delivery of the same message must not undo a failure that came after its retry.
pub(crate) async fn admit(
    documents: &Documents,
    steps: &Steps,
    ids: &dyn IdGenerator,
    delivery: &Delivery,
    generation: Generation,
) -> Result<Admission, PortError> {
    let key = delivery.key();
    let Some(document) = documents.load(&key).await? else {
        let reason = format!("document {} does not exist", key.document_id);
        return Ok(Admission::End(JobOutcome::DeadLetter { code: DeadLetterCode::NotFound, reason }));
    };
    if document.generation != generation {
        return Ok(overtaken(document, generation));
    }
    let dead_lettered = document.failure.as_ref().is_some_and(|f| f.error_code == ErrorCode::DeadLettered);
    match document.status {
        Status::Processing => Ok(Admission::Work(Box::new(document))),
        Status::Failed if delivery.redriven && dead_lettered => {
            redrive(documents, steps, ids, delivery, document).await
        }
        Status::Ready | Status::Failed | Status::Cancelled => Ok(Admission::Settled(Box::new(document))),
        Status::Deleting => Ok(Admission::End(JobOutcome::Postpone { delay_ms: LEFTOVERS_WAIT_MS })),
        Status::Deleted => Ok(Admission::Gone(Box::new(document))),
    }
}

/// A job on another generation than the current one. Its leftovers must not be touched while queries see it; nor while it
/// is being purged, but the purge may be past what the job's worker wrote before it died, so the job comes again.
fn overtaken(document: Document, generation: Generation) -> Admission {
    let published = document.published.is_some_and(|published| published.generation == generation);
    let owed = document.residue.iter().any(|residue| residue.generation == generation);
    if published {
        return Admission::End(JobOutcome::Acknowledge);
    }
    if owed || document.status == Status::Deleting {
        return Admission::End(JobOutcome::Postpone { delay_ms: LEFTOVERS_WAIT_MS });
    }
    Admission::Gone(Box::new(document))
}

async fn redrive(
    documents: &Documents,
    steps: &Steps,
    ids: &dyn IdGenerator,
    delivery: &Delivery,
    failed: Document,
) -> Result<Admission, PortError> {
    let claim = match steps.begin(StepKey::redrive(&delivery.key(), &delivery.message_id)).await? {
        Begun::Claimed(claim) => claim,
        Begun::Done => return Ok(Admission::Settled(Box::new(failed))),
        // The same message must come back, not a copy: only by its id is it known to have been redriven once.
        Begun::NotNow(JobOutcome::Postpone { delay_ms }) => {
            let reason = "its document is being retried elsewhere".to_owned();
            return Ok(Admission::End(JobOutcome::Retry { delay_ms, reason }));
        }
        Begun::NotNow(outcome) => return Ok(Admission::End(outcome)),
    };
    match retry(documents, ids, delivery, &claim).await {
        Ok(executed) => {
            if executed.appended.is_empty() {
                steps.complete(&claim).await?;
            }
            Ok(Admission::Work(Box::new(executed.document)))
        }
        Err(error) => {
            steps.release(&claim, false).await;
            match error {
                ExecuteError::Refused(_) => {
                    Ok(Admission::End(JobOutcome::PostponeRedriven { delay_ms: PURGE_WAIT_MS }))
                }
                ExecuteError::Port(error) => Err(error),
                ExecuteError::VersionDiffers { .. } => {
                    let attempted = format!("retry document {}", delivery.job.document_id);
                    Err(PortError::new(ErrorKind::Conflict, attempted))
                }
            }
        }
    }
}

async fn retry(
    documents: &Documents,
    ids: &dyn IdGenerator,
    delivery: &Delivery,
    claim: &Claim,
) -> Result<Executed, ExecuteError> {
    let command = Command::RetryIngestion { job_id: ids.job_id() };
    let context = Context::of(&delivery.job.trace).completing(claim, "retried");
    documents.execute(&delivery.key(), &context, command).await
}
