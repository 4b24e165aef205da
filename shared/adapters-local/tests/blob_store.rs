//! The blob store suite on files, with threads and without, beside a database, and in memory; and what only files promise: that nothing
//! unfinished survives a restart.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not recognise as such")]

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use millrace_adapters_local::{Database, FsBlobStore, LocalBlobStore, MemoryBlobStore, WorkerPool};
use millrace_domain::{ByteSize, Generation};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, BlobUsage, IdGenerator};
use millrace_test_support::blob_store_suite::BlobStoreFixture;
use millrace_test_support::{SeededIds, SimClock, builders};

async fn on_files(pool: WorkerPool) -> BlobStoreFixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimClock::default());
    let store = open(folder.path().join("blobs"), &clock, pool).await;
    BlobStoreFixture { store: Arc::new(store), clock, keep: Box::new(folder) }
}

async fn open(root: PathBuf, clock: &Arc<SimClock>, pool: WorkerPool) -> FsBlobStore {
    FsBlobStore::open(root, Arc::clone(clock) as _, pool).await.unwrap()
}

mod with_threads {
    async fn fixture() -> super::BlobStoreFixture {
        super::on_files(super::WorkerPool::start("blobs", 3).unwrap()).await
    }

    millrace_test_support::blob_store_suite!(fixture);
}

mod inline {
    async fn fixture() -> super::BlobStoreFixture {
        super::on_files(super::WorkerPool::inline()).await
    }

    millrace_test_support::blob_store_suite!(fixture);
}

mod with_a_database {
    use super::*;

    async fn fixture() -> BlobStoreFixture {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimClock::default());
        let files = open(folder.path().join("blobs"), &clock, WorkerPool::start("blobs", 3).unwrap()).await;
        let database = Database::open(&folder.path().join("suite.db")).unwrap();
        let store = Arc::new(LocalBlobStore::new(database, files));
        BlobStoreFixture { store, clock, keep: Box::new(folder) }
    }

    millrace_test_support::blob_store_suite!(fixture);
}

mod in_memory {
    use super::*;

    async fn fixture() -> BlobStoreFixture {
        let clock = Arc::new(SimClock::default());
        let store = Arc::new(MemoryBlobStore::new(Arc::clone(&clock) as _));
        BlobStoreFixture { store, clock, keep: Box::new(()) }
    }

    millrace_test_support::blob_store_suite!(fixture);
}

#[tokio::test]
async fn a_restart_keeps_blobs_and_removes_what_was_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let (root, clock) = (folder.path().join("blobs"), Arc::new(SimClock::default()));
    let key = builders::new_key(&SeededIds::new(1), "acme");
    let blob = BlobKey::text(&key, Generation::FIRST);
    open(root.clone(), &clock, WorkerPool::inline())
        .await
        .put(&blob, Bytes::from_static(b"text"))
        .await
        .unwrap();
    std::fs::write(root.join(".incoming/7"), "half of som").unwrap();
    let store = open(root.clone(), &clock, WorkerPool::inline()).await;
    assert_eq!(store.get(&blob).await.unwrap(), "text");
    assert_eq!(std::fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_document_without_blobs_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (root, clock) = (folder.path().join("blobs"), Arc::new(SimClock::default()));
    let store = open(root.clone(), &clock, WorkerPool::inline()).await;
    let key = builders::new_key(&SeededIds::new(1), "acme");
    store.put(&BlobKey::text(&key, Generation::FIRST), Bytes::from_static(b"text")).await.unwrap();
    let removed = store.delete_prefix(&BlobPrefix::document(&key)).await.unwrap();
    assert_eq!(removed, BlobUsage { blobs: 1, bytes: 4 });
    assert_eq!(std::fs::read_dir(root.join("acme")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_unfinished_stream_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (root, clock) = (folder.path().join("blobs"), Arc::new(SimClock::default()));
    let store = open(root.clone(), &clock, WorkerPool::inline()).await;
    let ids = SeededIds::new(1);
    let blob = BlobKey::source(&builders::new_key(&ids, "acme"), ids.upload_id());
    let piece = Bytes::from(vec![1; 300_000]);
    let broken = vec![Ok(piece.clone()), Ok(piece), Err(std::io::Error::other("gone"))];
    let stream = futures::stream::iter(broken).boxed();
    assert!(store.put_stream(&blob, stream, ByteSize::new(1 << 30)).await.is_err());
    assert_eq!(std::fs::read_dir(root.join(".incoming")).unwrap().count(), 0);
}
