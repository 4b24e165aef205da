//! Messages that were never sent, since whoever was to send them died: the sweeper finds their documents owed and still,
//! sends what is owed, and is patient when that does not help at once.

use handlers::{Leftovers, World};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

const STALLED_MS: u64 = 120_000;

/// Sweeps; gives how many jobs it sent.
async fn sweep(world: &World) -> usize {
    world.fire_schedule().await.unwrap().jobs_sent
}

/// An upload whose process died between its append and its send.
async fn unsent(world: &World) -> DocumentKey {
    world.faults.arm_next("job_queue.send", Fault::HaltBefore);
    let text = prose("ferry", 9);
    let mut request = Box::pin(world.try_upload(&text, None));
    assert!(world.faults.until_halt(request.as_mut()).await.is_none());
    drop(request);
    world.faults.resume();
    let unsettled = world.behind.store.unsettled(millrace_domain::Timestamp::MAX, None, 10).await.unwrap();
    unsettled.documents[0].place.key.clone()
}

#[tokio::test]
async fn an_upload_that_died_before_its_send_is_found_after_a_while() {
    let world = World::new().await;
    let key = unsent(&world).await;
    assert!(world.is_idle().await, "nothing was sent");
    world.clock.advance_ms(STALLED_MS - 1_000);
    assert_eq!(sweep(&world).await, 0, "it may merely be slow");
    world.clock.advance_ms(2_000);
    assert_eq!(sweep(&world).await, 1);
    world.settle().await;
    world.check_history(&key).await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
    world.clock.advance_ms(10 * STALLED_MS);
    assert_eq!(sweep(&world).await, 0);
}

/// A long queue is not a loss: the same job is not sent again and again.
#[tokio::test]
async fn a_job_that_was_sent_again_is_left_alone_for_longer_each_time() {
    let world = World::new().await;
    unsent(&world).await;
    world.clock.advance_ms(STALLED_MS + 1);
    for doublings in 0..4 {
        assert_eq!(sweep(&world).await, 1, "pause {doublings}");
        assert_eq!(sweep(&world).await, 0, "pause {doublings}: at once again");
        world.clock.advance_ms((STALLED_MS << doublings) - 1);
        assert_eq!(sweep(&world).await, 0, "pause {doublings} was cut short");
        world.clock.advance_ms(2);
    }
}

#[tokio::test]
async fn every_lost_follow_on_job_is_found() {
    for lost in [QueueName::Ingest, QueueName::Embed, QueueName::Purge] {
        let world = World::new().await;
        let key = world.upload(&prose("ferry", 9)).await;
        let (cancelled, deleted) = (lost == QueueName::Purge, lost == QueueName::Embed);
        if lost != QueueName::Ingest {
            world.deliver(QueueName::Ingest, 1).await;
        }
        if cancelled {
            world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
        }
        for queue in QueueName::ALL {
            world.drop_messages(queue).await;
        }
        world.clock.advance_ms(STALLED_MS + 1);
        assert!(sweep(&world).await > 0, "{lost}");
        world.settle().await;
        assert!(!world.document(&key).await.is_unsettled(), "{lost}");
        if deleted {
            world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
            world.drop_messages(QueueName::Purge).await;
            world.clock.advance_ms(STALLED_MS + 1);
            assert_eq!(sweep(&world).await, 1);
            world.settle().await;
            assert_eq!(world.document(&key).await.status, Status::Deleted);
            assert_eq!(world.stored(&key, None).await, Leftovers::default());
        }
    }
}

/// The sweeper may die as well, at any call; the next one goes on.
#[tokio::test]
async fn a_sweeper_that_dies_at_any_call_is_made_up_for() {
    for fault in Fault::ALL {
        for number in 0.. {
            let world = World::new().await;
            let key = unsent(&world).await;
            world.clock.advance_ms(STALLED_MS + 1);
            world.faults.arm(&[(number, fault)]);
            let mut dying = Box::pin(world.fire_schedule());
            let _ = world.faults.until_halt(dying.as_mut()).await;
            drop(dying);
            world.faults.resume();
            if world.faults.fired().is_empty() {
                assert!(number > 5, "a sweep makes only {number} calls");
                break;
            }
            world.clock.advance_ms(2 * STALLED_MS);
            sweep(&world).await;
            world.settle().await;
            world.check_history(&key).await;
            assert_eq!(world.document(&key).await.status, Status::Ready, "{:?}", world.faults.fired());
        }
    }
}

/// A content whose request died before its event: nobody knows of it but the blob store.
#[tokio::test]
async fn an_orphaned_content_is_removed_after_an_hour_and_one_in_use_never() {
    let world = World::new().await;
    world.ready(&prose("lighthouse", 3)).await;
    world.faults.arm_next("event_store.append", Fault::HaltBefore);
    let text = prose("ferry", 9);
    let mut request = Box::pin(world.try_upload(&text, None));
    assert!(world.faults.until_halt(request.as_mut()).await.is_none());
    drop(request);
    world.faults.resume();
    let sources = async || world.behind.blobs.old_sources(None, 0, 100).await.unwrap().len();
    world.clock.advance_ms(3_500_000);
    assert_eq!(world.fire_schedule().await.unwrap().orphans_removed, 0);
    assert_eq!(sources().await, 2);
    world.clock.advance_ms(200_000);
    assert_eq!(world.fire_schedule().await.unwrap().orphans_removed, 1);
    assert_eq!(sources().await, 1);
}
