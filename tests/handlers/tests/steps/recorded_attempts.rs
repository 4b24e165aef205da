//! What a step cost is in the history: the attempts of the claim that was completed stand in the step's events.

use handlers::{Answer, Trouble, World};
use millrace_domain::{
    DocumentEvent, DocumentKey, Generation, QueueName, SagaHistory, SagaStep, SagaStepName, SagaStepOutcome,
};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

#[tokio::test]
async fn a_step_that_failed_twice_is_recorded_with_three_attempts() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.embedder.fail(Trouble::Unavailable, 2);
    for _ in 0..3 {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    let history = world.history(&key).await;
    let attempts: Vec<_> = history
        .iter()
        .filter_map(|envelope| match &envelope.event {
            DocumentEvent::TextExtracted(data) => Some(data.attempts),
            DocumentEvent::DocumentChunked(data) => Some(data.attempts),
            DocumentEvent::ChunksEmbedded(data) => Some(data.attempts),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [Some(1), Some(1), Some(3)]);
    let steps = steps(&world, &key).await;
    let embedded = steps.iter().find(|step| step.step == SagaStepName::Embed).unwrap();
    assert_eq!(embedded.attempts, Some(3));
    assert!(embedded.duration_ms().unwrap() >= 1_500_000, "the waits between attempts count: {embedded:?}");
}

#[tokio::test]
async fn a_deletion_that_failed_in_each_of_its_steps_tells_which_took_how_many_attempts() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.settle().await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    for call in ["search_index.purge", "blob_store.delete_prefix", "blob_store.delete_prefix"] {
        fail_purge_at(&world, call).await;
    }
    world.deliver(QueueName::Purge, 1).await;
    let history = world.history(&key).await;
    let recorded: Vec<_> = history
        .iter()
        .filter_map(|envelope| match &envelope.event {
            DocumentEvent::VectorsPurged(data) => Some(data.attempts),
            DocumentEvent::ContentPurged(data) => Some(data.attempts),
            DocumentEvent::DocumentDeleted(data) => Some(data.attempts),
            _ => None,
        })
        .collect();
    assert_eq!(recorded, [Some(2), Some(4), Some(4)]);
    let told = [SagaStepName::PurgeIndex, SagaStepName::PurgeContent, SagaStepName::Verify];
    let steps = steps(&world, &key).await;
    let told = told.map(|name| steps.iter().find(|step| step.step == name).unwrap().attempts);
    assert_eq!(told, [Some(2), Some(3), Some(1)]);
}

#[tokio::test]
async fn a_compensation_that_failed_once_is_recorded_with_two_attempts() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.settle().await;
    world.replace(&key, &prose("lighthouse", 2)).await;
    for queue in [QueueName::Ingest, QueueName::Embed] {
        while world.deliver(queue, 1).await != Answer::Nothing {}
    }
    fail_purge_at(&world, "search_index.purge").await;
    world.settle().await;
    let steps = steps(&world, &key).await;
    let purge = steps.iter().find(|step| step.step == SagaStepName::PurgeGeneration).unwrap();
    assert_eq!((purge.outcome, purge.attempts), (SagaStepOutcome::Done, Some(2)));
}

/// What a first attempt removed must not be lost with it.
#[tokio::test]
async fn a_receipt_counts_the_cached_vectors_that_an_attempt_removed_before_it_failed() {
    for fault in [Fault::FailBefore, Fault::HaltBefore] {
        let world = World::new().await;
        let key = world.upload(&prose("ferry", 9)).await;
        world.settle().await;
        let hashes = world.chunk_hashes(&key, Generation::FIRST).await;
        let cached = world.cached(&key, &hashes).await as u64;
        world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
        world.faults.arm_next("event_store.append", fault);
        drop(world.until_halt().await);
        world.faults.resume();
        assert_eq!(world.faults.fired().len(), 1);
        assert_eq!(world.cached(&key, &hashes).await, 0, "they were removed before");
        world.settle().await;
        let receipt = world.document(&key).await.deletion.unwrap().receipt.unwrap();
        assert_eq!((receipt.cached_vectors, receipt.vectors), (cached, cached), "{fault:?}");
    }
}

/// The same of a generation that was replaced.
#[tokio::test]
async fn a_purge_of_a_generation_counts_the_cached_vectors_that_it_removed_before_it_failed() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    world.settle().await;
    let hashes = world.chunk_hashes(&key, Generation::FIRST).await;
    let cached = world.cached(&key, &hashes).await as u64;
    world.replace(&key, &prose("lighthouse", 2)).await;
    for queue in [QueueName::Ingest, QueueName::Embed] {
        while world.deliver(queue, 1).await != Answer::Nothing {}
    }
    fail_purge_at(&world, "event_store.append").await;
    assert_eq!(world.cached(&key, &hashes).await, 0);
    world.settle().await;
    let counts = |event: &DocumentEvent| match event {
        DocumentEvent::VectorsPurged(purged) => Some((purged.vectors, purged.cached_vectors)),
        _ => None,
    };
    let counted: Vec<_> = world.history(&key).await.iter().filter_map(|e| counts(&e.event)).collect();
    assert_eq!(counted, [(cached, cached)]);
}

/// Delivers the purge, which fails at this call, and lets the wait pass.
async fn fail_purge_at(world: &World, call: &'static str) {
    world.faults.arm_next(call, Fault::FailBefore);
    world.deliver(QueueName::Purge, 1).await;
    assert_eq!(world.faults.fired().len(), 1, "{call} was not called");
    world.clock.advance_ms(750_000);
}

async fn steps(world: &World, key: &DocumentKey) -> Vec<SagaStep> {
    let history = world.history(key).await;
    SagaHistory::of(history.iter().map(|envelope| (&envelope.event, envelope.time)))
}
