//! The exactly-once step of a document: claim, work, append on the expected version while completing the claim, follow-on
//! jobs. This file holds what all of them share; each step's work is in its own command, and the claims are those of any
//! idempotent step (`idempotent_step.rs`).

use std::sync::Arc;

use millrace_domain::{DocumentError, DocumentKey, JobEnvelope};
use millrace_ports::{
    Claim, ClaimOutcome, Clock, DeadLetterCode, ErrorKind, IdGenerator, JobLedger, PortError, StepKey,
};

use crate::documents::ExecuteError;
use crate::idempotent_step::{Idempotency, IdempotentStep, StepPolicy};
use crate::job_outcome::{JobOutcome, backoff_ms};

/// A job as it was delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The job.
    pub job: JobEnvelope,
    /// The id of its message: the same each time that message is delivered.
    pub message_id: String,
    /// How often the message was delivered, this time included.
    pub receive_count: u32,
    /// Whether it comes back from the dead-letter queue: then a failed document is tried again, once.
    pub redriven: bool,
}

impl Delivery {
    /// The document it is about.
    pub fn key(&self) -> DocumentKey {
        self.job.key()
    }
}

/// Claims steps and turns their ends into outcomes.
#[derive(Debug, Clone)]
pub struct Steps {
    claims: Idempotency,
}

/// What a request for a step's claim came to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Go on and work.
    Claimed(Claim),
    /// Done before: repeat the follow-on jobs.
    Done,
    /// Not now.
    NotNow(JobOutcome),
}

/// Why a step's work did not end well.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A port failed.
    Port(PortError),
    /// The document refuses: overtaken, stopped, or out of order.
    Refused(DocumentError),
}

impl From<PortError> for StepError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl From<ExecuteError> for StepError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Port(error) => Self::Port(error),
            ExecuteError::Refused(error) => Self::Refused(error),
            ExecuteError::VersionDiffers { .. } => Self::Port(PortError::new(
                ErrorKind::Conflict,
                "append on a version that a step does not insist on",
            )),
        }
    }
}

impl Steps {
    /// Steps claimed in a ledger.
    pub fn new(
        ledger: Arc<dyn JobLedger>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        policy: StepPolicy,
    ) -> Self {
        Self { claims: Idempotency::new(ledger, clock, ids, policy) }
    }

    /// Claims a step.
    pub(crate) async fn begin(&self, step: StepKey) -> Result<Begun, PortError> {
        self.begin_noting(step, String::new()).await
    }

    /// Claims a step, with a note that the first claimant leaves to its successors.
    pub(crate) async fn begin_noting(&self, step: StepKey, memo: String) -> Result<Begun, PortError> {
        self.begin_as(IdempotentStep::new(step).with_memo(memo)).await
    }

    /// Claims a step.
    pub(crate) async fn begin_as(&self, step: IdempotentStep) -> Result<Begun, PortError> {
        Ok(match self.claims.claim(&step).await? {
            ClaimOutcome::Claimed(claim) => Begun::Claimed(claim),
            ClaimOutcome::Completed { .. } => Begun::Done,
            ClaimOutcome::InProgress { until } => {
                Begun::NotNow(JobOutcome::Postpone { delay_ms: self.claims.held_wait_ms(until) })
            }
            ClaimOutcome::FingerprintDiffers => Begun::NotNow(JobOutcome::key_in_use()),
        })
    }

    /// Completes a claim whose effect was in the history already.
    pub(crate) async fn complete(&self, claim: &Claim) -> Result<(), PortError> {
        match self.claims.complete(claim, "").await {
            Err(error) if error.kind == ErrorKind::ClaimLost => Ok(()),
            other => other,
        }
    }

    /// Gives a claim back after a failure and says what becomes of the job.
    pub(crate) async fn give_up(&self, claim: &Claim, error: StepError) -> JobOutcome {
        let outcome = self.outcome_of(claim, &error);
        self.release(claim, !matches!(outcome, JobOutcome::Postpone { .. })).await;
        outcome
    }

    /// What becomes of the job after a failure. Refusals are final; a port's failure follows its kind.
    pub(crate) fn outcome_of(&self, claim: &Claim, error: &StepError) -> JobOutcome {
        let (step, attempt) = (claim.step.as_str(), claim.attempt);
        match error {
            StepError::Port(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::warn!(step, attempt, %error, cause, "step failed");
                JobOutcome::from_port_error(error, attempt, self.claims.random())
            }
            StepError::Refused(DocumentError::OutOfOrder { rule }) => {
                tracing::error!(step, attempt, rule, "step broke a rule");
                JobOutcome::DeadLetter { code: DeadLetterCode::OutOfOrder, reason: (*rule).into() }
            }
            StepError::Refused(reason) => {
                tracing::info!(step, attempt, %reason, "step refused");
                JobOutcome::Acknowledge
            }
        }
    }

    /// Gives a claim back.
    pub(crate) async fn release(&self, claim: &Claim, attempt_counts: bool) {
        self.claims.release(claim, attempt_counts).await;
    }

    /// The wait before the next attempt, in milliseconds.
    pub(crate) fn wait_ms(&self, attempt: u32) -> u64 {
        backoff_ms(attempt, self.claims.random())
    }

    /// Whether a failure at this attempt is the last.
    pub(crate) fn is_last(&self, claim: &Claim) -> bool {
        self.claims.is_last(claim)
    }

    /// Whether its message was delivered as often as a step has attempts.
    pub(crate) fn is_last_delivery(&self, delivery: &Delivery) -> bool {
        self.claims.is_spent(delivery.receive_count)
    }

    /// Whether all attempts were spent before this one: by workers that died before they could say so.
    pub(crate) fn is_exhausted(&self, claim: &Claim) -> bool {
        self.claims.is_exhausted(claim)
    }

    /// The outcome of a failure after the step's effect, or its failure, was recorded or should have been: the job comes again to
    /// do what is left. That says nothing about the step, so it spends no attempt.
    pub(crate) async fn cut_off(&self, delivery: &Delivery, claim: &Claim, error: &PortError) -> JobOutcome {
        self.release(claim, false).await;
        self.unclaimed(delivery, error)
    }

    /// What is remembered of a step that was completed.
    pub(crate) async fn result_of(&self, step: StepKey) -> Result<Option<String>, PortError> {
        Ok(match self.claims.claim(&IdempotentStep::new(step)).await? {
            ClaimOutcome::Completed { result } => Some(result),
            ClaimOutcome::Claimed(claim) => {
                self.release(&claim, false).await;
                None
            }
            ClaimOutcome::InProgress { .. } | ClaimOutcome::FingerprintDiffers => None,
        })
    }

    /// The outcome of a failure outside any claim. The waits grow with the deliveries, or an outage of a minute
    /// would use up all that the queue permits.
    pub(crate) fn unclaimed(&self, delivery: &Delivery, error: &PortError) -> JobOutcome {
        tracing::warn!(%error, "job comes again");
        JobOutcome::from_port_error(error, delivery.receive_count, self.claims.random())
    }

    /// The same of a job that was not admitted yet: redriven, it has its retry before it. A copy is redriven only if the
    /// message itself cannot have had the retry; one that was delivered before comes back itself, known by its id.
    pub(crate) fn unadmitted(&self, delivery: &Delivery, error: &PortError) -> JobOutcome {
        match self.unclaimed(delivery, error) {
            JobOutcome::Postpone { delay_ms } if delivery.redriven && delivery.receive_count > 1 => {
                JobOutcome::Retry { delay_ms, reason: error.to_string() }
            }
            JobOutcome::Postpone { delay_ms } if delivery.redriven => {
                JobOutcome::PostponeRedriven { delay_ms }
            }
            outcome => outcome,
        }
    }
}
