//! Gives a generation up: appends `IngestionFailed`, completing the claim of the step that failed, and sends the
//! compensating purge.

use millrace_domain::{Command, Document, ErrorCode, Generation, Stage};
use millrace_ports::{Claim, DeadLetterCode};

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
    pub(crate) generation: Generation,
    pub(crate) retry: u32,
    pub(crate) stage: Stage,
}

impl Place {
    /// A worker that loaded this document, at a step.
    pub(crate) fn at(document: &Document, stage: Stage) -> Self {
        Self { generation: document.generation, retry: document.retries, stage }
    }
}

/// What failed and why.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) error_code: ErrorCode,
    pub(crate) reason: String,
}

/// The most of a reason that is kept, in bytes; events stay small.
const REASON_BYTES_MAX: usize = 300;

impl FailIngestion {
    /// Failing over these parts.
    pub fn new(documents: Documents, jobs: Jobs) -> Self {
        Self { documents, jobs }
    }

    /// Records a permanent failure; the job is done with it.
    pub(crate) async fn run(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        fault: Fault,
    ) -> Result<(), StepError> {
        let key = delivery.key();
        tracing::warn!(
            document.id = %key.document_id, correlation.id = %delivery.job.trace.correlation_id,
            stage = %fault.place.stage, error_code = %fault.error_code, reason = fault.reason, "ingestion failed"
        );
        let command = Command::FailIngestion {
            generation: fault.place.generation,
            retry: fault.place.retry,
            stage: fault.place.stage,
            error_code: fault.error_code,
            reason: bounded(fault.reason),
            attempts: claim.attempt,
        };
        let context = Context::of(&delivery.job.trace).completing(claim, "failed");
        let executed = self.documents.execute(&key, &context, command).await?;
        self.jobs.send_owed(&key, None, &executed.document, &delivery.job.trace).await?;
        Ok(())
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

    async fn dead_letter(
        &self,
        steps: &Steps,
        delivery: &Delivery,
        claim: &Claim,
        (code, reason): (DeadLetterCode, String),
        place: Place,
    ) -> JobOutcome {
        let error_code = ErrorCode::DeadLettered;
        let fault = Fault { place, error_code, reason: reason.clone() };
        match self.run(delivery, claim, fault).await {
            Ok(()) | Err(StepError::Refused(_)) => JobOutcome::DeadLetter { code, reason },
            // The failure could not be recorded: the job must come back, or the document would hang.
            Err(StepError::Port(error)) => {
                JobOutcome::Retry { delay_ms: steps.wait_ms(claim.attempt), reason: error.to_string() }
            }
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
