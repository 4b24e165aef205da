//! What every job ledger must do: one case for each promise of the port. Run it with `job_ledger_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use futures::future::join_all;
use millrace_ports::{Claim, ClaimOutcome, ClaimRequest, Clock, ErrorKind, IdGenerator, JobLedger, StepKey};

use crate::builders::new_key;
use crate::{SeededIds, SimClock};

/// What the suite needs of an implementation: a new, empty ledger and its clock.
pub struct JobLedgerFixture {
    /// The ledger.
    pub ledger: Arc<dyn JobLedger>,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for JobLedgerFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobLedgerFixture").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! job_ledger_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            job_ledger_suite,
            $fixture,
            [
                of_many_claims_at_once_one_is_granted,
                a_claim_repeated_by_its_owner_is_granted_again,
                a_completed_step_is_remembered_and_then_forgotten,
                an_expired_claim_changes_hands_with_its_memo,
                an_owner_that_was_replaced_can_do_nothing,
                an_expired_claim_is_good_until_it_is_taken,
                an_extended_claim_keeps_others_out,
                a_released_claim_is_free_at_once,
                a_release_that_does_not_count_leaves_the_attempts,
                another_fingerprint_is_refused,
                completing_twice_keeps_the_first_result,
                forgetting_is_bounded_and_spares_what_is_remembered,
            ]
        );
    };
}

const LEASE_MS: u64 = 1_000;
const REMEMBER_MS: u64 = 60_000;

fn step(number: u64) -> StepKey {
    StepKey::ingest(&new_key(&SeededIds::new(number), "acme"), millrace_domain::Generation::FIRST, 0)
}

fn request(ids: &SeededIds, step: StepKey) -> ClaimRequest {
    ClaimRequest {
        step,
        owner: ids.uuid(),
        lease_ms: LEASE_MS,
        fingerprint: "same".into(),
        memo: format!("memo of {}", ids.uuid()),
        remember_ms: REMEMBER_MS,
    }
}

async fn claimed(fixture: &JobLedgerFixture, request: ClaimRequest) -> Claim {
    match fixture.ledger.claim(request).await.unwrap() {
        ClaimOutcome::Claimed(claim) => claim,
        other => panic!("expected a claim, got {other:?}"),
    }
}

/// At any instant at most one owner holds a step.
pub async fn of_many_claims_at_once_one_is_granted(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let requests: Vec<ClaimRequest> = (0..16).map(|_| request(&ids, step(1))).collect();
    let outcomes = join_all(requests.into_iter().map(|request| fixture.ledger.claim(request))).await;
    let until = fixture.clock.now().plus_millis(1_000);
    let mut granted = 0;
    for outcome in outcomes {
        match outcome.unwrap() {
            ClaimOutcome::Claimed(claim) => {
                granted += 1;
                assert_eq!((claim.attempt, claim.expires_at), (1, until));
            }
            other => assert_eq!(other, ClaimOutcome::InProgress { until }),
        }
    }
    assert_eq!(granted, 1);
    claimed(fixture, request(&ids, step(2))).await;
}

/// A lost answer does not lock the owner out, and is not another attempt.
pub async fn a_claim_repeated_by_its_owner_is_granted_again(fixture: &JobLedgerFixture) {
    let request = request(&SeededIds::new(1), step(1));
    let first = claimed(fixture, request.clone()).await;
    assert_eq!(claimed(fixture, request).await, first);
}

/// A completed step stays completed for its time, and no longer.
pub async fn a_completed_step_is_remembered_and_then_forgotten(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let claim = claimed(fixture, request(&ids, step(1))).await;
    fixture.ledger.complete(&claim, "42 chunks").await.unwrap();
    for wait_ms in [0, LEASE_MS + 1, REMEMBER_MS - LEASE_MS - 2] {
        fixture.clock.advance_ms(wait_ms);
        let outcome = fixture.ledger.claim(request(&ids, step(1))).await.unwrap();
        assert_eq!(outcome, ClaimOutcome::Completed { result: "42 chunks".into() });
    }
    fixture.clock.advance_ms(2);
    assert_eq!(claimed(fixture, request(&ids, step(1))).await.attempt, 1);
}

/// A step whose worker died happens after all, with what the first claimant noted.
pub async fn an_expired_claim_changes_hands_with_its_memo(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let first = claimed(fixture, request(&ids, step(1))).await;
    for attempt in 2..5 {
        fixture.clock.advance_ms(LEASE_MS);
        let next = claimed(fixture, request(&ids, step(1))).await;
        assert_eq!((next.attempt, &next.memo), (attempt, &first.memo));
        assert_ne!(next.owner, first.owner);
    }
}

/// Complete and extend say so; release does no harm to the one who holds it now.
pub async fn an_owner_that_was_replaced_can_do_nothing(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let lost = claimed(fixture, request(&ids, step(1))).await;
    fixture.clock.advance_ms(LEASE_MS);
    let held = claimed(fixture, request(&ids, step(1))).await;
    assert_eq!(fixture.ledger.complete(&lost, "stale").await.unwrap_err().kind, ErrorKind::ClaimLost);
    assert_eq!(fixture.ledger.extend(&lost, LEASE_MS).await.unwrap_err().kind, ErrorKind::ClaimLost);
    fixture.ledger.release(&lost, false).await.unwrap();
    let outcome = fixture.ledger.claim(request(&ids, step(1))).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::InProgress { until: held.expires_at });
    fixture.ledger.complete(&held, "mine").await.unwrap();
    assert_eq!(fixture.ledger.complete(&lost, "stale").await.unwrap_err().kind, ErrorKind::ClaimLost);
}

/// A slow worker that nobody replaced may still finish.
pub async fn an_expired_claim_is_good_until_it_is_taken(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let claim = claimed(fixture, request(&ids, step(1))).await;
    fixture.clock.advance_ms(10 * LEASE_MS);
    let extended = fixture.ledger.extend(&claim, LEASE_MS).await.unwrap();
    fixture.clock.advance_ms(10 * LEASE_MS);
    fixture.ledger.complete(&extended, "late").await.unwrap();
    let outcome = fixture.ledger.claim(request(&ids, step(1))).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Completed { result: "late".into() });
}

/// The lease runs from now, not from its old end.
pub async fn an_extended_claim_keeps_others_out(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let claim = claimed(fixture, request(&ids, step(1))).await;
    fixture.clock.advance_ms(LEASE_MS / 2);
    let extended = fixture.ledger.extend(&claim, LEASE_MS).await.unwrap();
    let until = fixture.clock.now().plus_millis(1_000);
    assert_eq!(extended, Claim { expires_at: until, ..claim });
    fixture.clock.advance_ms(LEASE_MS - 1);
    let outcome = fixture.ledger.claim(request(&ids, step(1))).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::InProgress { until });
    fixture.clock.advance_ms(1);
    claimed(fixture, request(&ids, step(1))).await;
}

/// The next attempt need not wait, counts, and finds the memo.
pub async fn a_released_claim_is_free_at_once(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let first = claimed(fixture, request(&ids, step(1))).await;
    fixture.ledger.release(&first, true).await.unwrap();
    assert_eq!(fixture.ledger.complete(&first, "gone").await.unwrap_err().kind, ErrorKind::ClaimLost);
    let second = claimed(fixture, request(&ids, step(1))).await;
    assert_eq!((second.attempt, second.memo), (2, first.memo));
}

/// Throttling does not spend attempts, however often it happens.
pub async fn a_release_that_does_not_count_leaves_the_attempts(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    for _ in 0..5 {
        let claim = claimed(fixture, request(&ids, step(1))).await;
        assert_eq!(claim.attempt, 1);
        fixture.ledger.release(&claim, false).await.unwrap();
        fixture.ledger.release(&claim, false).await.unwrap();
    }
    let claim = claimed(fixture, request(&ids, step(1))).await;
    fixture.ledger.release(&claim, true).await.unwrap();
    assert_eq!(claimed(fixture, request(&ids, step(1))).await.attempt, 2);
}

/// A key in use for something else, whether in progress, released or completed.
pub async fn another_fingerprint_is_refused(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let claim = claimed(fixture, request(&ids, step(1))).await;
    let other = || ClaimRequest { fingerprint: "other".into(), ..request(&ids, step(1)) };
    assert_eq!(fixture.ledger.claim(other()).await.unwrap(), ClaimOutcome::FingerprintDiffers);
    fixture.ledger.complete(&claim, "done").await.unwrap();
    assert_eq!(fixture.ledger.claim(other()).await.unwrap(), ClaimOutcome::FingerprintDiffers);
}

/// A completion whose answer was lost can be repeated, by its owner.
pub async fn completing_twice_keeps_the_first_result(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    let claim = claimed(fixture, request(&ids, step(1))).await;
    fixture.ledger.complete(&claim, "first").await.unwrap();
    fixture.ledger.complete(&claim, "first").await.unwrap();
    let outcome = fixture.ledger.claim(request(&ids, step(1))).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Completed { result: "first".into() });
}

/// No more rows than asked, and none that still matters.
pub async fn forgetting_is_bounded_and_spares_what_is_remembered(fixture: &JobLedgerFixture) {
    let ids = SeededIds::new(1);
    for number in 0..7 {
        let claim = claimed(fixture, request(&ids, step(number))).await;
        fixture.ledger.complete(&claim, "old").await.unwrap();
    }
    fixture.clock.advance_ms(REMEMBER_MS);
    let fresh = claimed(fixture, request(&ids, step(100))).await;
    fixture.ledger.complete(&fresh, "fresh").await.unwrap();
    claimed(fixture, request(&ids, step(101))).await;
    let mut forgotten = Vec::new();
    for _ in 0..4 {
        forgotten.push(fixture.ledger.forget_expired(3).await.unwrap());
    }
    assert_eq!(forgotten, [3, 3, 1, 0]);
    let outcome = fixture.ledger.claim(request(&ids, step(100))).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Completed { result: "fresh".into() });
    let outcome = fixture.ledger.claim(request(&ids, step(101))).await.unwrap();
    assert!(matches!(outcome, ClaimOutcome::InProgress { .. }));
}
