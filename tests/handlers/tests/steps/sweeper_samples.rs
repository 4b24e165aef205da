//! Each sample invocation of the sweeper: what it answers and what it changes. What it has in common with other
//! workers' is in `queue_samples.rs`.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use handlers::SampleDocument::{Neighbour, Report};
use handlers::{Leftovers, World, sample};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_test_support::builders::trace;

use crate::prose::prose;
use crate::queue_samples::SWEEPER;

/// Sets a document's tombstone; its purge job is lost.
async fn delete(world: &World, key: &DocumentKey) {
    world.delete.run(key, None, &trace(&*world.ids)).await.unwrap();
    world.drop_messages(QueueName::Purge).await;
}

#[test]
fn every_sample_has_a_test() {
    SWEEPER.assert_all_tested(&[
        "document_not_deleted",
        "document_unknown",
        "duplicate_in_batch",
        "malformed_body",
        "poison_beside_good_neighbours",
        "purge_document",
        "purge_generation",
        "schedule",
        "unknown_job_kind",
    ]);
}

#[tokio::test]
async fn purge_generation() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    world.drop_messages(QueueName::Purge).await;
    assert_eq!(world.stored(&key, None).await.chunks, 3);
    SWEEPER.run(&world, "purge_generation").await;
    assert_eq!(world.stored(&key, None).await.chunks, 0);
    assert!(!world.document(&key).await.is_unsettled());
    assert_eq!(world.types(&key).await.last().unwrap(), "vectors_purged");
}

#[tokio::test]
async fn purge_document() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    let blobs = world.stored(&key, None).await.blobs;
    delete(&world, &key).await;
    SWEEPER.run(&world, "purge_document").await;
    assert_eq!(world.stored(&key, None).await, Leftovers::default());
    let document = world.document(&key).await;
    assert_eq!(document.status, Status::Deleted);
    let receipt = document.deletion.unwrap().receipt.unwrap();
    assert_eq!((receipt.chunks, receipt.vectors, receipt.cached_vectors), (3, 3, 3));
    assert_eq!(receipt.blobs, blobs);
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    delete(&world, &key).await;
    SWEEPER.run(&world, "duplicate_in_batch").await;
    world.settle().await;
    world.check_history(&key).await;
    let types = world.types(&key).await;
    assert_eq!(types[6..], ["deletion_requested", "vectors_purged", "content_purged", "deleted"]);
}

#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    let report = world.begin_ready(Report, &prose("ferry", 9)).await;
    let neighbour = world.begin_ready(Neighbour, &prose("ferry", 9)).await;
    delete(&world, &report).await;
    delete(&world, &neighbour).await;
    SWEEPER.run(&world, "poison_beside_good_neighbours").await;
    for key in [report, neighbour] {
        assert_eq!(world.document(&key).await.status, Status::Deleted);
    }
    assert_eq!(SWEEPER.reasons(&world).await.len(), 1);
}

#[tokio::test]
async fn document_unknown() {
    let world = World::new().await;
    SWEEPER.run(&world, "document_unknown").await;
    assert_eq!(SWEEPER.reasons(&world).await.len(), 0, "there is nothing to purge");
}

/// A purge of a document that nobody deleted must not touch it.
#[tokio::test]
async fn document_not_deleted() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    let before = (world.history(&key).await, world.stored(&key, None).await);
    SWEEPER.run(&world, "document_not_deleted").await;
    assert_eq!((world.history(&key).await, world.stored(&key, None).await), before);
}

#[tokio::test]
async fn schedule() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    world.clock.advance_ms(121_000);
    let event: EventBridgeEvent = sample("sweeper", "schedule");
    let report = millrace_sweeper::handle_schedule(&world.sweep, event).await.unwrap();
    assert_eq!((report.stalled_documents, report.jobs_sent), (1, 1));
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}
