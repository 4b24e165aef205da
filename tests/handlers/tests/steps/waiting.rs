//! How long a job waits after a failure, and what it costs: throttling costs no attempt, unavailability one, with growing
//! pauses; the last permitted attempt fails the document.

use handlers::{Answer, Trouble, World};
use millrace_domain::{BatchIndex, DocumentKey, ErrorCode, Generation, QueueName, Stage, Status};
use millrace_ports::{ClaimOutcome, ClaimRequest, IdGenerator as _, StepKey};
use serde_json::json;

use crate::prose::prose;

/// A document of one batch whose embed job waits.
async fn waiting(world: &World) -> DocumentKey {
    let key = world.upload(&prose("ferry", 3)).await;
    world.deliver(QueueName::Ingest, 1).await;
    assert_eq!(world.depth(QueueName::Embed).await.visible, 1);
    key
}

/// The attempt that the next claim on the first batch would be.
async fn next_attempt(world: &World, key: &DocumentKey) -> u32 {
    let request = ClaimRequest {
        step: StepKey::embed(key, Generation::FIRST, 0, BatchIndex::new(0)),
        owner: world.ids.uuid(),
        lease_ms: 1_000,
        fingerprint: String::new(),
        memo: String::new(),
        remember_ms: 86_400_000,
    };
    let ClaimOutcome::Claimed(claim) = world.behind.ledger.claim(request).await.unwrap() else {
        panic!("the step is claimed by somebody")
    };
    world.behind.ledger.release(&claim, false).await.unwrap();
    claim.attempt
}

async fn deliver(world: &World) -> Answer {
    world.deliver(QueueName::Embed, 1).await
}

fn done() -> Answer {
    Answer::Response(json!({ "batchItemFailures": [] }))
}

#[tokio::test]
async fn a_throttled_job_comes_back_when_told_and_spends_no_attempt() {
    let world = World::new().await;
    let key = waiting(&world).await;
    for (said, waits) in [(Some(7_000), 7_000), (None, 2_000), (Some(90_000), 90_000), (Some(0), 1_000)] {
        world.embedder.fail(Trouble::Throttled(said), 1);
        assert_eq!(deliver(&world).await, done(), "it is sent anew and the old message deleted");
        let depth = world.depth(QueueName::Embed).await;
        assert_eq!((depth.visible, depth.in_flight, depth.delayed), (0, 0, 1));
        assert_eq!(next_attempt(&world, &key).await, 1);
        world.clock.advance_ms(waits - 1);
        assert_eq!(deliver(&world).await, Answer::Nothing);
        world.clock.advance_ms(1);
    }
    assert_eq!(deliver(&world).await, done());
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

#[tokio::test]
async fn throttled_far_more_often_than_attempts_are_permitted_it_is_still_done() {
    let world = World::new().await;
    let key = waiting(&world).await;
    world.embedder.fail(Trouble::Throttled(None), 40);
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 0);
}

#[tokio::test]
async fn an_unavailable_embedder_is_asked_again_after_growing_pauses() {
    let world = World::new().await;
    let key = waiting(&world).await;
    world.embedder.fail(Trouble::Unavailable, 6);
    for (attempt, base_ms) in [(1, 1_000), (2, 5_000), (3, 30_000), (4, 120_000), (5, 600_000)] {
        assert_eq!(next_attempt(&world, &key).await, attempt);
        let Answer::Response(response) = deliver(&world).await else { panic!("attempt {attempt}") };
        assert_eq!(response["batchItemFailures"].as_array().unwrap().len(), 1, "attempt {attempt}");
        world.clock.advance_ms(base_ms * 3 / 4 - 1);
        assert_eq!(deliver(&world).await, Answer::Nothing, "attempt {attempt} came back too soon");
        world.clock.advance_ms(base_ms / 2 + 1);
        assert_eq!(world.depth(QueueName::Embed).await.visible, 1, "attempt {attempt} is late");
    }
    assert_eq!(deliver(&world).await, done(), "the sixth is the last");
    let failed = world.document(&key).await;
    assert_eq!(failed.status, Status::Failed);
    let failure = failed.failure.unwrap();
    assert_eq!((failure.stage, failure.error_code), (Stage::Embed, ErrorCode::DeadLettered));
    assert_eq!(failure.attempts, 6);
    let dead = world.dead_letters(QueueName::Embed).await;
    assert_eq!(dead.len(), 1);
    let reason = &dead[0].attributes["dead-letter-reason"];
    assert!(reason.contains("embedder unavailable"), "{reason}");
    assert_eq!(world.hits(&key, "ferry").await, 0, "a failed first generation is not found");
}

#[tokio::test]
async fn throttling_in_between_does_not_add_to_the_attempts() {
    let world = World::new().await;
    let key = waiting(&world).await;
    for _ in 0..4 {
        world.embedder.fail(Trouble::Unavailable, 1);
        world.work_off().await;
        world.clock.advance_ms(150_000);
        world.embedder.fail(Trouble::Throttled(None), 1);
        world.work_off().await;
        world.clock.advance_ms(2_000);
    }
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

#[tokio::test]
async fn a_claim_held_elsewhere_postpones_the_duplicate() {
    let world = World::new().await;
    let key = waiting(&world).await;
    world.faults.arm_next("search_index.put_vectors", millrace_test_support::Fault::HaltBefore);
    let standing = world.until_halt().await.unwrap();
    world.send(&key, world.document(&key).await.owed_jobs().remove(0)).await;
    world.faults.resume();
    let duplicate = world.deliver(QueueName::Embed, 1).await;
    assert_eq!(duplicate, done());
    assert_eq!(world.depth(QueueName::Embed).await.delayed, 1, "it waits for the claim to end");
    standing.await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.version.get()), (Status::Ready, 5));
}
