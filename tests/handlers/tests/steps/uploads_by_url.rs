//! Uploads by URL when notifications are lost, late or repeated, clients go away, and documents change meanwhile: one
//! event for what was put, none for what was not, and nothing left over.

use handlers::World;
use millrace_application::{CompleteError, SweepPolicy, SweepReport, UPLOAD_URL_MS};
use millrace_domain::{QueueName, Status};
use millrace_ports::{BlobKey, BlobPrefix, BlobUsage, UploadGrant};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

/// An hour after the URL expired, and a little.
fn orphaned_ms() -> u64 {
    SweepPolicy::default().orphan_ms + UPLOAD_URL_MS.unsigned_abs() + 1_000
}

async fn usage(world: &World, grant: &UploadGrant) -> BlobUsage {
    world.behind.blobs.usage(&BlobPrefix::document(&grant.key)).await.unwrap()
}

async fn sweep(world: &World) -> SweepReport {
    world.fire_schedule().await.unwrap()
}

async fn uploads_in_history(world: &World, grant: &UploadGrant) -> usize {
    let events = world.essence(&grant.key).await;
    events.iter().filter(|event| event.contains("ploaded")).count()
}

#[tokio::test]
async fn the_notification_completes_an_upload() {
    let world = World::new().await;
    let grant = world.put_by_url(&prose("ferry", 9), None).await;
    assert!(world.documents.load(&grant.key).await.unwrap().is_none());
    world.settle().await;
    assert_eq!(world.document(&grant.key).await.status, Status::Ready);
    world.check_history(&grant.key).await;
    let record = BlobKey::pending(&grant.key, grant.upload_id);
    assert!(world.behind.blobs.get(&record).await.is_err(), "the record stays");
}

#[tokio::test]
async fn call_and_notification_in_any_order_and_number_make_one_event() {
    for call_first in [true, false] {
        let world = World::new().await;
        let text = prose("ferry", 9);
        let grant = world.put_by_url(&text, None).await;
        world.put(&grant, &text).await;
        if !call_first {
            world.deliver(QueueName::Uploads, 1).await;
        }
        let first = world.complete.run(&grant.key, grant.upload_id).await.unwrap();
        world.settle().await;
        let again = world.complete.run(&grant.key, grant.upload_id).await.unwrap();
        assert_eq!(first.accepted.job_id, again.accepted.job_id);
        assert_eq!(first.accepted.version, again.accepted.version);
        assert!(again.accepted.replayed);
        world.settle().await;
        assert_eq!(uploads_in_history(&world, &grant).await, 1);
        assert_eq!(world.document(&grant.key).await.status, Status::Ready);
    }
}

/// Both have found nothing in the history and stand before their append when one of them goes on.
#[tokio::test]
async fn of_two_at_once_one_appends_and_both_get_its_answer() {
    for insists in [false, true] {
        let world = World::new().await;
        let key = world.ready(&prose("ferry", 9)).await;
        let mut replaced = world.replaced(&key).await;
        replaced.if_version = insists.then_some(replaced.version);
        let grant = world.put_by_url(&prose("lighthouse", 7), Some(replaced)).await;
        world.faults.arm_next("event_store.append", Fault::HaltBefore);
        let mut slow = Box::pin(world.complete.run(&grant.key, grant.upload_id));
        assert!(world.faults.until_halt(slow.as_mut()).await.is_none());
        world.faults.resume();
        let fast = world.complete.run(&grant.key, grant.upload_id).await.unwrap();
        // A third party replaces the document before the slow one wakes.
        world.replace(&key, &prose("harbour", 5)).await;
        let slow = slow.await.unwrap();
        assert_eq!(slow.accepted.generation, fast.accepted.generation);
        assert_eq!(slow.accepted.job_id, fast.accepted.job_id);
        world.settle().await;
        let document = world.document(&key).await;
        assert_eq!((document.generation.get(), document.status), (3, Status::Ready));
        world.check_history(&key).await;
    }
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_by_the_sweeper() {
    let world = World::new().await;
    let grant = world.put_by_url(&prose("ferry", 9), None).await;
    assert_eq!(world.drop_messages(QueueName::Uploads).await, 1);
    world.clock.advance_ms(SweepPolicy::default().orphan_ms - 1_000);
    assert_eq!(sweep(&world).await.uploads_completed, 0);
    world.clock.advance_ms(2_000);
    let report = sweep(&world).await;
    assert_eq!((report.uploads_completed, report.orphans_removed), (1, 0));
    world.settle().await;
    assert_eq!(world.document(&grant.key).await.status, Status::Ready);
    world.clock.advance_ms(10 * orphaned_ms());
    assert_eq!(sweep(&world).await.orphans_removed, 0, "a completed upload is never removed");
    assert_eq!(
        world.behind.blobs.get(&BlobKey::source(&grant.key, grant.upload_id)).await.unwrap().len() as u64,
        grant.size.get()
    );
}

#[tokio::test]
async fn what_was_never_put_is_given_up_an_hour_after_its_url_expired() {
    let world = World::new().await;
    let grant = world.announce(&prose("ferry", 9), None).await;
    world.clock.advance_ms(orphaned_ms() - 10_000);
    assert_eq!(sweep(&world).await.orphans_removed, 0);
    assert!(matches!(
        world.complete.run(&grant.key, grant.upload_id).await.unwrap_err(),
        CompleteError::Expired
    ));
    world.clock.advance_ms(20_000);
    assert_eq!(sweep(&world).await.orphans_removed, 1);
    assert_eq!(usage(&world, &grant).await, BlobUsage::default());
    assert!(matches!(
        world.complete.run(&grant.key, grant.upload_id).await.unwrap_err(),
        CompleteError::NotFound
    ));
}

/// Its content cannot be accepted any more, so neither content nor record may stay for ever.
#[tokio::test]
async fn what_is_refused_is_removed_by_the_sweeper() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    let mut replaced = world.replaced(&key).await;
    replaced.if_version = Some(replaced.version);
    let grant = world.put_by_url(&prose("lighthouse", 7), Some(replaced)).await;
    world.replace(&key, &prose("harbour", 5)).await;
    world.settle().await;
    assert_eq!(world.dead_letters(QueueName::Uploads).await.len(), 0, "a refusal is no dead letter");
    let before = usage(&world, &grant).await.blobs;
    world.clock.advance_ms(orphaned_ms());
    assert_eq!(sweep(&world).await.orphans_removed, 1);
    assert_eq!(usage(&world, &grant).await.blobs, before - 2, "content and record");
    assert_eq!(world.document(&key).await.generation.get(), 2);
}

/// A record that could not be removed after the upload was accepted says nothing any more.
#[tokio::test]
async fn a_record_left_over_makes_no_second_event() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    let replaced = world.replaced(&key).await;
    let grant = world.put_by_url(&prose("lighthouse", 7), Some(replaced)).await;
    let record = BlobKey::pending(&grant.key, grant.upload_id);
    let kept = world.behind.blobs.get(&record).await.unwrap();
    world.settle().await;
    world.replace(&key, &prose("harbour", 5)).await;
    world.settle().await;
    // The content is purged with its generation, and put once more while the URL is good.
    world.behind.blobs.put(&record, kept).await.unwrap();
    world.put(&grant, &prose("lighthouse", 7)).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.generation.get(), 3);
    world.clock.advance_ms(orphaned_ms());
    sweep(&world).await;
    sweep(&world).await;
    assert!(world.behind.blobs.get(&BlobKey::source(&grant.key, grant.upload_id)).await.is_err());
    assert!(world.behind.blobs.get(&record).await.is_err());
    assert_eq!(world.document(&key).await.generation.get(), 3);
}

/// A deletion takes what is pending with it, and what is put afterwards is not kept.
#[tokio::test]
async fn a_deletion_ends_the_uploads_of_its_document() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    let replaced = world.replaced(&key).await;
    let grant = world.announce(&prose("lighthouse", 7), Some(replaced)).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
    assert_eq!(usage(&world, &grant).await, BlobUsage::default());
    assert!(matches!(
        world.complete.run(&grant.key, grant.upload_id).await.unwrap_err(),
        CompleteError::NotFound
    ));
    // A request that was on its way stores its bytes after the purge has looked.
    let content = prose("lighthouse", 7);
    let source = BlobKey::source(&grant.key, grant.upload_id);
    world.behind.blobs.put(&source, content.into()).await.unwrap();
    world.clock.advance_ms(orphaned_ms());
    assert_eq!(sweep(&world).await.orphans_removed, 1);
    assert_eq!(usage(&world, &grant).await, BlobUsage::default());
}

/// The sweeper that dies at any of its calls leaves the rest to the next.
#[tokio::test]
async fn a_sweep_that_dies_at_any_call_loses_no_upload() {
    for fault in Fault::ALL {
        for number in 0.. {
            let world = World::new().await;
            let grant = world.put_by_url(&prose("ferry", 9), None).await;
            world.drop_messages(QueueName::Uploads).await;
            world.clock.advance_ms(orphaned_ms());
            world.faults.arm(&[(number, fault)]);
            let mut dying = Box::pin(world.fire_schedule());
            let _ = world.faults.until_halt(dying.as_mut()).await;
            drop(dying);
            world.faults.resume();
            if world.faults.fired().is_empty() {
                assert!(number > 5, "a sweep makes only {number} calls");
                break;
            }
            world.clock.advance_ms(orphaned_ms());
            sweep(&world).await;
            world.settle().await;
            assert_eq!(world.document(&grant.key).await.status, Status::Ready, "{:?}", world.faults.fired());
            assert_eq!(uploads_in_history(&world, &grant).await, 1);
            world.check_history(&grant.key).await;
        }
    }
}
