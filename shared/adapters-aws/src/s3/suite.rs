//! `S3BlobStore` against the emulator: the port's suite, and what only a multipart upload can leave behind.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use bytes::Bytes;
use futures::{StreamExt, stream};
use millrace_domain::{ByteSize, Timestamp};
use millrace_emulator::unique;
use millrace_ports::{BlobKey, BlobStore, ByteStream, ErrorKind, IdGenerator};
use millrace_test_support::blob_store_suite::BlobStoreFixture;
use millrace_test_support::builders::new_key;
use millrace_test_support::{SeededIds, SimClock};

use super::S3BlobStore;
use super::part_upload::PART_BYTES;
use crate::connection::emulated;

millrace_test_support::remote_blob_store_suite!(fixture);

/// How long an abort behind the caller's back may take.
const ABORT_DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn bucket() -> (Client, String) {
    let (client, name) = (emulated::connection().s3(), unique("blobs"));
    client.create_bucket().bucket(&name).send().await.unwrap();
    (client, name)
}

pub(super) fn present() -> Arc<SimClock> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Arc::new(SimClock::at(Timestamp::from_millis(since.as_millis().try_into().unwrap())))
}

async fn fixture() -> BlobStoreFixture {
    let (client, name) = bucket().await;
    let clock = present();
    BlobStoreFixture {
        store: Arc::new(S3BlobStore::new(client, name, clock.clone())),
        clock,
        keep: Box::new(()),
    }
}

/// Two parts and some bytes, in pieces that do not fit the parts.
fn three_parts() -> (Bytes, Vec<std::io::Result<Bytes>>) {
    let whole: Bytes = (0..2 * PART_BYTES + 12_345).map(|at| (at % 251) as u8).collect::<Vec<u8>>().into();
    let pieces = whole.chunks(3_000_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    (whole, pieces)
}

async fn unfinished(client: &Client, bucket: &str) -> usize {
    client.list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads().len()
}

#[tokio::test]
async fn a_stream_of_several_parts_becomes_one_blob() {
    let (client, name) = bucket().await;
    let store = S3BlobStore::new(client.clone(), &name, present());
    let ids = SeededIds::new(1);
    let key = BlobKey::source(&new_key(&ids, "acme"), ids.upload_id());
    let (whole, pieces) = three_parts();
    let limit = ByteSize::new(whole.len() as u64);
    let stored = store.put_stream(&key, stream::iter(pieces).boxed(), limit).await.unwrap();
    assert_eq!(stored.size, limit);
    assert_eq!(store.get(&key).await.unwrap(), whole);
    assert_eq!(unfinished(&client, &name).await, 0);
}

#[tokio::test]
async fn a_stream_that_fails_after_some_parts_leaves_no_part() {
    let (client, name) = bucket().await;
    let store = S3BlobStore::new(client.clone(), &name, present());
    let ids = SeededIds::new(1);
    let key = BlobKey::source(&new_key(&ids, "acme"), ids.upload_id());
    let (whole, pieces) = three_parts();
    let broken = stream::once(async { Err(std::io::Error::other("the client went away")) });
    let content: ByteStream = stream::iter(pieces).chain(broken).boxed();
    let failed = store.put_stream(&key, content, ByteSize::new(whole.len() as u64)).await;
    assert_eq!(failed.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(unfinished(&client, &name).await, 0);
    assert_eq!(store.get(&key).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_stream_that_is_abandoned_after_some_parts_leaves_no_part() {
    let (client, name) = bucket().await;
    let store = S3BlobStore::new(client.clone(), &name, present());
    let ids = SeededIds::new(1);
    let key = BlobKey::source(&new_key(&ids, "acme"), ids.upload_id());
    let (whole, pieces) = three_parts();
    let (reached, wait) = futures::channel::oneshot::channel::<()>();
    let mut reached = Some(reached);
    let endless = stream::poll_fn(move |_| {
        drop(reached.take());
        std::task::Poll::Pending
    });
    let content: ByteStream = stream::iter(pieces).chain(endless).boxed();
    let limit = ByteSize::new(whole.len() as u64);
    // Gives back the future that did not end, so that it can be looked at what it began before it is dropped.
    let left = futures::future::select(store.put_stream(&key, content, limit), wait).await;
    assert_eq!(unfinished(&client, &name).await, 1);
    drop(left);
    let gone = async {
        while unfinished(&client, &name).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(ABORT_DEADLINE, gone).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap_err().kind, ErrorKind::NotFound);
}
