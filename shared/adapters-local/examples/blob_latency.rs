//! How long storing a small blob takes, as a file and as a row of the database: p50 and p99 of 20 KB contents of new documents at 200 a second, and of the chunk
//! batches of a document written together. The folder is the argument, since what is measured is its disk.
//!
//! `cargo run --release -p millrace-adapters-local --example blob_latency -- FOLDER`
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use millrace_adapters_local::{Database, FsBlobStore, LocalBlobStore, WorkerPool};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_domain::{DocumentKey, Generation, TenantId};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, IdGenerator};

type Failure = Box<dyn std::error::Error>;

const BLOBS: u32 = 2_000;
const BLOB_BYTES: usize = 20_000;
const PACE: Duration = Duration::from_millis(5);
const THREADS: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let root =
        std::env::args().nth(1).map(PathBuf::from).ok_or("the folder is missing")?.join("blob-latency");
    let pool = WorkerPool::start("blobs", THREADS)?;
    let files = FsBlobStore::open(root.join("blobs"), Arc::new(SystemClock), pool).await?;
    let database = Database::open(&root.join("blobs.db"))?;
    measure("file", &files).await?;
    measure("row", &LocalBlobStore::new(database, files.clone())).await?;
    Ok(std::fs::remove_dir_all(root)?)
}

async fn measure(name: &str, store: &dyn BlobStore) -> Result<(), Failure> {
    let content = Bytes::from(vec![7; BLOB_BYTES]);
    let mut keys = Vec::new();
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    let mut running = FuturesUnordered::new();
    while times.len() < BLOBS as usize {
        tokio::select! {
            _ = pace.tick(), if keys.len() < BLOBS as usize => {
                let key = new_key();
                keys.push(key.clone());
                let content = content.clone();
                running.push(async move {
                    let started = Instant::now();
                    let blob = BlobKey::source(&key, SystemIdGenerator.upload_id());
                    store.put(&blob, content).await.map(|()| started.elapsed())
                });
            }
            Some(time) = running.next() => times.push(time?),
        }
    }
    drop(running);
    report(name, "one blob of a new document, 200 a second", times);
    let mut times = Vec::new();
    for _ in 0..200 {
        let key = new_key();
        let batches =
            (0..16).map(|n| (BlobKey::chunk_batch(&key, Generation::FIRST, n), content.clone())).collect();
        keys.push(key);
        let started = Instant::now();
        store.put_many(batches).await?;
        times.push(started.elapsed());
    }
    report(name, "16 blobs of a new document together", times);
    for key in keys {
        store.delete_prefix(&BlobPrefix::document(&key)).await?;
    }
    Ok(())
}

fn new_key() -> DocumentKey {
    DocumentKey { tenant_id: TenantId::local_default(), document_id: SystemIdGenerator.document_id() }
}

fn report(name: &str, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
    println!("{name:5} {what}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}
