//! Each sample invocation of the sweeper: what it answers and what it changes.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use handlers::SampleDocument::{Neighbour, Report};
use handlers::{Leftovers, World, sample, sample_names};
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_test_support::builders::trace;
use serde_json::json;

use crate::prose::prose;

const FUNCTION: &str = "sweeper";

/// Runs a sample that answers that all messages are done with.
async fn run(world: &World, case: &str) {
    let event: SqsEvent = sample(FUNCTION, case);
    let answer = world.deliver_event(QueueName::Purge, event).await;
    assert_eq!(answer.response, json!({ "batchItemFailures": [] }), "{case}");
}

async fn reasons(world: &World) -> Vec<String> {
    let dead = world.dead_letters(QueueName::Purge).await;
    dead.into_iter().map(|message| message.attributes["dead-letter-reason"].clone()).collect()
}

/// Sets a document's tombstone; its purge job is lost.
async fn delete(world: &World, key: &DocumentKey) {
    world.delete.run(key, None, &trace(&*world.ids)).await.unwrap();
    world.drop_messages(QueueName::Purge).await;
}

#[test]
fn every_sample_has_a_test() {
    let tested = [
        "document_not_deleted",
        "document_unknown",
        "duplicate_in_batch",
        "malformed_body",
        "poison_beside_good_neighbours",
        "purge_document",
        "purge_generation",
        "schedule",
        "unknown_job_kind",
    ];
    assert_eq!(sample_names(FUNCTION), tested);
}

#[tokio::test]
async fn purge_generation() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    world.cancel.run(&key, &trace(&*world.ids)).await.unwrap();
    world.drop_messages(QueueName::Purge).await;
    assert_eq!(world.stored(&key, None).await.chunks, 3);
    run(&world, "purge_generation").await;
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
    run(&world, "purge_document").await;
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
    run(&world, "duplicate_in_batch").await;
    world.settle().await;
    world.check_history(&key).await;
    let types = world.types(&key).await;
    assert_eq!(types[6..], ["deletion_requested", "vectors_purged", "content_purged", "deleted"]);
}

#[tokio::test]
async fn malformed_body() {
    let world = World::new().await;
    run(&world, "malformed_body").await;
    let reasons = reasons(&world).await;
    assert!(matches!(&reasons[..], [one] if one.starts_with("malformed job: ")), "{reasons:?}");
}

#[tokio::test]
async fn unknown_job_kind() {
    let world = World::new().await;
    run(&world, "unknown_job_kind").await;
    let reasons = reasons(&world).await;
    assert!(matches!(&reasons[..], [one] if one.contains("translate_document")), "{reasons:?}");
}

#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    let report = world.begin_ready(Report, &prose("ferry", 9)).await;
    let neighbour = world.begin_ready(Neighbour, &prose("ferry", 9)).await;
    delete(&world, &report).await;
    delete(&world, &neighbour).await;
    run(&world, "poison_beside_good_neighbours").await;
    for key in [report, neighbour] {
        assert_eq!(world.document(&key).await.status, Status::Deleted);
    }
    assert_eq!(reasons(&world).await.len(), 1);
}

#[tokio::test]
async fn document_unknown() {
    let world = World::new().await;
    run(&world, "document_unknown").await;
    assert_eq!(reasons(&world).await.len(), 0, "there is nothing to purge");
}

/// A purge of a document that nobody deleted must not touch it.
#[tokio::test]
async fn document_not_deleted() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    let before = (world.history(&key).await, world.stored(&key, None).await);
    run(&world, "document_not_deleted").await;
    assert_eq!((world.history(&key).await, world.stored(&key, None).await), before);
}

#[tokio::test]
async fn schedule() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    world.clock.advance_ms(121_000);
    let event: EventBridgeEvent = sample(FUNCTION, "schedule");
    let report = millrace_sweeper::handle_schedule(&world.sweep, event).await.unwrap();
    assert_eq!((report.stalled_documents, report.jobs_sent), (1, 1));
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}
