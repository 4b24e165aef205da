//! Each sample invocation of chunk-worker: what it answers and what it changes. What it has in common with other
//! workers' is in `queue_samples.rs`.

use handlers::SampleDocument::{Broken, Neighbour, Report};
use handlers::World;
use millrace_application::StepPolicy;
use millrace_domain::{ErrorCode, QueueName, Stage, Status};
use millrace_test_support::Fault;

use crate::prose::prose;
use crate::queue_samples::CHUNK_WORKER;

#[test]
fn every_sample_has_a_test() {
    CHUNK_WORKER.assert_all_tested(&[
        "deleted_document",
        "document_unknown",
        "duplicate_in_batch",
        "job_of_another_queue",
        "malformed_body",
        "ordinary",
        "poison_beside_good_neighbours",
        "redriven",
        "stale_generation",
        "unknown_job_kind",
    ]);
}

#[tokio::test]
async fn ordinary() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    CHUNK_WORKER.run(&world, "ordinary").await;
    assert_eq!(world.types(&key).await, ["uploaded", "text_extracted", "chunked"]);
    assert!(world.hits(&key, "ferry").await > 0, "not found by its words");
    let jobs = world.behind.consumer.receive(QueueName::Embed, 10, 0).await.unwrap();
    let bodies: Vec<serde_json::Value> =
        jobs.iter().map(|job| serde_json::from_str(&job.body).unwrap()).collect();
    assert_eq!(bodies.iter().map(|body| &body["batch"]).collect::<Vec<_>>(), [0, 1]);
    for (job, body) in jobs.iter().zip(&bodies) {
        assert_eq!(job.group.as_deref(), Some("acme"));
        assert_eq!(body["correlation_id"], "0199a000-0000-7000-8000-00000000c001", "the trace is handed on");
        assert_eq!(body["traceparent"], job.attributes["traceparent"].as_str());
    }
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    CHUNK_WORKER.run(&world, "duplicate_in_batch").await;
    assert_eq!(world.types(&key).await, ["uploaded", "text_extracted", "chunked"]);
    // The second sends the follow-on jobs again: the first might have died before it did.
    assert_eq!(world.depth(QueueName::Embed).await.visible, 4);
    world.settle().await;
    world.check_history(&key).await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

#[tokio::test]
async fn job_of_another_queue() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    CHUNK_WORKER.run(&world, "job_of_another_queue").await;
    assert_eq!(CHUNK_WORKER.reasons(&world).await, ["not an IngestDocument job"]);
    assert_eq!(world.types(&key).await, ["uploaded"]);
}

#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    let report = world.begin(Report, &prose("ferry", 9)).await;
    let neighbour = world.begin(Neighbour, &prose("lighthouse", 5)).await;
    let broken = world.begin(Broken, "%PDF-1.7\nno cross-reference table").await;
    CHUNK_WORKER.run(&world, "poison_beside_good_neighbours").await;
    for key in [report, neighbour] {
        assert_eq!(world.document(&key).await.stage, Stage::Embed);
    }
    let broken = world.document(&broken).await;
    assert_eq!(broken.status, Status::Failed);
    assert_eq!(broken.failure.unwrap().error_code, ErrorCode::Corrupt);
    assert_eq!(CHUNK_WORKER.reasons(&world).await.len(), 1, "only the torn message is a dead letter");
}

#[tokio::test]
async fn redriven() {
    let world = World::new().await;
    let key = world.begin(Report, &prose("ferry", 9)).await;
    world.send(&key, world.document(&key).await.owed_jobs().remove(0)).await;
    for _ in 0..StepPolicy::default().attempts_max {
        world.faults.arm_next("blob_store.open", Fault::FailBefore);
        world.deliver(QueueName::Ingest, 1).await;
        world.clock.advance_ms(750_000);
    }
    let failed = world.document(&key).await;
    assert_eq!(failed.failure.unwrap().error_code, ErrorCode::DeadLettered);
    CHUNK_WORKER.run(&world, "redriven").await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
}
