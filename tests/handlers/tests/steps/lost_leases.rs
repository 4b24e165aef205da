//! Workers that stand still for longer than their lease: another takes over, and the first finds out when it appends. The
//! history shows one effect, whoever was first.

use handlers::World;
use millrace_domain::{BatchIndex, DocumentKey, Generation, Job, QueueName, Status};
use millrace_ports::{ClaimOutcome, ClaimRequest, IdGenerator as _, StepKey};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

/// Longer than a message of a step stays hidden, and so than its lease.
const PAST_THE_LEASE_MS: u64 = 331_000;

/// A document of one batch, at its ingestion or, chunked, at its embedding.
async fn at(world: &World, queue: QueueName) -> DocumentKey {
    let key = world.upload(&prose("ferry", 3)).await;
    if queue == QueueName::Embed {
        world.deliver(QueueName::Ingest, 1).await;
    }
    key
}

async fn takes_over(queue: QueueName, halted: &'static str, fault: Fault) {
    let world = World::new().await;
    let key = at(&world, queue).await;
    world.faults.arm_next(halted, fault);
    let standing = world.until_halt().await.unwrap();
    world.clock.advance_ms(PAST_THE_LEASE_MS);
    // The message is back, and another worker does the whole job.
    world.work_off().await;
    assert_eq!(world.document(&key).await.status, Status::Ready, "{queue} {halted} {fault:?}");
    let (history, stored) = (world.history(&key).await, world.stored(&key, None).await);
    world.faults.resume();
    standing.await;
    world.settle().await;
    assert_eq!(world.history(&key).await, history, "{queue} {halted} {fault:?}");
    assert_eq!(world.stored(&key, None).await, stored, "{queue} {halted} {fault:?}");
    world.check_history(&key).await;
    assert!(world.hits(&key, "ferry").await > 0, "{queue} {halted} {fault:?}");
}

#[tokio::test]
async fn a_worker_that_was_overtaken_changes_nothing() {
    let calls = [
        (QueueName::Ingest, "blob_store.open"),
        (QueueName::Ingest, "blob_store.put_stream"),
        (QueueName::Ingest, "blob_store.put_many"),
        (QueueName::Ingest, "search_index.put_words"),
        (QueueName::Ingest, "event_store.append"),
        (QueueName::Ingest, "job_queue.send"),
        (QueueName::Embed, "blob_store.get"),
        (QueueName::Embed, "embedding_cache.get"),
        (QueueName::Embed, "embedding_cache.put"),
        (QueueName::Embed, "search_index.put_vectors"),
        (QueueName::Embed, "event_store.append"),
    ];
    for (queue, halted) in calls {
        for fault in [Fault::HaltBefore, Fault::HaltAfter] {
            takes_over(queue, halted, fault).await;
        }
    }
}

/// The other holds the claim and has appended nothing: the version still fits, and only the claim keeps the first out.
#[tokio::test]
async fn without_its_claim_a_worker_cannot_append() {
    for queue in [QueueName::Ingest, QueueName::Embed] {
        let world = World::new().await;
        let key = at(&world, queue).await;
        world.faults.arm_next("event_store.append", Fault::HaltBefore);
        let standing = world.until_halt().await.unwrap();
        world.clock.advance_ms(PAST_THE_LEASE_MS);
        assert_eq!(world.behind.consumer.receive(queue, 1, 0).await.unwrap().len(), 1);
        let step = match queue {
            QueueName::Ingest => StepKey::ingest(&key, Generation::FIRST, 0),
            _ => StepKey::embed(&key, Generation::FIRST, 0, BatchIndex::new(0)),
        };
        let request = ClaimRequest {
            step,
            owner: world.ids.uuid(),
            lease_ms: 300_000,
            fingerprint: String::new(),
            memo: String::new(),
            remember_ms: 86_400_000,
        };
        let taken = world.behind.ledger.claim(request).await.unwrap();
        assert!(matches!(&taken, ClaimOutcome::Claimed(claim) if claim.attempt == 2), "{taken:?}");
        let before = world.history(&key).await;
        world.faults.resume();
        standing.await;
        assert_eq!(world.history(&key).await, before, "{queue}: a worker without its claim appended");
        // The other dies as well; its message comes back and the third attempt does it.
        world.settle().await;
        world.check_history(&key).await;
        assert_eq!(world.document(&key).await.status, Status::Ready);
    }
}

/// The document was cancelled and retried while a worker of the first try stood still. The retry is past the same steps,
/// or at them; what it wrote must stay.
#[tokio::test]
async fn a_worker_of_an_earlier_try_does_not_harm_the_retry() {
    let calls = [
        (QueueName::Ingest, "search_index.put_words"),
        (QueueName::Ingest, "event_store.append"),
        (QueueName::Embed, "search_index.put_vectors"),
        (QueueName::Embed, "event_store.append"),
    ];
    for (queue, halted) in calls {
        for ends_first in [false, true] {
            let world = World::new().await;
            let key = at(&world, queue).await;
            world.faults.arm_next(halted, Fault::HaltBefore);
            let standing = world.until_halt().await.unwrap();
            world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
            world.work_off().await;
            world.retry.run(&key, &trace(&*world.ids)).await.unwrap();
            if ends_first {
                world.work_off().await;
                assert_eq!(world.document(&key).await.status, Status::Ready, "{halted}");
            } else {
                world.deliver(QueueName::Ingest, 1).await;
            }
            world.faults.resume();
            standing.await;
            world.settle().await;
            world.check_history(&key).await;
            let document = world.document(&key).await;
            assert_eq!((document.status, document.retries), (Status::Ready, 1), "{halted} {ends_first}");
            let (stored, chunks) = (world.stored(&key, None).await, u64::from(document.embedded_chunks));
            assert_eq!(
                (stored.chunks, stored.vectors),
                (chunks, chunks),
                "{halted}, ends first: {ends_first}"
            );
            assert!(world.hits(&key, "ferry").await > 0, "{halted} {ends_first}");
        }
    }
}

/// Whoever always dies uses up the attempts too: the document does not hang for ever.
#[tokio::test]
async fn a_step_whose_workers_always_die_fails_its_document() {
    let world = World::new().await;
    let key = at(&world, QueueName::Ingest).await;
    for _ in 0..12 {
        world.faults.arm_next("blob_store.put_many", Fault::HaltBefore);
        world.work_off().await;
        world.clock.advance_ms(PAST_THE_LEASE_MS);
    }
    world.faults.arm(&[]);
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    world.send(&key, Job::IngestDocument { generation: Generation::FIRST }).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
}
