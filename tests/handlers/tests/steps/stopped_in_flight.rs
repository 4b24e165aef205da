//! A document is cancelled, replaced or deleted while a worker stands still in the middle of its step, at every port call
//! in turn. The worker then goes on, or has died and its message comes again. Either way nothing of the stopped
//! generation is visible or stored.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use handlers::{Answer, BATCH_SIZE, Leftovers, World};
use millrace_application::{ExecuteError, StepPolicy};
use millrace_domain::{ContentHash, DocumentKey, Generation, QueueName, Status};
use millrace_test_support::Fault;
use millrace_test_support::builders::trace;

use crate::prose::prose;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancel,
    Replace,
    Delete,
}

/// What becomes of the worker that stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worker {
    GoesOn,
    Died,
    /// It goes on, and dies after so many more calls.
    DiesAfter(usize),
}

impl Stop {
    /// Whether it could be done.
    async fn run(self, world: &World, key: &DocumentKey) -> bool {
        match self {
            Self::Cancel => match world.cancel.run(key, &trace(&*world.ids)).await {
                Ok(_) => true,
                Err(ExecuteError::Refused(_)) => false,
                Err(error) => panic!("{error}"),
            },
            Self::Replace => {
                world.replace(key, &prose("lighthouse", 7)).await;
                true
            }
            Self::Delete => world.delete.run(key, None, &trace(&*world.ids)).await.is_ok(),
        }
    }

    async fn check(self, world: &World, key: &DocumentKey, worker: Worker, hashes: &[ContentHash]) {
        world.check_history(key).await;
        let document = world.document(key).await;
        assert!(!document.is_unsettled(), "work is still owed: {:?}", document.owed_jobs());
        assert_eq!(world.hits(key, "ferry").await, 0, "the stopped content is still found");
        let stored = world.stored(key, None).await;
        match self {
            Self::Cancel => {
                assert_eq!(document.status, Status::Cancelled);
                // What a worker wrote and died over waits, invisible, for the retry that overwrites it or the deletion.
                if worker == Worker::GoesOn {
                    assert_eq!((stored.chunks, stored.vectors), (0, 0), "entries in the index");
                }
                world.delete.run(key, None, &trace(&*world.ids)).await.unwrap();
                world.settle().await;
                assert_eq!(world.stored(key, None).await, Leftovers::default());
            }
            Self::Replace => {
                assert_eq!((document.status, document.generation), (Status::Ready, Generation::new(2)));
                let chunks = u64::from(document.embedded_chunks);
                let blobs = 2 + chunks.div_ceil(BATCH_SIZE as u64);
                assert_eq!(stored, Leftovers { chunks, vectors: chunks, blobs });
                assert!(world.hits(key, "lighthouse").await > 0);
            }
            Self::Delete => {
                assert_eq!(document.status, Status::Deleted);
                assert_eq!(stored, Leftovers::default());
                // Nobody knows any more which texts a worker that died had put into the cache.
                if !matches!(worker, Worker::DiesAfter(_)) {
                    assert_eq!(world.cached(key, hashes).await, 0, "cached vectors of the deleted text");
                }
            }
        }
    }
}

/// The cache's keys for the text's chunks.
async fn hashes(text: &str) -> Vec<ContentHash> {
    let world = World::new().await;
    let key = world.ready(text).await;
    let hashes = world.chunk_hashes(&key, Generation::FIRST).await;
    assert_eq!(world.cached(&key, &hashes).await, hashes.len());
    hashes
}

/// Stops a document while a worker stands still at a call. Whether there is such a call.
async fn stop_at(stop: Stop, number: usize, fault: Fault, worker: Worker, hashes: &[ContentHash]) -> bool {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    world.faults.arm(&[(number, fault)]);
    let Some(mut standing) = world.until_halt().await else { return false };
    let stopped = stop.run(&world, &key).await;
    world.work_off().await;
    world.faults.resume();
    match worker {
        Worker::GoesOn => standing.await,
        Worker::Died => drop(standing),
        Worker::DiesAfter(calls) => {
            world.faults.arm(&[(calls, Fault::HaltAfter)]);
            let _ = world.faults.until_halt(standing.as_mut()).await;
            drop(standing);
            world.faults.resume();
            world.faults.arm(&[]);
        }
    }
    world.settle().await;
    if stopped {
        stop.check(&world, &key, worker, hashes).await;
    } else {
        assert_eq!(world.document(&key).await.status, Status::Ready);
    }
    true
}

async fn stop_at_every_call(stop: Stop, worker: Worker) {
    let hashes = hashes(&prose("ferry", 9)).await;
    let mut broken = Vec::new();
    for fault in [Fault::HaltBefore, Fault::HaltAfter] {
        for number in 0.. {
            let at = stop_at(stop, number, fault, worker, &hashes);
            match AssertUnwindSafe(at).catch_unwind().await {
                Ok(true) => {}
                Ok(false) => {
                    assert!(number > 20, "only {number} calls were tried");
                    break;
                }
                Err(_) => broken.push(format!("{fault:?} at call {number}")),
            }
        }
    }
    let calls = {
        let world = World::new().await;
        world.ready(&prose("ferry", 9)).await;
        world.faults.calls()
    };
    assert!(broken.is_empty(), "{stop:?}, worker {worker:?}: {broken:#?}\ncalls: {calls:#?}");
}

macro_rules! stopped {
    ($name:ident, $stop:ident, $worker:ident) => {
        #[tokio::test]
        async fn $name() {
            stop_at_every_call(Stop::$stop, Worker::$worker).await;
        }
    };
}

stopped!(a_cancelled_worker_that_goes_on_leaves_nothing, Cancel, GoesOn);
stopped!(a_cancelled_worker_that_died_leaves_nothing, Cancel, Died);
stopped!(an_overtaken_worker_that_goes_on_leaves_nothing, Replace, GoesOn);
stopped!(an_overtaken_worker_that_died_leaves_nothing, Replace, Died);
stopped!(a_worker_on_a_deleted_document_that_goes_on_leaves_nothing, Delete, GoesOn);
stopped!(a_worker_on_a_deleted_document_that_died_leaves_nothing, Delete, Died);

/// The worst of both: it writes on and dies before it learns.
macro_rules! stopped_and_died {
    ($name:ident, $stop:ident) => {
        #[tokio::test]
        async fn $name() {
            for calls in 0..4 {
                stop_at_every_call(Stop::$stop, Worker::DiesAfter(calls)).await;
            }
        }
    };
}

stopped_and_died!(a_cancelled_worker_that_goes_on_and_then_dies_leaves_nothing, Cancel);
stopped_and_died!(an_overtaken_worker_that_goes_on_and_then_dies_leaves_nothing, Replace);
stopped_and_died!(a_worker_on_a_deleted_document_that_goes_on_and_then_dies_leaves_nothing, Delete);

/// Cancels a document while a worker stands still at a call, lets the worker go on for some calls, retries the document
/// and lets both finish. Whether there is such a call.
async fn retry_at(number: usize, fault: Fault, calls: usize) -> bool {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    world.faults.arm(&[(number, fault)]);
    let Some(mut standing) = world.until_halt().await else { return false };
    let stopped = Stop::Cancel.run(&world, &key).await;
    world.work_off().await;
    world.faults.resume();
    world.faults.arm(&[(calls, Fault::HaltAfter)]);
    let ended = world.faults.until_halt(standing.as_mut()).await.is_some();
    world.faults.arm(&[]);
    if stopped {
        match world.retry.run(&key, &trace(&*world.ids)).await {
            Ok(_) | Err(ExecuteError::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
        world.work_off().await;
    }
    world.faults.resume();
    if !ended {
        standing.await;
    }
    world.settle().await;
    let document = world.document(&key).await;
    if document.status == Status::Ready {
        let stored = world.stored(&key, None).await;
        let chunks = u64::from(document.embedded_chunks);
        assert_eq!((stored.chunks, stored.vectors), (chunks, chunks), "a ready document has all its entries");
    }
    world.check_history(&key).await;
    true
}

#[tokio::test]
async fn a_stopped_worker_that_cleans_up_spares_what_a_retry_has_written() {
    let mut broken = Vec::new();
    for fault in [Fault::HaltBefore, Fault::HaltAfter] {
        for calls in 0..10 {
            for number in 0.. {
                match AssertUnwindSafe(retry_at(number, fault, calls)).catch_unwind().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(_) => broken.push(format!("{fault:?} at call {number}, retried {calls} calls later")),
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A purge stands still for longer than its lease, another one takes its place, the document is retried and becomes ready;
/// then the first purge goes on. Whether there is such a call.
async fn late_purge_at(number: usize, fault: Fault) -> bool {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    assert!(world.deliver(QueueName::Ingest, 1).await != Answer::Nothing);
    assert!(Stop::Cancel.run(&world, &key).await);
    world.faults.arm(&[(number, fault)]);
    let Some(standing) = world.until_halt().await else { return false };
    world.faults.arm(&[]);
    world.clock.advance_ms(StepPolicy::default().lease_ms + 31_000);
    world.work_off().await;
    let retried = world.retry.run(&key, &trace(&*world.ids)).await;
    world.work_off().await;
    world.faults.resume();
    standing.await;
    world.settle().await;
    let document = world.document(&key).await;
    if retried.is_ok() {
        assert_eq!(document.status, Status::Ready);
        let (stored, chunks) = (world.stored(&key, None).await, u64::from(document.embedded_chunks));
        assert_eq!((stored.chunks, stored.vectors), (chunks, chunks), "a ready document has all its entries");
    }
    world.check_history(&key).await;
    true
}

#[tokio::test]
async fn a_purge_that_stood_still_past_its_lease_spares_what_a_retry_has_written() {
    let mut broken = Vec::new();
    for fault in [Fault::HaltBefore, Fault::HaltAfter] {
        for number in 0.. {
            match AssertUnwindSafe(late_purge_at(number, fault)).catch_unwind().await {
                Ok(true) => {}
                Ok(false) => {
                    assert!(number > 5, "only {number} calls were tried");
                    break;
                }
                Err(_) => broken.push(format!("{fault:?} at call {number}")),
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The purge has looked and found nothing, but has not said so yet. What is written then it will not remove.
#[tokio::test]
async fn what_a_worker_writes_between_a_purge_and_its_record_goes_too() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    world.faults.arm_next("search_index.put_words", Fault::HaltBefore);
    let worker = world.until_halt().await.expect("it writes words");
    world.faults.resume();
    world.replace(&key, &prose("lighthouse", 1)).await;
    while world.document(&key).await.status != Status::Ready {
        world.deliver(QueueName::Ingest, 1).await;
        world.deliver(QueueName::Embed, 1).await;
    }
    world.faults.arm_next("event_store.append", Fault::HaltBefore);
    let purge = world.until_halt().await.expect("it records what it purged");
    world.faults.resume();
    worker.await;
    assert!(world.stored(&key, Some(Generation::FIRST)).await.chunks > 0, "it came too late for the purge");
    purge.await;
    world.settle().await;
    assert_eq!(world.stored(&key, Some(Generation::FIRST)).await, Leftovers::default());
    assert!(world.hits(&key, "lighthouse").await > 0);
}
