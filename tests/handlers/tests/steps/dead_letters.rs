//! What becomes of a job that used up its attempts: it lies in the dead-letter queue with its reason, its document is
//! failed, and redriven it goes on from what was done.

use handlers::{Trouble, World};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_ports::{DEAD_LETTER_REASON, OutgoingMessage};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

/// A document that failed as dead-lettered when its first batch was to be embedded.
async fn dead_lettered(world: &World) -> DocumentKey {
    let key = world.upload(&prose("ferry", 9)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.deliver(QueueName::Embed, 1).await;
    world.embedder.fail(Trouble::Unavailable, 5);
    while world.document(&key).await.status == Status::Processing {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    assert_eq!(world.document(&key).await.status, Status::Failed);
    key
}

/// Puts the dead letters back on their queue, as a redrive does: attributes and all.
async fn redrive(world: &World, queue: QueueName) -> usize {
    let dead = world.dead_letters(queue).await;
    for message in &dead {
        let again = OutgoingMessage {
            body: message.body.clone(),
            group: message.group.clone(),
            delay_ms: 0,
            attributes: message.attributes.clone(),
        };
        assert!(again.attributes.contains_key(DEAD_LETTER_REASON));
        let sent = world.behind.queue.send(queue, vec![again]).await;
        sent.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    }
    dead.len()
}

#[tokio::test]
async fn a_redriven_batch_waits_for_the_purge_and_then_its_document_becomes_ready() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    let embedded = world.embedder.passages();
    assert_eq!(redrive(&world, QueueName::Embed).await, 1);
    // The leftovers are not purged yet: it is too early to begin anew.
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    assert_eq!(world.depth(QueueName::Embed).await.delayed, 1);
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
    let types = world.types(&key).await;
    assert_eq!(types.iter().filter(|name| *name == "text_extracted").count(), 1, "the text was still there");
    assert_eq!(types.iter().filter(|name| *name == "chunked").count(), 2);
    let chunks = u64::from(document.embedded_chunks);
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (chunks, chunks));
    // What was embedded before the failure came from the cache.
    assert_eq!(world.embedder.passages() as u64, chunks);
    assert!(embedded > 0);
}

#[tokio::test]
async fn a_duplicate_of_a_dead_letter_that_nobody_redrove_retries_nothing() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    let body = world.dead_letters(QueueName::Embed).await.remove(0).body;
    world.settle().await;
    let before = world.history(&key).await;
    let sent =
        world.behind.queue.send(QueueName::Embed, vec![OutgoingMessage { body, ..Default::default() }]);
    sent.await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    world.settle().await;
    assert_eq!(world.history(&key).await, before);
}

#[tokio::test]
async fn a_redriven_job_of_a_document_that_was_deleted_meanwhile_does_nothing() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    redrive(&world, QueueName::Embed).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
    redrive(&world, QueueName::Embed).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
}

/// Twice is once: the second redriven copy finds the document on its way or ready.
#[tokio::test]
async fn redriven_twice_it_is_retried_once() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.settle().await;
    redrive(&world, QueueName::Embed).await;
    redrive(&world, QueueName::Embed).await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
}

/// Extraction that always fails on the way: the same rules as for embedding, at the other queue.
#[tokio::test]
async fn an_ingest_job_is_dead_lettered_and_redriven_too() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    for attempt in 1..=5 {
        assert_eq!(world.document(&key).await.status, Status::Processing, "attempt {attempt}");
        world.faults.arm_next("blob_store.put_many", Fault::FailBefore);
        world.deliver(QueueName::Ingest, 1).await;
        world.clock.advance_ms(750_000);
    }
    assert_eq!(world.document(&key).await.status, Status::Failed);
    world.settle().await;
    assert_eq!(redrive(&world, QueueName::Ingest).await, 1);
    world.settle().await;
    world.check_history(&key).await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

/// If the failure cannot be recorded on the last attempt, the job must come back, or its document would hang.
#[tokio::test]
async fn a_last_attempt_whose_failure_is_not_recorded_comes_back() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.embedder.fail(Trouble::Unavailable, 9);
    for _ in 0..4 {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    world.faults.arm_next("event_store.append", Fault::FailBefore);
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(world.document(&key).await.status, Status::Processing);
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 0);
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 1);
}
