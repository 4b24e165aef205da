//! Each sample invocation of upload-completer: what it answers and what it changes.

use bytes::Bytes;
use handlers::SampleDocument::{Neighbour, Report};
use handlers::{SampleDocument, World};
use millrace_domain::{QueueName, UploadId};
use millrace_ports::BlobKey;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::queue_samples::UPLOAD_COMPLETER;

const TEXT: &str = "The ferry leaves at noon.";

/// The upload that the samples name for a document.
fn upload_of(document: SampleDocument) -> UploadId {
    let id = match document {
        Report => "0199a000-0000-7000-8000-0000000000a1",
        _ => "0199a000-0000-7000-8000-0000000000a2",
    };
    id.parse().unwrap()
}

/// Leaves what starting an upload and putting its bytes leave, except the notification: the sample is that.
async fn put(world: &World, document: SampleDocument) {
    let (key, upload) = (document.key(), upload_of(document));
    let sha256: String = Sha256::digest(TEXT).iter().map(|byte| format!("{byte:02x}")).collect();
    let record = json!({
        "collection": "default",
        "filename": "report.txt",
        "size": TEXT.len(),
        "sha256": sha256,
        "metadata": {},
        "trace": { "correlation_id": "0199a000-0000-7000-8000-00000000c001" },
        "expires_at": "2025-11-21T02:15:00.000Z",
    });
    let blobs = &world.behind.blobs;
    blobs.put(&BlobKey::pending(&key, upload), record.to_string().into()).await.unwrap();
    blobs.put(&BlobKey::source(&key, upload), Bytes::from_static(TEXT.as_bytes())).await.unwrap();
}

async fn world() -> World {
    let world = World::new().await;
    for document in [Report, Neighbour] {
        put(&world, document).await;
    }
    world
}

async fn assert_begun(world: &World, document: SampleDocument) {
    let state = world.documents.load(&document.key()).await.unwrap().unwrap();
    assert_eq!((state.version.get(), state.upload_id), (1, upload_of(document)));
    let record = BlobKey::pending(&document.key(), upload_of(document));
    assert!(world.behind.blobs.get(&record).await.is_err(), "the record stays");
}

async fn exists(world: &World, document: SampleDocument) -> bool {
    world.documents.load(&document.key()).await.unwrap().is_some()
}

async fn dead(world: &World) -> usize {
    world.dead_letters(QueueName::Uploads).await.len()
}

#[test]
fn every_sample_has_a_test() {
    UPLOAD_COMPLETER.assert_all_tested(&[
        "duplicate_in_batch",
        "encoded_key",
        "malformed_body",
        "ordinary",
        "other_objects",
        "poison_beside_good_neighbours",
        "several_objects",
        "test_event",
        "upload_unknown",
    ]);
}

#[tokio::test]
async fn ordinary() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "ordinary").await;
    assert_begun(&world, Report).await;
    assert_eq!(world.depth(QueueName::Ingest).await.visible, 1);
    assert!(!exists(&world, Neighbour).await);
    world.settle().await;
    assert_eq!(world.hits(&Report.key(), "ferry").await, 1);
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "duplicate_in_batch").await;
    assert_begun(&world, Report).await;
    UPLOAD_COMPLETER.run(&world, "duplicate_in_batch").await;
    assert_begun(&world, Report).await;
}

#[tokio::test]
async fn encoded_key() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "encoded_key").await;
    assert_begun(&world, Report).await;
}

#[tokio::test]
async fn several_objects() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "several_objects").await;
    assert_begun(&world, Report).await;
    assert_begun(&world, Neighbour).await;
}

#[tokio::test]
async fn other_objects() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "other_objects").await;
    assert!(!exists(&world, Report).await);
    assert_eq!(dead(&world).await, 0);
}

#[tokio::test]
async fn test_event() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "test_event").await;
    assert_eq!(dead(&world).await, 0);
}

#[tokio::test]
async fn malformed_body() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "malformed_body").await;
    let dead = world.dead_letters(QueueName::Uploads).await;
    assert!(dead[0].attributes["dead-letter-reason"].starts_with("malformed notification"));
}

#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "poison_beside_good_neighbours").await;
    assert_begun(&world, Report).await;
    assert_begun(&world, Neighbour).await;
    assert_eq!(dead(&world).await, 1);
}

#[tokio::test]
async fn upload_unknown() {
    let world = world().await;
    UPLOAD_COMPLETER.run(&world, "upload_unknown").await;
    assert!(!exists(&world, Report).await);
    assert_eq!(dead(&world).await, 0);
}
