//! Every end of an idempotent step, over the ledger of a single node: what the caller learns, what the next request finds,
//! and what becomes of a message.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteJobLedger};
use millrace_domain::{Timestamp, Version};
use millrace_function_runtime::{
    Claim, DeadLetterCode, ErrorKind, Idempotency, IdempotentStep, JobOutcome, PortError, StepKey,
    StepPolicy, StepRun, Worked,
};
use millrace_ports::{Clock as _, DEAD_LETTER_CODE, EventStore, Receipt, ReceivedMessage};
use millrace_test_support::builders::completing;
use millrace_test_support::{Fault, FaultPlan, FaultyJobLedger, SeededIds, SimClock, Story};

const LEASE_MS: u64 = 30_000;
const POLICY: StepPolicy = StepPolicy { lease_ms: LEASE_MS, attempts_max: 3, remember_ms: 3_600_000 };

/// A function's world: a ledger that can go wrong, and how often the work was run.
struct World {
    clock: Arc<SimClock>,
    faults: Arc<FaultPlan>,
    steps: Idempotency,
    events: SqliteEventStore,
    runs: AtomicU32,
}

impl World {
    fn new() -> Self {
        let (clock, faults) = (Arc::new(SimClock::default()), Arc::new(FaultPlan::new()));
        let database = Database::open_in_memory().unwrap();
        let ledger = Arc::new(SqliteJobLedger::new(database.clone(), clock.clone()));
        let ledger = Arc::new(FaultyJobLedger::new(ledger, faults.clone()));
        let steps = Idempotency::new(ledger, clock.clone(), Arc::new(SeededIds::new(1)), POLICY);
        let events = SqliteEventStore::new(database, Arc::new(Publications::default()));
        Self { clock, faults, steps, events, runs: AtomicU32::new(0) }
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    /// Asks for the step; its work ends as told.
    async fn run(&self, step: IdempotentStep, end: Result<Worked, PortError>) -> StepRun {
        self.run_with(step, async |_| end).await.unwrap()
    }

    async fn run_with(
        &self,
        step: IdempotentStep,
        work: impl AsyncFnOnce(Claim) -> Result<Worked, PortError>,
    ) -> Result<StepRun, PortError> {
        let work = async |claim| {
            self.runs.fetch_add(1, Ordering::SeqCst);
            work(claim).await
        };
        self.steps.run(step, work).await
    }

    /// Asks for the step as a message's handler.
    async fn job(&self, step: IdempotentStep, end: Result<Worked, PortError>) -> JobOutcome {
        let work = async |_| {
            self.runs.fetch_add(1, Ordering::SeqCst);
            end
        };
        self.steps.run_job(step, work).await
    }

    /// A worker that claims the step and dies.
    async fn die_at(&self, step: IdempotentStep) {
        let never = std::future::pending::<Result<Worked, PortError>>();
        let mut dying = Box::pin(self.steps.run(step, |_| never));
        assert!(futures::poll!(&mut dying).is_pending());
        drop(dying);
    }

    /// A worker in the middle of its work, at which it stays until `finish` is sent.
    async fn standing(
        &self,
        finish: tokio::sync::oneshot::Receiver<Result<Worked, PortError>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<StepRun, PortError>> + '_>> {
        let mut standing = Box::pin(self.run_with(order(7), async |_| finish.await.unwrap()));
        assert!(futures::poll!(&mut standing).is_pending(), "it works");
        standing
    }
}

fn order(number: u32) -> IdempotentStep {
    IdempotentStep::new(StepKey::named("charge", &format!("order-{number}")))
}

fn done(result: &str) -> Result<Worked, PortError> {
    Ok(Worked::Done(result.into()))
}

fn failing(kind: ErrorKind) -> Result<Worked, PortError> {
    Err(PortError::new(kind, "charge order 7"))
}

/// The message that asks for it; one that died before, or not.
fn message(receive_count: u32, died: bool) -> ReceivedMessage {
    ReceivedMessage {
        message_id: "m-1".into(),
        receipt: Receipt("r-1".into()),
        body: "{}".into(),
        group: None,
        attributes: died
            .then(|| (DEAD_LETTER_CODE.to_owned(), "unavailable".to_owned()))
            .into_iter()
            .collect(),
        receive_count,
        sent_at: Timestamp::from_millis(0),
    }
}

#[tokio::test]
async fn a_step_is_done_once_and_its_result_is_remembered() {
    let world = World::new();
    let first = world.run(order(7), done("receipt 1")).await;
    assert!(matches!(&first, StepRun::Done { result } if result == "receipt 1"), "{first:?}");
    for _ in 0..3 {
        world.clock.advance_ms(LEASE_MS);
        let again = world.run(order(7), done("receipt 2")).await;
        assert!(matches!(&again, StepRun::DoneBefore { result } if result == "receipt 1"), "{again:?}");
        assert_eq!(world.job(order(7), done("receipt 2")).await, JobOutcome::Acknowledge);
    }
    assert_eq!(world.runs(), 1);
    assert!(matches!(world.run(order(8), done("other")).await, StepRun::Done { .. }));
}

#[tokio::test]
async fn after_its_memory_ends_a_step_is_done_again() {
    let world = World::new();
    world.run(order(7), done("")).await;
    world.clock.advance_ms(POLICY.remember_ms + 1);
    assert!(matches!(world.run(order(7), done("")).await, StepRun::Done { .. }));
}

#[tokio::test]
async fn what_is_in_progress_elsewhere_is_left_alone_until_its_lease_ends() {
    let world = World::new();
    let ends = world.clock.now().plus_millis(LEASE_MS as i64);
    world.die_at(order(7)).await;
    world.clock.advance_ms(10_000);
    let run = world.run(order(7), done("")).await;
    assert!(matches!(run, StepRun::InProgress { until } if until == ends), "{run:?}");
    assert_eq!(world.job(order(7), done("")).await, JobOutcome::Postpone { delay_ms: 20_000 });
    assert_eq!(world.runs(), 0);
    world.clock.advance_ms(20_000);
    assert_eq!(world.job(order(7), done("")).await, JobOutcome::Acknowledge);
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn the_key_of_another_request_is_refused() {
    let world = World::new();
    world.run(order(7).with_fingerprint("10 euros"), done("")).await;
    let run = world.run(order(7).with_fingerprint("99 euros"), done("")).await;
    assert!(matches!(run, StepRun::FingerprintDiffers), "{run:?}");
    let outcome = world.job(order(7).with_fingerprint("99 euros"), done("")).await;
    assert!(matches!(outcome, JobOutcome::DeadLetter { code: DeadLetterCode::Invalid, .. }), "{outcome:?}");
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_over_cannot_complete() {
    let world = World::new();
    let (finish, wait) = tokio::sync::oneshot::channel();
    let slow = world.standing(wait).await;
    world.clock.advance_ms(LEASE_MS);
    assert!(matches!(world.run(order(7), done("of the second")).await, StepRun::Done { .. }));
    finish.send(done("of the first")).unwrap();
    assert!(matches!(slow.await.unwrap(), StepRun::ClaimLost));
    let remembered = world.run(order(7), done("of the third")).await;
    assert!(
        matches!(&remembered, StepRun::DoneBefore { result } if result == "of the second"),
        "{remembered:?}"
    );
}

/// The other one works still, and may die: then its message is all there is, and must not be acknowledged for it.
#[tokio::test]
async fn a_worker_that_was_overtaken_leaves_the_claim_to_the_other_and_its_message_in_the_queue() {
    let world = World::new();
    let (finish, wait) = tokio::sync::oneshot::channel();
    let mut slow = Box::pin(world.steps.run_job(order(7), |_| async { wait.await.unwrap() }));
    assert!(futures::poll!(&mut slow).is_pending());
    world.clock.advance_ms(LEASE_MS);
    world.die_at(order(7)).await;
    finish.send(done("of the first")).unwrap();
    assert!(matches!(slow.await, JobOutcome::Retry { .. }));
    assert!(matches!(world.run(order(7), done("")).await, StepRun::InProgress { .. }));
}

/// It failed after it was overtaken: giving back a claim that is another's must not free the step.
#[tokio::test]
async fn a_failure_after_the_claim_was_lost_does_not_free_the_step() {
    let world = World::new();
    let (finish, wait) = tokio::sync::oneshot::channel();
    let slow = world.standing(wait).await;
    world.clock.advance_ms(LEASE_MS);
    world.die_at(order(7)).await;
    finish.send(failing(ErrorKind::Unavailable)).unwrap();
    assert!(matches!(slow.await.unwrap(), StepRun::Failed { attempt: 1, .. }));
    assert!(matches!(world.run(order(7), done("")).await, StepRun::InProgress { .. }));
}

#[tokio::test]
async fn a_lease_that_ran_out_is_good_until_somebody_takes_it() {
    let world = World::new();
    let (finish, wait) = tokio::sync::oneshot::channel();
    let slow = world.standing(wait).await;
    world.clock.advance_ms(10 * LEASE_MS);
    finish.send(done("late")).unwrap();
    assert!(matches!(slow.await.unwrap(), StepRun::Done { .. }));
}

#[tokio::test]
async fn a_renewed_claim_keeps_others_out_for_another_lease() {
    let world = World::new();
    let run = world.run_with(order(7), async |claim| {
        world.clock.advance_ms(LEASE_MS - 1);
        let renewed = world.steps.renew(&claim).await?;
        assert_eq!(renewed.expires_at, world.clock.now().plus_millis(LEASE_MS as i64));
        world.clock.advance_ms(LEASE_MS - 1);
        let other = world.steps.run(order(7), async |_| done("of another")).await?;
        assert!(matches!(other, StepRun::InProgress { .. }), "{other:?}");
        done("slow")
    });
    assert!(matches!(run.await.unwrap(), StepRun::Done { .. }));
}

#[tokio::test]
async fn a_claim_that_was_taken_over_cannot_be_renewed() {
    let world = World::new();
    let run = world.run_with(order(7), async |claim| {
        world.clock.advance_ms(LEASE_MS);
        world.die_at(order(7)).await;
        world.steps.renew(&claim).await?;
        done("not reached")
    });
    assert!(matches!(run.await.unwrap(), StepRun::ClaimLost));
}

#[tokio::test]
async fn a_failed_step_is_free_at_once_and_counts_its_attempts() {
    let world = World::new();
    for (number, last) in [(1, false), (2, false), (3, true)] {
        let run = world.run(order(7), failing(ErrorKind::Unavailable)).await;
        let StepRun::Failed { error, attempt, is_last } = run else { panic!("{run:?}") };
        assert_eq!((error.kind, attempt, is_last), (ErrorKind::Unavailable, number, last));
    }
}

#[tokio::test]
async fn throttling_and_contention_spend_no_attempt() {
    let world = World::new();
    for _ in 0..20 {
        let throttled = PortError::new(ErrorKind::Throttled, "charge").with_retry_after_ms(Some(7_000));
        let outcome = world.job(order(7), Err(throttled)).await;
        assert_eq!(outcome, JobOutcome::Postpone { delay_ms: 7_000 });
        let outcome = world.job(order(7), failing(ErrorKind::Conflict)).await;
        assert!(matches!(outcome, JobOutcome::Postpone { .. }), "{outcome:?}");
    }
    let run = world.run(order(7), failing(ErrorKind::Unavailable)).await;
    assert!(matches!(run, StepRun::Failed { attempt: 1, .. }), "{run:?}");
}

#[tokio::test]
async fn a_job_returns_after_growing_waits_and_dies_at_its_last_attempt() {
    let world = World::new();
    for base_ms in [1_000, 5_000] {
        let outcome = world.job(order(7), failing(ErrorKind::Unavailable)).await;
        let JobOutcome::Retry { delay_ms, .. } = outcome else { panic!("{outcome:?}") };
        assert!((base_ms * 3 / 4..=base_ms * 5 / 4).contains(&delay_ms), "{delay_ms}");
    }
    let outcome = world.job(order(7), failing(ErrorKind::Unavailable)).await;
    assert!(
        matches!(outcome, JobOutcome::DeadLetter { code: DeadLetterCode::Unavailable, .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_can_never_succeed_dies_at_once() {
    let codes = [
        (ErrorKind::Invalid, DeadLetterCode::Invalid),
        (ErrorKind::NotFound, DeadLetterCode::NotFound),
        (ErrorKind::Corrupt, DeadLetterCode::Corrupt),
    ];
    for (kind, expected) in codes {
        let outcome = World::new().job(order(7), failing(kind)).await;
        assert!(matches!(outcome, JobOutcome::DeadLetter { code, .. } if code == expected), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_step_that_kills_its_workers_is_given_up_without_another_try() {
    let world = World::new();
    for _ in 0..POLICY.attempts_max {
        world.die_at(order(7)).await;
        world.clock.advance_ms(LEASE_MS);
    }
    for _ in 0..2 {
        let run = world.run(order(7), done("")).await;
        assert!(matches!(run, StepRun::Exhausted { attempts: 3 }), "{run:?}");
    }
    let outcome = world.job(order(7).delivered_by(&message(4, false)), done("")).await;
    assert!(
        matches!(outcome, JobOutcome::DeadLetter { code: DeadLetterCode::WorkerDied, .. }),
        "{outcome:?}"
    );
    assert_eq!(world.runs(), 0);
}

#[tokio::test]
async fn a_redriven_message_has_one_more_attempt() {
    let world = World::new();
    let redriven = || order(7).delivered_by(&message(1, true));
    for _ in 0..POLICY.attempts_max {
        world.job(order(7), failing(ErrorKind::Unavailable)).await;
    }
    let outcome = world.job(redriven(), failing(ErrorKind::Unavailable)).await;
    assert!(
        matches!(outcome, JobOutcome::DeadLetter { code: DeadLetterCode::Unavailable, .. }),
        "{outcome:?}"
    );
    let outcome = world.job(redriven(), failing(ErrorKind::Throttled)).await;
    assert!(matches!(outcome, JobOutcome::PostponeRedriven { .. }), "it must be known again: {outcome:?}");
    assert_eq!(world.job(redriven(), done("")).await, JobOutcome::Acknowledge);
}

/// The reply to a completion, a release or a claim is lost, or the call: nothing is done twice that was done.
#[tokio::test]
async fn a_ledger_that_stumbles_costs_no_repetition() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let world = World::new();
        world.faults.arm_next("job_ledger.complete", fault);
        assert!(matches!(world.run(order(7), done("once")).await, StepRun::Done { .. }), "{fault:?}");
        assert!(matches!(world.run(order(7), done("twice")).await, StepRun::DoneBefore { .. }), "{fault:?}");
        world.faults.arm_next("job_ledger.release", fault);
        world.run(order(8), failing(ErrorKind::Throttled)).await;
        let run = world.run(order(8), failing(ErrorKind::Unavailable)).await;
        assert!(matches!(run, StepRun::Failed { attempt: 1, .. }), "{fault:?}: {run:?}");
    }
}

#[tokio::test]
async fn without_the_ledger_the_work_is_not_run_and_the_message_waits_longer_each_time() {
    let world = World::new();
    for (receives, base_ms) in [(1, 1_000), (3, 30_000)] {
        world.faults.arm_next("job_ledger.claim", Fault::FailBefore);
        let outcome = world.job(order(7).delivered_by(&message(receives, false)), done("")).await;
        let JobOutcome::Retry { delay_ms, .. } = outcome else { panic!("{outcome:?}") };
        assert!((base_ms * 3 / 4..=base_ms * 5 / 4).contains(&delay_ms), "{receives}: {delay_ms}");
    }
    world.faults.arm_next("job_ledger.claim", Fault::FailBefore);
    assert_eq!(world.run_with(order(7), async |_| done("")).await.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(world.runs(), 0);
}

#[tokio::test]
async fn a_successor_finds_what_the_first_attempt_noted() {
    let world = World::new();
    world.die_at(order(7).with_memo("payment 1")).await;
    world.clock.advance_ms(LEASE_MS);
    let run = world.run_with(order(7).with_memo("payment 2"), async |claim| done(&claim.memo));
    let run = run.await.unwrap();
    assert!(matches!(&run, StepRun::Done { result } if result == "payment 1"), "{run:?}");
}

/// The effect and the completion are one transaction: the work says that it completed the claim itself.
#[tokio::test]
async fn work_that_completes_in_its_own_transaction_is_done_with_it() {
    let world = World::new();
    let mut story = Story::of(&SeededIds::new(2), "acme");
    let upload = story.upload(&SeededIds::new(3));
    let run = world.run_with(order(7), async |claim| {
        world.events.append(completing(upload, &claim, "uploaded")).await?;
        Ok(Worked::Completed("uploaded".into()))
    });
    assert!(matches!(run.await.unwrap(), StepRun::Done { .. }));
    assert!(!world.faults.calls().contains(&"job_ledger.complete"), "nothing is completed twice");
    let again = world.run(order(7), done("")).await;
    assert!(matches!(&again, StepRun::DoneBefore { result } if result == "uploaded"), "{again:?}");
}

#[tokio::test]
async fn a_transaction_whose_claim_was_taken_over_writes_nothing() {
    let world = World::new();
    let mut story = Story::of(&SeededIds::new(2), "acme");
    let upload = story.upload(&SeededIds::new(3));
    let key = upload.key.clone();
    let run = world.run_with(order(7), async |claim| {
        world.clock.advance_ms(LEASE_MS);
        world.die_at(order(7)).await;
        world.events.append(completing(upload, &claim, "uploaded")).await?;
        Ok(Worked::Completed("uploaded".into()))
    });
    assert!(matches!(run.await.unwrap(), StepRun::ClaimLost));
    assert_eq!(world.events.read(&key, Version::NONE, 10).await.unwrap(), []);
}
