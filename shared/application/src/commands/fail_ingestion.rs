//! Gives a generation up: appends `IngestionFailed`, completing the claim of the step that failed, and sends the
//! compensating purge. Only a failure that is in the history ends a job; whatever cannot be recorded, or is recorded and not
//! followed up, comes again.

use millrace_domain::{BatchIndex, Command, Document, ErrorCode, Generation, Stage, Status};
use millrace_ports::{Claim, DeadLetterCode, PortError, StepKey};

use crate::documents::{Context, Documents};
use crate::job_outcome::JobOutcome;
use crate::jobs::Jobs;
use crate::step::{Delivery, StepError, Steps};

/// The use case.
#[derive(Debug, Clone)]
pub struct FailIngestion {
    documents: Documents,
    jobs: Jobs,
}

/// Where a worker stood: what it was working on, and at which step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    generation: Generation,
    retry: u32,
    stage: Stage,
    batch: Option<BatchIndex>,
}

impl Place {
    /// A worker that loaded this document, at a step.
    pub(crate) fn at(document: &Document, stage: Stage) -> Self {
        Self { generation: document.generation, retry: document.retries, stage, batch: None }
    }

    /// A worker that loaded this document, at a batch.
    pub(crate) fn at_batch(document: &Document, batch: BatchIndex) -> Self {
        Self { batch: Some(batch), ..Self::at(document, Stage::Embed) }
    }
}

/// What failed and why.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) error_code: ErrorCode,
    pub(crate) reason: String,
}

/// What is remembered of a step that failed its document; of one that was dead-lettered with the code behind it.
const FAILED: &str = "failed";
const DEAD_LETTERED: &str = "dead_lettered:";
/// The most of a reason that is kept, in bytes; events stay small.
const REASON_BYTES_MAX: usize = 300;

/// What came of giving a generation up.
enum Recorded {
    /// It failed, for this reason.
    Failed,
    /// It was stopped, overtaken or given up by somebody else, or the step is in the history although its worker was told
    /// otherwise.
    Overtaken,
}

impl FailIngestion {
    /// Failing over these parts.
    pub fn new(documents: Documents, jobs: Jobs) -> Self {
        Self { documents, jobs }
    }

    /// Ends a step that found that its document cannot be ingested: a failed document, and a job that is done with it.
    pub(crate) async fn settle_fault(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        claim: &Claim,
        fault: Fault,
    ) -> JobOutcome {
        match self.record(delivery, claim, fault, FAILED.to_owned()).await {
            Ok(Recorded::Failed) => JobOutcome::Acknowledge,
            other => come_again(steps, delivery, claim, other).await,
        }
    }

    /// Ends a step that failed with an error: back to the queue, or, at the last permitted attempt, a failed document
    /// and a dead-lettered job.
    pub(crate) async fn settle(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        claim: &Claim,
        error: StepError,
        place: Place,
    ) -> JobOutcome {
        let outcome = steps.outcome_of(claim, &error);
        let code = match &outcome {
            JobOutcome::Retry { .. } if steps.is_last(claim) => Some(DeadLetterCode::Unavailable),
            JobOutcome::DeadLetter { code, .. } => Some(*code),
            JobOutcome::Retry { .. }
            | JobOutcome::Acknowledge
            | JobOutcome::Postpone { .. }
            | JobOutcome::PostponeRedriven { .. } => None,
        };
        let Some(code) = code else {
            steps.release(claim, !matches!(outcome, JobOutcome::Postpone { .. })).await;
            return outcome;
        };
        self.dead_letter(steps, delivery, claim, (code, describe(&error)), place).await
    }

    /// Ends a step all of whose attempts were spent by workers that died at it, before another one does.
    pub(crate) async fn exhaust(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        claim: &Claim,
        place: Place,
    ) -> JobOutcome {
        let reason = format!("every worker ended before the step did, {} times", claim.attempt - 1);
        self.dead_letter(steps, delivery, claim, (DeadLetterCode::WorkerDied, reason), place).await
    }

    /// For a message that comes again though its job has failed its document as dead-lettered: whoever recorded that may have
    /// ended before the message was where given up messages lie, and there a redrive looks for it. So it goes there now, at
    /// worst for the second time.
    pub(crate) async fn lost_letter(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        step: StepKey,
        document: &Document,
    ) -> Result<Option<JobOutcome>, PortError> {
        let failure = document.failure.as_ref().filter(|_| document.status == Status::Failed);
        let failure = failure.filter(|failure| failure.error_code == ErrorCode::DeadLettered);
        let (Some(failure), 2..) = (failure, delivery.receive_count) else { return Ok(None) };
        let result = steps.result_of(step).await?;
        let code = result.as_deref().and_then(|result| result.strip_prefix(DEAD_LETTERED));
        let code = code.and_then(|name| DeadLetterCode::ALL.into_iter().find(|code| code.as_str() == name));
        Ok(code.map(|code| JobOutcome::DeadLetter { code, reason: failure.reason.clone() }))
    }

    async fn dead_letter(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        claim: &Claim,
        (code, reason): (DeadLetterCode, String),
        place: Place,
    ) -> JobOutcome {
        let fault = Fault { place, error_code: ErrorCode::DeadLettered, reason: reason.clone() };
        match self.record(delivery, claim, fault, format!("{DEAD_LETTERED}{code}")).await {
            Ok(Recorded::Failed) => JobOutcome::DeadLetter { code, reason },
            other => come_again(steps, delivery, claim, other).await,
        }
    }

    /// Appends the failure, completes the claim with this result and sends the compensating purge.
    async fn record(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        fault: Fault,
        result: String,
    ) -> Result<Recorded, PortError> {
        let (key, Place { generation, retry, stage, batch }) = (delivery.key(), fault.place);
        let (error_code, reason) = (fault.error_code, bounded(fault.reason));
        tracing::warn!(
            document.id = %key.document_id, correlation.id = %delivery.job.trace.correlation_id,
            %stage, %error_code, reason, "ingestion failed"
        );
        let attempts = claim.attempt;
        let command =
            Command::FailIngestion { generation, retry, stage, batch, error_code, reason, attempts };
        let context = Context::of(&delivery.job.trace).completing(claim, result);
        let executed = match self.documents.execute(&key, &context, command).await.map_err(StepError::from) {
            Ok(executed) => executed,
            Err(StepError::Refused(_)) => return Ok(Recorded::Overtaken),
            Err(StepError::Port(error)) => return Err(error),
        };
        if executed.appended.is_empty() {
            return Ok(Recorded::Overtaken);
        }
        self.jobs.send_owed(&key, None, &executed.document, &delivery.job.trace).await?;
        Ok(Recorded::Failed)
    }
}

/// The job comes again, at the cost of no attempt: it finds out how its document stands now, repeats what was cut off and
/// removes what its worker wrote too late. If nothing could be recorded, it tries once more.
async fn come_again(
    steps: &Steps,
    delivery: &Delivery,
    claim: &Claim,
    recorded: Result<Recorded, PortError>,
) -> JobOutcome {
    match recorded {
        // The message itself: of a copy nobody knows that it may have failed its document (`lost_letter`).
        Err(error) => match steps.cut_off(delivery, claim, &error).await {
            JobOutcome::Postpone { delay_ms } => JobOutcome::Retry { delay_ms, reason: error.to_string() },
            outcome => outcome,
        },
        Ok(_) => {
            steps.release(claim, false).await;
            let reason = "its document has gone on without it".to_owned();
            JobOutcome::Retry { delay_ms: steps.wait_ms(1), reason }
        }
    }
}

pub(super) fn describe(error: &StepError) -> String {
    match error {
        StepError::Port(error) => match std::error::Error::source(error) {
            Some(cause) => format!("{error} ({cause})"),
            None => error.to_string(),
        },
        StepError::Refused(error) => error.to_string(),
    }
}

fn bounded(mut reason: String) -> String {
    if reason.len() > REASON_BYTES_MAX {
        let end = (0..=REASON_BYTES_MAX).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.expect("0 is a character boundary"));
        reason.push('…');
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let cut = bounded("é".repeat(400));
        assert!(cut.len() <= REASON_BYTES_MAX + '…'.len_utf8() && cut.ends_with('…'));
        assert_eq!(bounded("short".into()), "short");
    }
}
