//! A step that takes effect once however often it is asked for: claim it, work, complete the claim if it is still held.
//! `Idempotency::run` is the whole of it for any work; the steps of documents (`step.rs`) are built on the same claims, and
//! decide for themselves what an end means for their document. Nothing here knows documents.

use std::future::Future;
use std::sync::Arc;

use millrace_domain::Timestamp;
use millrace_ports::{
    Claim, ClaimOutcome, ClaimRequest, Clock, DeadLetterCode, ErrorKind, IdGenerator, JobLedger, PortError,
    ReceivedMessage, StepKey,
};

use crate::job_outcome::{JobOutcome, backoff_ms};

/// How often a claim is given back that the ledger does not take.
const RELEASES_MAX: usize = 3;
/// How often a claim is completed that the ledger does not take.
const COMPLETIONS_MAX: usize = 3;
/// Shortest and longest wait for a claim that somebody else holds, in milliseconds. A worker that dies gives its claim
/// back late, one that ends gives it back early: so a long lease is looked at again before it ends.
const HELD_WAIT_MS: (u64, u64) = (1_000, 60_000);

/// Bounds of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepPolicy {
    /// How long a claim lasts, in milliseconds; longer than the step may take, or a second worker starts beside it.
    pub lease_ms: u64,
    /// How many attempts a step has. Attempts that were throttled do not count; those of workers that died do.
    pub attempts_max: u32,
    /// How long a completed step is remembered, in milliseconds: longer than its message may come again. Afterwards only
    /// the work's own effect can refuse repeats.
    pub remember_ms: u64,
}

impl Default for StepPolicy {
    /// Five minutes of lease, six attempts with the five waits of `backoff_ms` between them, a day of memory.
    fn default() -> Self {
        Self { lease_ms: 300_000, attempts_max: 6, remember_ms: 86_400_000 }
    }
}

/// A step that is to take effect once, and what is known about this request for it.
#[derive(Debug, Clone)]
pub struct IdempotentStep {
    key: StepKey,
    fingerprint: String,
    memo: String,
    remember_ms: Option<u64>,
    receive_count: u32,
    redriven: bool,
}

impl IdempotentStep {
    /// A step by its key. Requests for the same effect must make the same key, so it is made of what they are about (an
    /// order's id, an event's id), never of the delivery (a message id, the time).
    pub fn new(key: StepKey) -> Self {
        let (fingerprint, memo) = (String::new(), String::new());
        Self { key, fingerprint, memo, remember_ms: None, receive_count: 1, redriven: false }
    }

    /// With a digest of what is asked for: the same key with another digest is somebody's mistake, and refused.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: impl Into<String>) -> Self {
        Self { fingerprint: fingerprint.into(), ..self }
    }

    /// With a note for all attempts: each finds in its claim what the first one noted here. Ids that the work gives away
    /// belong here, so that a second attempt gives the same ones.
    #[must_use]
    pub fn with_memo(self, memo: impl Into<String>) -> Self {
        Self { memo: memo.into(), ..self }
    }

    /// Remembered for so long after its completion, or after its last attempt, in milliseconds, instead of for the policy's
    /// time. For work that is to be done again when somebody finds its effect gone: longer than the longest wait between two
    /// attempts (750 s), or they are never spent.
    #[must_use]
    pub fn remembered_ms(self, remember_ms: u64) -> Self {
        Self { remember_ms: Some(remember_ms), ..self }
    }

    /// As asked for by a message. One that comes back from the dead letters has another attempt, whatever was spent before;
    /// and while the ledger is away, waits grow with its deliveries.
    #[must_use]
    pub fn delivered_by(self, message: &ReceivedMessage) -> Self {
        Self { receive_count: message.receive_count, redriven: message.is_redriven(), ..self }
    }
}

/// How work ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worked {
    /// It took effect; the claim is to be completed with this result. A crash before that repeats the work, so a second
    /// run must change nothing that the first did not.
    Done(String),
    /// It completed the claim itself, in the transaction in which it took effect, with this result
    /// ([`Append::completes`](millrace_ports::Append)). A crash repeats nothing.
    Completed(String),
}

/// What became of a request for a step.
#[derive(Debug)]
pub enum StepRun {
    /// It took effect now.
    Done {
        /// What the work gave, remembered from now on.
        result: String,
    },
    /// It took effect before, and the work was not run. What should follow the step may have been cut off then: send it
    /// again, or send it within the work.
    DoneBefore {
        /// What the work gave then.
        result: String,
    },
    /// Somebody else is at it; the work was not run.
    InProgress {
        /// When their lease ends: come back then, for they may be dead.
        until: Timestamp,
    },
    /// The key was used for something else; the work was not run, and will not be.
    FingerprintDiffers,
    /// The work was run for longer than the lease, and somebody else has taken the step over. Theirs counts. What is still
    /// to be written must not be, and what was asked for must stay asked for: they may die.
    ClaimLost,
    /// The work failed, and the claim is given back.
    Failed {
        /// Why.
        error: PortError,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// Whether it spent the last one permitted; what is nobody's fault spends none.
        is_last: bool,
    },
    /// All attempts were spent before this one, by workers that died before they could say why. The work was not run,
    /// lest it kill this one.
    Exhausted {
        /// How many died or failed.
        attempts: u32,
    },
}

/// Runs steps that take effect once, by claims in a ledger.
#[derive(Debug, Clone)]
pub struct Idempotency {
    ledger: Arc<dyn JobLedger>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    policy: StepPolicy,
}

impl Idempotency {
    /// Steps claimed in a ledger. The clock should be the ledger's.
    pub fn new(
        ledger: Arc<dyn JobLedger>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        policy: StepPolicy,
    ) -> Self {
        Self { ledger, clock, ids, policy }
    }

    /// Runs the work unless it was done before or is being done elsewhere, and remembers its result.
    ///
    /// The work is given its claim. It fails with an error whose kind decides what that costs: `Throttled` and `Conflict`
    /// are nobody's fault and spend no attempt; `ClaimLost`, which a fenced write of its own may answer, ends as
    /// [`StepRun::ClaimLost`]; any other kind spends one. If the work panics or its future is dropped, the claim stays
    /// until its lease ends, and the attempt is spent.
    ///
    /// # Errors
    /// If the ledger could not be asked; then the work was not run.
    pub async fn run<Work, Working>(&self, step: IdempotentStep, work: Work) -> Result<StepRun, PortError>
    where
        Work: FnOnce(Claim) -> Working,
        Working: Future<Output = Result<Worked, PortError>>,
    {
        let claim = match self.claim(&step).await? {
            ClaimOutcome::Claimed(claim) => claim,
            ClaimOutcome::Completed { result } => return Ok(StepRun::DoneBefore { result }),
            ClaimOutcome::InProgress { until } => return Ok(StepRun::InProgress { until }),
            ClaimOutcome::FingerprintDiffers => return Ok(StepRun::FingerprintDiffers),
        };
        if self.is_exhausted(&claim) && !step.redriven {
            self.release(&claim, false).await;
            return Ok(StepRun::Exhausted { attempts: claim.attempt - 1 });
        }
        let worked = match work(claim.clone()).await {
            Ok(Worked::Done(result)) => self.complete_surely(&claim, &result).await.map(|()| result),
            Ok(Worked::Completed(result)) => Ok(result),
            Err(error) => Err(error),
        };
        Ok(match worked {
            Ok(result) => StepRun::Done { result },
            Err(error) if error.kind == ErrorKind::ClaimLost => {
                tracing::warn!(
                    step = claim.step.as_str(),
                    attempt = claim.attempt,
                    "claim lost during the work"
                );
                StepRun::ClaimLost
            }
            Err(error) => {
                let spends = spends_attempt(error.kind);
                self.release(&claim, spends).await;
                StepRun::Failed { error, attempt: claim.attempt, is_last: spends && self.is_last(&claim) }
            }
        })
    }

    /// The same for a message's handler: says what is to become of the message.
    ///
    /// Done, now or before: acknowledged. In progress elsewhere, throttled or contended: postponed. Failed in a way that may
    /// pass: returns after a growing wait, or, at the last attempt, to the dead letters; failed for good, or under a key
    /// that is in use for something else: to the dead letters. Claim lost: returns, and finds what the other came to.
    pub async fn run_job<Work, Working>(&self, step: IdempotentStep, work: Work) -> JobOutcome
    where
        Work: FnOnce(Claim) -> Working,
        Working: Future<Output = Result<Worked, PortError>>,
    {
        let (receive_count, redriven) = (step.receive_count, step.redriven);
        let outcome = match self.run(step, work).await {
            Ok(run) => self.outcome_of(run),
            Err(error) => {
                tracing::warn!(%error, "step could not be claimed");
                JobOutcome::from_port_error(&error, receive_count, self.random())
            }
        };
        match outcome {
            // Once more known as redriven, or its attempt would be refused.
            JobOutcome::Postpone { delay_ms } if redriven => JobOutcome::PostponeRedriven { delay_ms },
            outcome => outcome,
        }
    }

    /// Prolongs a claim to a whole lease from now, for work that goes on for longer than one. `ClaimLost` says that it is
    /// too late: stop.
    ///
    /// # Errors
    /// `ClaimLost` if somebody else took over; otherwise that the ledger could not be asked, and the lease runs on.
    pub async fn renew(&self, claim: &Claim) -> Result<Claim, PortError> {
        self.ledger.extend(claim, self.policy.lease_ms).await
    }

    /// Asks for the claim on a step.
    pub(crate) async fn claim(&self, step: &IdempotentStep) -> Result<ClaimOutcome, PortError> {
        let request = ClaimRequest {
            step: step.key.clone(),
            owner: self.ids.uuid(),
            lease_ms: self.policy.lease_ms,
            fingerprint: step.fingerprint.clone(),
            memo: step.memo.clone(),
            remember_ms: step.remember_ms.unwrap_or(self.policy.remember_ms),
        };
        self.ledger.claim(request).await
    }

    /// Completes a claim.
    pub(crate) async fn complete(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        self.ledger.complete(claim, result).await
    }

    /// Gives a claim back. A failure to do so costs the rest of its lease, and an attempt, for a claim that runs out is that
    /// of a worker that died. So it is tried more than once; releasing again is harmless.
    pub(crate) async fn release(&self, claim: &Claim, attempt_counts: bool) {
        for _ in 0..RELEASES_MAX {
            match self.ledger.release(claim, attempt_counts).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(step = claim.step.as_str(), %error, "claim not released"),
            }
        }
        tracing::warn!(step = claim.step.as_str(), "the claim's lease will run out");
    }

    /// How long to stay away from a step that is claimed until then, in milliseconds.
    pub(crate) fn held_wait_ms(&self, until: Timestamp) -> u64 {
        until.millis_since(self.clock.now()).clamp(HELD_WAIT_MS.0, HELD_WAIT_MS.1)
    }

    /// Whether a failure at this attempt is the last.
    pub(crate) fn is_last(&self, claim: &Claim) -> bool {
        claim.attempt >= self.policy.attempts_max
    }

    /// Whether something that was asked for so often is not to be tried again.
    pub(crate) fn is_spent(&self, attempts: u32) -> bool {
        attempts >= self.policy.attempts_max
    }

    /// Whether all attempts were spent before this one: by workers that died before they could say so.
    pub(crate) fn is_exhausted(&self, claim: &Claim) -> bool {
        claim.attempt > self.policy.attempts_max
    }

    /// For jitter.
    pub(crate) fn random(&self) -> u64 {
        // The low half of a UUIDv7 is random; the jitter needs no more than that.
        self.ids.uuid().as_u128() as u64 >> 2
    }

    /// The effect is there, and only the ledger does not know: worth more than one try. Completing again is harmless.
    async fn complete_surely(&self, claim: &Claim, result: &str) -> Result<(), PortError> {
        let mut answer = self.complete(claim, result).await;
        for _ in 1..COMPLETIONS_MAX {
            match &answer {
                Err(error) if may_pass(error.kind) => {
                    tracing::warn!(step = claim.step.as_str(), %error, "claim not completed");
                    answer = self.complete(claim, result).await;
                }
                Ok(()) | Err(_) => break,
            }
        }
        answer
    }

    fn outcome_of(&self, run: StepRun) -> JobOutcome {
        match run {
            StepRun::Done { .. } | StepRun::DoneBefore { .. } => JobOutcome::Acknowledge,
            StepRun::InProgress { until } => JobOutcome::Postpone { delay_ms: self.held_wait_ms(until) },
            StepRun::FingerprintDiffers => JobOutcome::key_in_use(),
            StepRun::ClaimLost => JobOutcome::Retry {
                delay_ms: backoff_ms(1, self.random()),
                reason: "somebody else took the step over".into(),
            },
            StepRun::Failed { error, attempt, is_last } => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(attempt, %error, cause, "step failed");
                let reason = error.to_string();
                match JobOutcome::from_port_error(&error, attempt, self.random()) {
                    JobOutcome::Retry { .. } if is_last => {
                        JobOutcome::DeadLetter { code: DeadLetterCode::Unavailable, reason }
                    }
                    outcome => outcome,
                }
            }
            StepRun::Exhausted { attempts } => JobOutcome::DeadLetter {
                code: DeadLetterCode::WorkerDied,
                reason: format!("every worker ended before the step did, {attempts} times"),
            },
        }
    }
}

/// Whether a failure of this kind spends an attempt. What is thrown at everybody alike says nothing about the step.
fn spends_attempt(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Throttled | ErrorKind::Conflict => false,
        ErrorKind::ClaimLost
        | ErrorKind::NotFound
        | ErrorKind::Unavailable
        | ErrorKind::Invalid
        | ErrorKind::Corrupt => true,
    }
}

/// Whether the same call may succeed a moment later.
fn may_pass(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Throttled | ErrorKind::Conflict | ErrorKind::Unavailable => true,
        ErrorKind::ClaimLost | ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Corrupt => false,
    }
}
