//! Decodes an SQS batch of object-created notifications, completes each upload, reports those that must come again.

use aws_lambda_events::event::sqs::SqsBatchResponse;
use millrace_application::{CompleteError, CompleteUpload, JobOutcome};
use millrace_domain::{DocumentKey, QueueName, UploadId};
use millrace_function_runtime::{Batch, run_batch};
use millrace_ports::{JobQueue, ReceivedMessage};

use crate::notification::created_contents;

/// How many uploads are completed at once: each is a few calls to storage.
const CONCURRENCY: usize = 10;

/// Handles one invocation.
pub async fn handle(
    complete: &CompleteUpload,
    jobs: &dyn JobQueue,
    batch: impl Into<Batch>,
) -> SqsBatchResponse {
    run_batch(batch, QueueName::Uploads, jobs, CONCURRENCY, |message| run(complete, message)).await
}

/// A message tells of one object as a rule. Of several, the first that does not succeed decides, and those before it are
/// completed once more when the message comes again, which changes nothing.
async fn run(complete: &CompleteUpload, message: ReceivedMessage) -> JobOutcome {
    let uploads = match created_contents(&message.body) {
        Ok(uploads) => uploads,
        Err(reason) => return JobOutcome::malformed(reason),
    };
    for (key, upload) in uploads {
        if let Err(error) = complete.run(&key, upload).await
            && let Some(outcome) = outcome_of(&error, &key, upload, &message)
        {
            return outcome;
        }
    }
    JobOutcome::Acknowledge
}

/// What an upload that was not completed means to its message; `None` if the notification has no purpose any more.
fn outcome_of(
    error: &CompleteError,
    key: &DocumentKey,
    upload: UploadId,
    message: &ReceivedMessage,
) -> Option<JobOutcome> {
    if let Some(error) = error.port_error() {
        tracing::warn!(%error, document.id = %key.document_id, "upload not completed");
        let random = upload.as_uuid().as_u128() as u64;
        return Some(JobOutcome::from_port_error(error, message.receive_count, random));
    }
    match error {
        // The content of a request, which the API itself stored and accepts.
        CompleteError::NotFound => tracing::debug!(document.id = %key.document_id, "no upload by url"),
        // Told to the client when it completes the upload itself; the sweeper removes what is left.
        CompleteError::NotReceived
        | CompleteError::Expired
        | CompleteError::Mismatch
        | CompleteError::Accept(_)
        | CompleteError::Unfinished { .. } => {
            tracing::warn!(%error, document.id = %key.document_id, "upload refused");
        }
    }
    None
}
