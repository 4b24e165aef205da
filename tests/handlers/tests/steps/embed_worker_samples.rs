//! Each sample invocation of embed-worker: what it answers and what it changes.

use aws_lambda_events::event::sqs::SqsEvent;
use handlers::SampleDocument::{Broken, Report};
use handlers::{Trouble, World, sample, sample_names};
use millrace_application::StepPolicy;
use millrace_domain::{ErrorCode, Generation, QueueName, Stage, Status};
use millrace_ports::BlobKey;
use millrace_test_support::builders::trace;
use serde_json::json;

use crate::prose::prose;

const FUNCTION: &str = "embed-worker";

/// Runs a sample that answers that all messages are done with.
async fn run(world: &World, case: &str) {
    let event: SqsEvent = sample(FUNCTION, case);
    let answer = world.deliver_event(QueueName::Embed, event).await;
    assert_eq!(answer.response, json!({ "batchItemFailures": [] }), "{case}");
}

async fn reasons(world: &World) -> Vec<String> {
    let dead = world.dead_letters(QueueName::Embed).await;
    dead.into_iter().map(|message| message.attributes["dead-letter-reason"].clone()).collect()
}

#[test]
fn every_sample_has_a_test() {
    let tested = [
        "batch_beyond_plan",
        "deleted_document",
        "document_unknown",
        "duplicate_in_batch",
        "malformed_body",
        "ordinary",
        "poison_beside_good_neighbours",
        "redriven",
        "stale_generation",
        "unknown_job_kind",
    ];
    assert_eq!(sample_names(FUNCTION), tested);
}

#[tokio::test]
async fn ordinary() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    run(&world, "ordinary").await;
    let expected = ["uploaded", "text_extracted", "chunked", "chunks_embedded", "chunks_embedded"];
    assert_eq!(world.types(&key).await, [&expected[..], &["ingestion_completed"]].concat());
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (3, 3));
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    run(&world, "duplicate_in_batch").await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.version.get()), (Status::Ready, 6));
    assert_eq!(world.embedder.passages(), 3, "each chunk was embedded once");
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

/// The chunks of one document are gone: it fails, and says so; its neighbours in the batch are done.
#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    let broken = world.begin_chunked(Broken, &prose("lighthouse", 9)).await;
    let report = world.begin_chunked(Report, &prose("ferry", 9)).await;
    world.behind.blobs.delete(&BlobKey::chunk_batch(&broken, Generation::FIRST, 0)).await.unwrap();
    run(&world, "poison_beside_good_neighbours").await;
    assert_eq!(world.document(&report).await.status, Status::Ready);
    let broken = world.document(&broken).await;
    assert_eq!(broken.status, Status::Failed);
    let failure = broken.failure.unwrap();
    assert_eq!((failure.stage, failure.error_code), (Stage::Embed, ErrorCode::ContentMissing));
    assert_eq!(reasons(&world).await.len(), 1, "only the torn message is a dead letter");
}

#[tokio::test]
async fn document_unknown() {
    let world = World::new().await;
    run(&world, "document_unknown").await;
    let expected = ["document 0199a000-0000-7000-8000-0000000000ff does not exist"];
    assert_eq!(reasons(&world).await, expected);
}

#[tokio::test]
async fn stale_generation() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    world.replace(&key, &prose("lighthouse", 5)).await;
    let before = (world.history(&key).await, world.stored(&key, None).await);
    run(&world, "stale_generation").await;
    assert_eq!((world.history(&key).await, world.stored(&key, None).await), before);
    assert!(world.hits(&key, "ferry").await > 0);
}

#[tokio::test]
async fn deleted_document() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    run(&world, "deleted_document").await;
    world.settle().await;
    let before = world.history(&key).await;
    run(&world, "deleted_document").await;
    assert_eq!(world.history(&key).await, before);
    assert_eq!(reasons(&world).await.len(), 0);
}

/// A batch that the document does not have: no attempt can succeed, yet a document that was well is not given up.
#[tokio::test]
async fn batch_beyond_plan() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    run(&world, "batch_beyond_plan").await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

#[tokio::test]
async fn redriven() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    world.embedder.fail(Trouble::Unavailable, StepPolicy::default().attempts_max);
    world.send(&key, world.document(&key).await.owed_jobs().remove(0)).await;
    world.settle().await;
    let failed = world.document(&key).await;
    assert_eq!(failed.failure.unwrap().error_code, ErrorCode::DeadLettered);
    run(&world, "redriven").await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (3, 3));
}
