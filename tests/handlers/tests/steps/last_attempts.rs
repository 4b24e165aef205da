//! The last permitted attempt at a step, and what may go wrong while it ends: its effect is in the history though its worker
//! was told otherwise, its failure cannot be recorded, the letter does not arrive, the document was stopped meanwhile.

use handlers::{Leftovers, Trouble, World};
use millrace_application::{DeadLetterFilter, DeadLetterScope, RedriveRequest, StepPolicy};
use millrace_domain::{DocumentKey, ErrorCode, QueueName, ReembeddingStatus, Status};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

/// Longer than any wait between two attempts, in milliseconds.
const LONGEST_WAIT_MS: u64 = 750_000;

/// Where a step's last attempt is to end.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ingest,
    Embed,
}

impl Step {
    const BOTH: [Self; 2] = [Self::Ingest, Self::Embed];

    fn queue(self) -> QueueName {
        match self {
            Self::Ingest => QueueName::Ingest,
            Self::Embed => QueueName::Embed,
        }
    }

    /// A document of one batch all of whose attempts at the step are spent but one.
    async fn before_its_last_attempt(self, world: &World) -> DocumentKey {
        let key = world.upload(&prose("ferry", 1)).await;
        if let Self::Embed = self {
            world.deliver(QueueName::Ingest, 1).await;
        }
        for _ in 1..StepPolicy::default().attempts_max {
            self.attempt_in_vain(world).await;
        }
        assert_eq!(world.document(&key).await.status, Status::Processing);
        key
    }

    async fn attempt_in_vain(self, world: &World) {
        self.fail_at_work(world);
        world.deliver(self.queue(), 1).await;
        world.clock.advance_ms(LONGEST_WAIT_MS);
    }

    fn fail_at_work(self, world: &World) {
        match self {
            Self::Ingest => world.faults.arm_next("blob_store.put_many", Fault::FailBefore),
            Self::Embed => world.embedder.fail(Trouble::Unavailable, 1),
        }
    }
}

async fn assert_ready_without_letters(world: &World, key: &DocumentKey, what: &str) {
    world.settle().await;
    world.check_history(key).await;
    let document = world.document(key).await;
    assert_eq!(document.status, Status::Ready, "{what}: {:?}", document.failure);
    world.assert_seen_whole(key, "ferry").await;
    for queue in [QueueName::Ingest, QueueName::Embed] {
        assert_eq!(world.dead_letters(queue).await, [], "{what}");
    }
}

#[tokio::test]
async fn a_step_that_took_effect_does_not_fail_its_document() {
    let cut_off = [
        (Step::Ingest, "job_queue.send", Fault::FailBefore),
        (Step::Ingest, "job_queue.send", Fault::FailAfter),
        (Step::Ingest, "event_store.append", Fault::FailAfter),
        (Step::Embed, "event_store.append", Fault::FailAfter),
    ];
    for (step, call, fault) in cut_off {
        let world = World::new().await;
        let key = step.before_its_last_attempt(&world).await;
        world.faults.arm_next(call, fault);
        world.deliver(step.queue(), 1).await;
        assert_eq!(world.faults.fired().len(), 1, "{step:?} {call}");
        assert_ready_without_letters(&world, &key, &format!("{step:?} {call} {fault:?}")).await;
    }
}

/// A failure is a failure of the step only if it happened at work; what cannot be written down is tried again.
#[tokio::test]
async fn a_failure_that_cannot_be_recorded_costs_no_attempt() {
    for step in Step::BOTH {
        let world = World::new().await;
        let key = step.before_its_last_attempt(&world).await;
        for _ in 0..3 {
            let work = ("blob_store.put_many", Fault::FailBefore);
            world.faults.arm_next_of(&[work, ("event_store.append", Fault::FailBefore)]);
            if let Step::Embed = step {
                world.embedder.fail(Trouble::Invalid, 1);
            }
            world.deliver(step.queue(), 1).await;
            world.clock.advance_ms(LONGEST_WAIT_MS);
        }
        assert_eq!(world.document(&key).await.status, Status::Processing, "{step:?}");
        assert_ready_without_letters(&world, &key, &format!("{step:?}")).await;
    }
}

/// Whoever redrives finds every document that was given up: there is a letter for it, whatever happened to its worker.
#[tokio::test]
async fn the_letter_of_a_failed_document_arrives() {
    let cut_off = [
        ("event_store.append", Fault::FailAfter),
        ("event_store.append", Fault::HaltAfter),
        ("job_queue.send", Fault::FailBefore),
        ("job_queue.send", Fault::HaltBefore),
        ("job_queue.dead_letter", Fault::FailBefore),
        ("job_queue.dead_letter", Fault::HaltBefore),
    ];
    for step in Step::BOTH {
        for (call, fault) in cut_off {
            let world = World::new().await;
            let what = format!("{step:?} {call} {fault:?}");
            let key = step.before_its_last_attempt(&world).await;
            step.fail_at_work(&world);
            world.faults.arm_next_of(&[("blob_store.put_many", Fault::FailBefore), (call, fault)]);
            world.deliver(step.queue(), 1).await;
            world.settle().await;
            let document = world.document(&key).await;
            assert_eq!(
                document.failure.map(|failure| failure.error_code),
                Some(ErrorCode::DeadLettered),
                "{what}"
            );
            let letters = world.dead_letters(step.queue()).await;
            let codes: Vec<_> = letters.iter().map(|letter| letter.code()).collect();
            assert_eq!(codes, ["unavailable"], "{what}");
            let (scope, filter) = (DeadLetterScope::Everything, DeadLetterFilter::default());
            let everything = RedriveRequest { scope, filter, dry_run: false, max_per_second: None };
            assert_eq!(world.redrive.run(&everything).await.unwrap().moved, 1, "{what}");
            world.settle().await;
            assert_eq!(world.document(&key).await.status, Status::Ready, "{what}");
        }
    }
}

/// What it wrote since is removed, like that of a worker with attempts left.
#[tokio::test]
async fn a_document_that_is_deleted_during_the_last_attempt_leaves_nothing() {
    let world = World::new().await;
    let key = Step::Ingest.before_its_last_attempt(&world).await;
    world.faults.arm_next("blob_store.put_many", Fault::HaltBefore);
    let mut standing = world.until_halt().await.expect("it stores chunks");
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    world.work_off().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
    world.faults.arm_next("search_index.put_words", Fault::FailBefore);
    world.faults.resume();
    standing.as_mut().await;
    world.settle().await;
    assert_eq!(world.stored(&key, None).await, Leftovers::default());
    assert_eq!(world.dead_letters(QueueName::Ingest).await, []);
}

/// The other model is the saga's business, and so are the attempts at it.
#[tokio::test]
async fn what_a_move_costs_in_vain_leaves_a_document_its_attempts() {
    let world = World::new().await;
    world.ready(&prose("lighthouse", 1)).await;
    world.start_moving().await;
    world.further.fail(Trouble::Unavailable, u32::MAX);
    let key = world.upload(&prose("ferry", 1)).await;
    world.deliver(QueueName::Ingest, 1).await;
    while world.collection().await.reembedding.is_some_and(|saga| saga.status() == ReembeddingStatus::Running)
    {
        world.deliver(QueueName::Embed, 10).await;
        world.clock.advance_ms(LONGEST_WAIT_MS);
    }
    world.embedder.fail(Trouble::Unavailable, StepPolicy::default().attempts_max - 1);
    assert_ready_without_letters(&world, &key, "after the move").await;
}

/// A message of before the failure comes late. Whoever retried has sent what is to be sent.
#[tokio::test]
async fn batches_of_before_a_retry_do_not_send_its_jobs_again() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 24)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    while world.deliver(QueueName::Purge, 1).await != handlers::Answer::Nothing {}
    world.retry.run(&key, &trace(&*world.ids)).await.unwrap();
    let stale = world.depth(QueueName::Embed).await.visible;
    assert!(stale > 2, "{stale} batches");
    for _ in 0..stale {
        world.deliver(QueueName::Embed, 1).await;
    }
    assert_eq!(world.depth(QueueName::Ingest).await.visible, 1);
    assert_ready_without_letters(&world, &key, "after the retry").await;
}
