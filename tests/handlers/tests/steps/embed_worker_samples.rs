//! Each sample invocation of embed-worker: what it answers and what it changes. What it has in common with other
//! workers' is in `queue_samples.rs`.

use handlers::SampleDocument::{Broken, Report};
use handlers::{Trouble, World};
use millrace_application::StepPolicy;
use millrace_domain::{ErrorCode, Generation, Stage, Status};
use millrace_ports::BlobKey;

use crate::prose::prose;
use crate::queue_samples::EMBED_WORKER;

#[test]
fn every_sample_has_a_test() {
    EMBED_WORKER.assert_all_tested(&[
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
    ]);
}

#[tokio::test]
async fn ordinary() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    EMBED_WORKER.run(&world, "ordinary").await;
    let expected = ["uploaded", "text_extracted", "chunked", "chunks_embedded", "chunks_embedded"];
    assert_eq!(world.types(&key).await, [&expected[..], &["ingestion_completed"]].concat());
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (3, 3));
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    EMBED_WORKER.run(&world, "duplicate_in_batch").await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.version.get()), (Status::Ready, 6));
    assert_eq!(world.embedder.passages(), 3, "each chunk was embedded once");
}

/// The chunks of one document are gone: it fails, and says so; its neighbours in the batch are done.
#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    let broken = world.begin_chunked(Broken, &prose("lighthouse", 9)).await;
    let report = world.begin_chunked(Report, &prose("ferry", 9)).await;
    world.behind.blobs.delete(&BlobKey::chunk_batch(&broken, Generation::FIRST, 0)).await.unwrap();
    EMBED_WORKER.run(&world, "poison_beside_good_neighbours").await;
    assert_eq!(world.document(&report).await.status, Status::Ready);
    let broken = world.document(&broken).await;
    assert_eq!(broken.status, Status::Failed);
    let failure = broken.failure.unwrap();
    assert_eq!((failure.stage, failure.error_code), (Stage::Embed, ErrorCode::ContentMissing));
    assert_eq!(EMBED_WORKER.reasons(&world).await.len(), 1, "only the torn message is a dead letter");
}

/// A batch that the document does not have: no attempt can succeed, yet a document that was well is not given up.
#[tokio::test]
async fn batch_beyond_plan() {
    let world = World::new().await;
    let key = world.begin_ready(Report, &prose("ferry", 9)).await;
    EMBED_WORKER.run(&world, "batch_beyond_plan").await;
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
    EMBED_WORKER.run(&world, "redriven").await;
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (3, 3));
}
