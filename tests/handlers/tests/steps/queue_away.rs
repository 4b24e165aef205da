//! Requests of clients while no job can be sent: what was appended is accepted, and the sweeper sends what it is owed.

use handlers::{Leftovers, World};
use millrace_application::{AcceptError, CompleteError};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

const STALLED_MS: u64 = 120_000;

fn take_queue_away(world: &World) {
    world.faults.arm_next("job_queue.send", Fault::FailBefore);
}

/// Holds that a send failed and what it should have sent is found by the sweeper.
async fn swept(world: &World, key: &DocumentKey) {
    assert_eq!(world.faults.fired().len(), 1, "nothing was to be sent");
    assert!(world.document(key).await.is_unsettled(), "the sweeper would not find it");
    world.clock.advance_ms(STALLED_MS + 1);
    assert_eq!(world.fire_schedule().await.unwrap().jobs_sent, 1);
    world.settle().await;
    world.check_history(key).await;
}

#[tokio::test]
async fn an_upload_is_accepted_and_becomes_ready_after_a_sweep() {
    for idempotency_key in [None, Some("upload-7")] {
        let world = World::new().await;
        take_queue_away(&world);
        let accepted = world.try_upload(&prose("ferry", 9), idempotency_key).await.unwrap();
        assert!(!accepted.replayed);
        assert_eq!(world.depth(QueueName::Ingest).await.visible, 0);
        swept(&world, &accepted.key).await;
        assert_eq!(world.document(&accepted.key).await.status, Status::Ready);
        assert!(world.hits(&accepted.key, "ferry").await > 0);
    }
}

#[tokio::test]
async fn a_replacement_is_accepted_and_becomes_ready_after_a_sweep() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    take_queue_away(&world);
    assert_eq!(world.replace(&key, &prose("lighthouse", 7)).await.generation.get(), 2);
    swept(&world, &key).await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
    assert!(world.hits(&key, "lighthouse").await > 0);
}

#[tokio::test]
async fn what_was_cancelled_and_what_was_deleted_is_purged_after_a_sweep() {
    for delete in [false, true] {
        let world = World::new().await;
        let key = world.upload(&prose("ferry", 9)).await;
        world.deliver(QueueName::Ingest, 1).await;
        take_queue_away(&world);
        if delete {
            world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
        } else {
            world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
        }
        swept(&world, &key).await;
        let expected = if delete { Status::Deleted } else { Status::Cancelled };
        assert_eq!(world.document(&key).await.status, expected);
        let Leftovers { chunks, vectors, .. } = world.stored(&key, None).await;
        assert_eq!((chunks, vectors), (0, 0));
    }
}

/// A client has its answer; the notification comes again and need not wait for the sweeper.
#[tokio::test]
async fn a_completed_upload_has_its_answer_and_its_message_comes_again() {
    let world = World::new().await;
    let grant = world.put_by_url(&prose("ferry", 9), None).await;
    take_queue_away(&world);
    let unfinished = world.complete.run(&grant.key, grant.upload_id).await;
    let Err(CompleteError::Unfinished { completed, .. }) = unfinished else { panic!("{unfinished:?}") };
    assert_eq!(completed.accepted.job_id, world.document(&grant.key).await.job_id);
    take_queue_away(&world);
    world.deliver(QueueName::Uploads, 1).await;
    assert_eq!(world.depth(QueueName::Ingest).await.visible, 0);
    assert_eq!(world.depth(QueueName::Uploads).await.in_flight, 1, "the notification comes again");
    world.settle().await;
    assert_eq!(world.document(&grant.key).await.status, Status::Ready);
    world.check_history(&grant.key).await;
}

/// Not that of giving its claim back.
#[tokio::test]
async fn a_request_that_failed_twice_tells_of_the_first_failure() {
    let world = World::new().await;
    let faults = [("event_store.append", Fault::FailBefore), ("job_ledger.release", Fault::FailBefore)];
    world.faults.arm_next_of(&faults);
    let failed = world.try_upload(&prose("ferry", 9), Some("upload-7")).await;
    assert_eq!(world.faults.fired().len(), 2);
    let Err(AcceptError::Execute(error)) = failed else { panic!("{failed:?}") };
    assert!(error.to_string().contains("event_store.append"), "{error}");
}
