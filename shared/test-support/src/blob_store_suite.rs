//! What every blob store must do: one case for each promise of the port. Run it with `blob_store_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ByteSize, DocumentKey, Generation, UploadId};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, BlobUsage, ByteStream, ErrorKind, IdGenerator};

use crate::builders::{new_key, tenant};
use crate::{SeededIds, SimClock, split_mix};

/// What the suite needs of an implementation: a new, empty store.
pub struct BlobStoreFixture {
    /// The store.
    pub store: Arc<dyn BlobStore>,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Whatever must live as long, for example a temporary folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for BlobStoreFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStoreFixture").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! blob_store_suite {
    ($fixture:path) => {
        $crate::remote_blob_store_suite!($fixture);
        $crate::suite_cases!(blob_store_suite, $fixture, [old_sources_are_those_written_long_enough_ago,]);
    };
}

/// The same for a store that dates its blobs by a clock of its own: without the case that lets them grow old. The
/// fixture's clock must stand at the present.
#[macro_export]
macro_rules! remote_blob_store_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            blob_store_suite,
            $fixture,
            [
                a_blob_is_read_back_as_written,
                a_missing_blob_is_not_found,
                writing_again_replaces_the_whole_blob,
                several_blobs_are_written_together,
                a_stream_is_stored_with_its_size_and_hash,
                a_stream_over_the_limit_stores_nothing,
                a_stream_that_fails_stores_nothing,
                a_stream_that_is_abandoned_stores_nothing,
                a_range_is_read_and_cut_at_the_end,
                a_reader_keeps_the_blob_that_it_opened,
                concurrent_writes_leave_one_of_them_whole,
                deleting_says_what_was_removed_and_may_be_repeated,
                a_prefix_is_of_one_document_and_part,
                many_blobs_are_counted_and_removed_to_the_end,
                old_sources_are_all_visited_however_small_the_pages,
            ]
        );
    };
}

fn key_of(ids: &SeededIds) -> DocumentKey {
    new_key(ids, "acme")
}

fn batch(key: &DocumentKey, number: u32) -> BlobKey {
    BlobKey::chunk_batch(key, Generation::FIRST, number)
}

/// Bytes that follow from a seed.
fn content(seed: u64, length: usize) -> Bytes {
    (0..length as u64).map(|at| split_mix(seed ^ at.rotate_left(32)) as u8).collect()
}

fn pieces(content: &Bytes, length: usize) -> ByteStream {
    let pieces: Vec<_> = content.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

async fn read(
    fixture: &BlobStoreFixture,
    key: &BlobKey,
    range: Option<std::ops::Range<u64>>,
) -> (u64, Bytes) {
    let (size, stream) = fixture.store.open(key, range).await.unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    (size.get(), pieces.concat().into())
}

async fn assert_missing(fixture: &BlobStoreFixture, key: &BlobKey) {
    assert_eq!(fixture.store.get(key).await.unwrap_err().kind, ErrorKind::NotFound);
    let opened = fixture.store.open(key, None).await;
    assert_eq!(opened.map(|_| ()).unwrap_err().kind, ErrorKind::NotFound);
}

async fn usage(fixture: &BlobStoreFixture, prefix: &BlobPrefix) -> BlobUsage {
    fixture.store.usage(prefix).await.unwrap()
}

/// Small, empty and large ones; whole and as a stream.
pub async fn a_blob_is_read_back_as_written(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(1);
    let key = key_of(&ids);
    for (number, length) in (0..).zip([0, 1, 1_000, 700_000]) {
        let (blob, content) = (batch(&key, number), content(u64::from(number), length));
        fixture.store.put(&blob, content.clone()).await.unwrap();
        assert_eq!(fixture.store.get(&blob).await.unwrap(), content);
        assert_eq!(read(fixture, &blob, None).await, (length as u64, content));
    }
}

/// In a document that has others, and in one that has none.
pub async fn a_missing_blob_is_not_found(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(2);
    let key = key_of(&ids);
    assert_missing(fixture, &batch(&key, 0)).await;
    fixture.store.put(&batch(&key, 1), content(1, 10)).await.unwrap();
    assert_missing(fixture, &batch(&key, 0)).await;
}

/// Shorter or longer, nothing of the old one is left.
pub async fn writing_again_replaces_the_whole_blob(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(3);
    let key = key_of(&ids);
    let blob = batch(&key, 0);
    for (seed, length) in [(1, 5_000), (2, 10), (3, 300_000), (4, 400_000), (5, 8_000), (6, 0)] {
        fixture.store.put(&blob, content(seed, length)).await.unwrap();
        assert_eq!(fixture.store.get(&blob).await.unwrap(), content(seed, length));
        assert_eq!(
            usage(fixture, &BlobPrefix::document(&key)).await,
            BlobUsage { blobs: 1, bytes: length as u64 }
        );
    }
    let removed = fixture.store.delete_prefix(&BlobPrefix::document(&key)).await.unwrap();
    assert_eq!(removed, BlobUsage { blobs: 1, bytes: 0 });
    assert_missing(fixture, &blob).await;
}

/// Each under its key; none is fine, too.
pub async fn several_blobs_are_written_together(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(4);
    let key = key_of(&ids);
    fixture.store.put_many(Vec::new()).await.unwrap();
    let blobs: Vec<_> = (0..40).map(|n| (batch(&key, n), content(u64::from(n), 100 * n as usize))).collect();
    fixture.store.put_many(blobs.clone()).await.unwrap();
    for (blob, content) in blobs {
        assert_eq!(fixture.store.get(&blob).await.unwrap(), content);
    }
}

/// Whatever the pieces it comes in; up to the limit.
pub async fn a_stream_is_stored_with_its_size_and_hash(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(5);
    let key = key_of(&ids);
    for (length, piece) in [(0, 1), (10, 3), (1_000_000, 7_777), (600_000, 600_000)] {
        let (blob, content) = (BlobKey::source(&key, ids.upload_id()), content(9, length));
        let limit = ByteSize::new(length as u64);
        let stored = fixture.store.put_stream(&blob, pieces(&content, piece), limit).await.unwrap();
        assert_eq!(stored.size.get(), length as u64);
        assert_eq!(fixture.store.get(&blob).await.unwrap(), content);
    }
    let blob = BlobKey::source(&key, ids.upload_id());
    let text = Bytes::from_static(b"abc");
    let stored = fixture.store.put_stream(&blob, pieces(&text, 2), ByteSize::new(10)).await.unwrap();
    // FIPS 180-2, appendix B.1.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(stored.sha256.as_str(), expected);
}

/// Refused as invalid, and what was there before stays.
pub async fn a_stream_over_the_limit_stores_nothing(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(6);
    let key = key_of(&ids);
    let blob = BlobKey::source(&key, ids.upload_id());
    for length in [11, 2_000_000] {
        let refused =
            fixture.store.put_stream(&blob, pieces(&content(1, length), 50_000), ByteSize::new(10)).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
        assert_missing(fixture, &blob).await;
    }
    fixture.store.put(&blob, content(2, 5)).await.unwrap();
    let refused = fixture.store.put_stream(&blob, pieces(&content(1, 11), 1), ByteSize::new(10)).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(fixture.store.get(&blob).await.unwrap(), content(2, 5));
}

/// Unavailable, and nothing under the key.
pub async fn a_stream_that_fails_stores_nothing(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(7);
    let key = key_of(&ids);
    let blob = BlobKey::source(&key, ids.upload_id());
    for before in [0, 1_000_000] {
        let broken = stream::once(async { Err(io::Error::other("the client went away")) });
        let stream = pieces(&content(1, before), 10_000).chain(broken).boxed();
        let failed = fixture.store.put_stream(&blob, stream, ByteSize::new(10_000_000)).await;
        assert_eq!(failed.unwrap_err().kind, ErrorKind::Unavailable);
        assert_missing(fixture, &blob).await;
    }
    assert_eq!(usage(fixture, &BlobPrefix::document(&key)).await, BlobUsage::default());
}

/// A caller that drops the future half way leaves nothing.
pub async fn a_stream_that_is_abandoned_stores_nothing(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(8);
    let key = key_of(&ids);
    let blob = BlobKey::source(&key, ids.upload_id());
    let (reached, wait) = futures::channel::oneshot::channel::<()>();
    let mut reached = Some(reached);
    let endless = stream::poll_fn(move |_| {
        drop(reached.take());
        std::task::Poll::Pending
    });
    let stream = pieces(&content(1, 1_000_000), 10_000).chain(endless).boxed();
    let writing = fixture.store.put_stream(&blob, stream, ByteSize::new(10_000_000));
    let _ = futures::future::select(writing, wait).await;
    assert_missing(fixture, &blob).await;
    assert_eq!(usage(fixture, &BlobPrefix::document(&key)).await, BlobUsage::default());
}

/// From and up to a byte, cut at the end; the size is that of the whole.
pub async fn a_range_is_read_and_cut_at_the_end(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(9);
    let blob = batch(&key_of(&ids), 0);
    let content = content(1, 600_000);
    fixture.store.put(&blob, content.clone()).await.unwrap();
    for (start, end) in [(0, 1), (599_999, 600_000), (100, 100), (1_000, 590_000), (262_143, 262_145)] {
        let expected = content.slice(start..end);
        let range = Some(start as u64..end as u64);
        assert_eq!(read(fixture, &blob, range).await, (600_000, expected), "{start}..{end}");
    }
    assert_eq!(read(fixture, &blob, Some(599_000..u64::MAX)).await, (600_000, content.slice(599_000..)));
    assert_eq!(read(fixture, &blob, Some(700_000..800_000)).await, (600_000, Bytes::new()));
}

/// A blob that is replaced or deleted while it is read.
pub async fn a_reader_keeps_the_blob_that_it_opened(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(10);
    let blob = batch(&key_of(&ids), 0);
    let old = content(1, 900_000);
    fixture.store.put(&blob, old.clone()).await.unwrap();
    let (_, first) = fixture.store.open(&blob, None).await.unwrap();
    let (_, mut second) = fixture.store.open(&blob, None).await.unwrap();
    let begun = second.next().await.unwrap().unwrap();
    fixture.store.put(&blob, content(2, 900_000)).await.unwrap();
    assert_eq!(Bytes::from(first.try_collect::<Vec<_>>().await.unwrap().concat()), old);
    fixture.store.delete(&blob).await.unwrap();
    let rest: Vec<Bytes> = second.try_collect().await.unwrap();
    assert_eq!(Bytes::from([vec![begun], rest].concat().concat()), old);
}

/// Never a mixture, and never nothing in between.
pub async fn concurrent_writes_leave_one_of_them_whole(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(11);
    let blob = batch(&key_of(&ids), 0);
    let contents: Vec<_> = (0..12).map(|seed| content(seed, 20_000)).collect();
    fixture.store.put(&blob, contents[0].clone()).await.unwrap();
    let writing = futures::future::join_all(contents.iter().map(|content| async {
        fixture.store.put(&blob, content.clone()).await.unwrap();
    }));
    let reading = async {
        for _ in 0..30 {
            assert!(contents.contains(&fixture.store.get(&blob).await.unwrap()));
        }
    };
    futures::join!(writing, reading);
    assert!(contents.contains(&fixture.store.get(&blob).await.unwrap()));
}

/// One blob and what it held; the second time nothing.
pub async fn deleting_says_what_was_removed_and_may_be_repeated(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(12);
    let key = key_of(&ids);
    fixture.store.put(&batch(&key, 0), content(1, 123)).await.unwrap();
    fixture.store.put(&batch(&key, 1), content(1, 7)).await.unwrap();
    assert_eq!(fixture.store.delete(&batch(&key, 0)).await.unwrap(), BlobUsage { blobs: 1, bytes: 123 });
    assert_eq!(fixture.store.delete(&batch(&key, 0)).await.unwrap(), BlobUsage::default());
    assert_missing(fixture, &batch(&key, 0)).await;
    assert_eq!(usage(fixture, &BlobPrefix::document(&key)).await, BlobUsage { blobs: 1, bytes: 7 });
    fixture.store.delete(&batch(&key, 1)).await.unwrap();
    fixture.store.put(&batch(&key, 1), content(1, 8)).await.unwrap();
    assert_eq!(fixture.store.get(&batch(&key, 1)).await.unwrap(), content(1, 8));
}

/// Chunks of generation 1 are neither those of 10 nor texts; other documents and tenants are not touched.
pub async fn a_prefix_is_of_one_document_and_part(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(13);
    let key = key_of(&ids);
    let elsewhere = DocumentKey { tenant_id: tenant("acme2"), document_id: key.document_id };
    let tenth = Generation::new(10);
    let blobs = [
        BlobKey::source(&key, ids.upload_id()),
        BlobKey::text(&key, Generation::FIRST),
        batch(&key, 0),
        batch(&key, 1),
        BlobKey::chunk_batch(&key, tenth, 0),
        batch(&elsewhere, 0),
        batch(&key_of(&ids), 0),
    ];
    for blob in &blobs {
        fixture.store.put(blob, content(1, 10)).await.unwrap();
    }
    let (chunks, whole) = (BlobPrefix::chunks(&key, Generation::FIRST), BlobPrefix::document(&key));
    assert_eq!(usage(fixture, &chunks).await, BlobUsage { blobs: 2, bytes: 20 });
    assert_eq!(usage(fixture, &whole).await, BlobUsage { blobs: 5, bytes: 50 });
    assert_eq!(fixture.store.delete_prefix(&chunks).await.unwrap(), BlobUsage { blobs: 2, bytes: 20 });
    assert_eq!(usage(fixture, &BlobPrefix::chunks(&key, tenth)).await, BlobUsage { blobs: 1, bytes: 10 });
    assert_eq!(fixture.store.delete_prefix(&whole).await.unwrap(), BlobUsage { blobs: 3, bytes: 30 });
    assert_eq!(fixture.store.delete_prefix(&whole).await.unwrap(), BlobUsage::default());
    assert_eq!(usage(fixture, &BlobPrefix::document(&elsewhere)).await, BlobUsage { blobs: 1, bytes: 10 });
    assert_eq!(fixture.store.get(&blobs[6]).await.unwrap(), content(1, 10));
}

/// More than any service lists on one page.
pub async fn many_blobs_are_counted_and_removed_to_the_end(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(14);
    let key = key_of(&ids);
    for first in [0, 600] {
        let blobs = (first..first + 600).map(|n| (batch(&key, n), Bytes::from_static(b"xy"))).collect();
        fixture.store.put_many(blobs).await.unwrap();
    }
    let all = BlobUsage { blobs: 1_200, bytes: 2_400 };
    assert_eq!(usage(fixture, &BlobPrefix::document(&key)).await, all);
    assert_eq!(fixture.store.delete_prefix(&BlobPrefix::document(&key)).await.unwrap(), all);
    assert_eq!(usage(fixture, &BlobPrefix::document(&key)).await, BlobUsage::default());
}

/// Only uploaded contents and records of uploads, only those last written before, and of one tenant if one is named.
pub async fn old_sources_are_those_written_long_enough_ago(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(15);
    let mut written: Vec<(DocumentKey, UploadId)> = Vec::new();
    for tenant_name in ["acme", "other", "acme", "acme"] {
        let (key, upload) = (new_key(&ids, tenant_name), ids.upload_id());
        let begun = if written.len() == 3 { BlobKey::pending } else { BlobKey::source };
        fixture.store.put(&begun(&key, upload), content(1, 10)).await.unwrap();
        fixture.store.put(&BlobKey::text(&key, Generation::FIRST), content(1, 10)).await.unwrap();
        written.push((key, upload));
        fixture.clock.advance_ms(60_000);
    }
    let rewritten = &written[2];
    fixture.store.put(&BlobKey::source(&rewritten.0, rewritten.1), content(2, 10)).await.unwrap();
    fixture.clock.advance_ms(1_000);
    let old = async |tenant: Option<&_>, age_ms| {
        let found = fixture.store.old_sources(tenant, age_ms, 100).await.unwrap();
        found.into_iter().collect::<BTreeSet<_>>()
    };
    let expected = |places: &[usize]| places.iter().map(|&at| written[at].clone()).collect::<BTreeSet<_>>();
    assert_eq!(old(None, 0).await, expected(&[0, 1, 2, 3]));
    assert_eq!(old(None, 50_000).await, expected(&[0, 1, 3]));
    assert_eq!(old(None, 130_000).await, expected(&[0, 1]));
    assert_eq!(old(Some(&tenant("other")), 0).await, expected(&[1]));
    assert_eq!(old(Some(&tenant("nobody")), 0).await, expected(&[]));
    assert_eq!(old(None, 10_000_000).await, expected(&[]));
}

/// Whoever asks again and again for a few sees every one, although none of them goes away.
pub async fn old_sources_are_all_visited_however_small_the_pages(fixture: &BlobStoreFixture) {
    let ids = SeededIds::new(16);
    let mut written = BTreeSet::new();
    for number in 0..10 {
        let (key, upload) = (new_key(&ids, if number % 3 == 0 { "other" } else { "acme" }), ids.upload_id());
        fixture.store.put(&BlobKey::source(&key, upload), content(1, 10)).await.unwrap();
        written.insert((key, upload));
    }
    fixture.clock.advance_ms(1_000);
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        let page = fixture.store.old_sources(None, 0, 3).await.unwrap();
        assert!(page.len() <= 3);
        seen.extend(page);
    }
    assert_eq!(seen, written);
}
