//! What `S3BlobStore` says on the wire, and what it makes of S3's answers, pinned without a server.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ByteSize, DocumentKey, Generation};
use millrace_ports::{BlobKey, BlobPrefix, BlobStore, BlobUsage, ErrorKind, IdGenerator, PortError};
use millrace_test_support::builders::new_key;
use millrace_test_support::{SIM_START, SeededIds, SimClock};

use super::S3BlobStore;
use super::part_upload::PART_BYTES;
use crate::connection::replay::{Replay, Reply};

/// SHA-256 of `abc` in base64; FIPS 180-2, appendix B.1.
const ABC_SHA256: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

fn store(replay: &Replay) -> S3BlobStore {
    S3BlobStore::new(replay.connection().s3(), "blobs", Arc::new(SimClock::default()))
}

fn document() -> DocumentKey {
    new_key(&SeededIds::new(1), "acme")
}

fn blob() -> BlobKey {
    BlobKey::text(&document(), Generation::FIRST)
}

fn error(status: u16, code: &str) -> Reply {
    Reply::of(status, format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
}

fn listing(keys: impl IntoIterator<Item = (String, u64, String)>, next: Option<&str>) -> Reply {
    let contents: String = keys
        .into_iter()
        .map(|(key, size, written)| {
            format!("<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{written}</LastModified></Contents>")
        })
        .collect();
    let next = next.map_or(String::new(), |token| {
        format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
    });
    Reply::ok(format!("<ListBucketResult>{contents}{next}</ListBucketResult>"))
}

fn chunk(number: u32) -> String {
    BlobKey::chunk_batch(&document(), Generation::FIRST, number).as_str().to_owned()
}

fn chunks(numbers: std::ops::Range<u32>, next: Option<&str>) -> Reply {
    listing(numbers.map(|number| (chunk(number), 10, "2025-11-21T00:00:00.000Z".into())), next)
}

#[tokio::test]
async fn a_put_carries_its_checksum_and_replaces() {
    let replay = Replay::of([Reply::ok("")]);
    store(&replay).put(&blob(), Bytes::from_static(b"abc")).await.unwrap();
    let sent = replay.sent().remove(0);
    assert_eq!((sent.method.as_str(), &sent.body[..]), ("PUT", &b"abc"[..]));
    assert!(sent.target.starts_with(&format!("/{}", blob().as_str())), "{}", sent.target);
    assert_eq!(sent.header("x-amz-checksum-sha256"), Some(ABC_SHA256));
    assert_eq!(sent.header("if-none-match"), None);
}

#[tokio::test]
async fn a_put_whose_connection_breaks_is_sent_again_whole() {
    let replay = Replay::of([Reply::Reset, error(503, "SlowDown"), Reply::ok("")]);
    store(&replay).put(&blob(), Bytes::from_static(b"abc")).await.unwrap();
    let sent = replay.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.body == "abc" && request.target == sent[0].target));
}

#[tokio::test]
async fn failures_have_their_kinds() {
    let thrice = |reply: fn() -> Reply| vec![reply(), reply(), reply()];
    for (replies, kind) in [
        (vec![error(404, "NoSuchKey")], ErrorKind::NotFound),
        (vec![error(404, "NoSuchBucket")], ErrorKind::Unavailable),
        (vec![error(403, "AccessDenied")], ErrorKind::Unavailable),
        (vec![error(400, "InvalidRequest")], ErrorKind::Invalid),
        (thrice(|| error(503, "SlowDown")), ErrorKind::Throttled),
        (thrice(|| error(500, "InternalError")), ErrorKind::Unavailable),
        (thrice(|| Reply::Reset), ErrorKind::Unavailable),
    ] {
        let shown = format!("{replies:?}");
        let replay = Replay::of(replies);
        assert_eq!(store(&replay).get(&blob()).await.unwrap_err().kind, kind, "{shown}");
        replay.assert_used_up();
    }
}

#[tokio::test]
async fn bytes_that_do_not_fit_their_checksum_are_not_given_out() {
    let answer = |content: &str| Reply::ok(content).with_header("x-amz-checksum-sha256", ABC_SHA256);
    let replay = Replay::of([answer("abc"), answer("abd")]);
    assert_eq!(store(&replay).get(&blob()).await.unwrap(), "abc");
    assert_eq!(store(&replay).get(&blob()).await.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(replay.sent()[0].header("x-amz-checksum-mode"), Some("ENABLED"));
}

#[tokio::test]
async fn a_range_goes_to_its_last_byte_and_one_behind_the_end_is_empty() {
    let replay = Replay::of([
        Reply::of(206, "cd").with_header("content-range", "bytes 2-3/9"),
        error(416, "InvalidRange"),
        Reply::ok("").with_header("content-length", "9"),
    ]);
    let store = store(&replay);
    let (size, content) = store.open(&blob(), Some(2..4)).await.unwrap();
    assert_eq!(
        (size, content.try_collect::<Vec<_>>().await.unwrap().concat()),
        (ByteSize::new(9), b"cd".into())
    );
    let (size, content) = store.open(&blob(), Some(9..20)).await.unwrap();
    assert_eq!((size, content.count().await), (ByteSize::new(9), 0));
    let sent = replay.sent();
    assert_eq!(sent[0].header("range"), Some("bytes=2-3"));
    assert_eq!((sent[1].header("range"), sent[2].method.as_str()), (Some("bytes=9-19"), "HEAD"));
}

async fn stream_three_parts(replay: &Replay) -> Result<(), PortError> {
    let pieces: Vec<_> = (0..5).map(|_| Ok(Bytes::from(vec![7; PART_BYTES / 2]))).collect();
    let ids = SeededIds::new(2);
    let key = BlobKey::source(&new_key(&ids, "acme"), ids.upload_id());
    let limit = ByteSize::new(10 * PART_BYTES as u64);
    store(replay).put_stream(&key, stream::iter(pieces).boxed(), limit).await.map(|_| ())
}

fn begun() -> Reply {
    Reply::ok("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
}

fn part(number: u32) -> Reply {
    Reply::ok("").with_header("etag", format!("\"part-{number}\""))
}

#[tokio::test]
async fn a_long_stream_goes_in_parts_with_checksums() {
    let completed =
        Reply::ok("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>");
    let replay = Replay::of([begun(), part(1), part(2), part(3), completed]);
    stream_three_parts(&replay).await.unwrap();
    replay.assert_used_up();
    let sent = replay.sent();
    assert_eq!(sent[0].header("x-amz-checksum-algorithm"), Some("SHA256"));
    assert_eq!(sent[0].header("x-amz-checksum-type"), Some("COMPOSITE"));
    for (number, request) in (1..).zip(&sent[1..4]) {
        assert!(request.target.contains(&format!("partNumber={number}")), "{}", request.target);
        assert!(request.target.contains("uploadId=u1"), "{}", request.target);
        assert!(request.header("x-amz-checksum-sha256").is_some());
    }
    assert_eq!((sent[1].body.len(), sent[3].body.len()), (PART_BYTES, PART_BYTES / 2));
    let list = String::from_utf8(sent[4].body.to_vec()).unwrap();
    let checksum = sent[3].header("x-amz-checksum-sha256").unwrap();
    assert!(
        list.contains("<PartNumber>3</PartNumber>") && list.contains("part-3") && list.contains(checksum)
    );
}

#[tokio::test]
async fn a_part_that_fails_aborts_the_upload() {
    let refused = error(403, "AccessDenied");
    let replay = Replay::of([begun(), part(1), part(2), refused, Reply::of(204, "")]);
    assert_eq!(stream_three_parts(&replay).await.unwrap_err().kind, ErrorKind::Unavailable);
    replay.assert_used_up();
    let last = replay.sent().pop().unwrap();
    assert_eq!(last.method, "DELETE");
    assert!(last.target.contains("uploadId=u1"), "{}", last.target);
}

#[tokio::test]
async fn an_upload_that_cannot_be_completed_is_aborted() {
    // S3 may say 200 first and fail then.
    let failed = || Reply::ok("<Error><Code>InternalError</Code><Message>m</Message></Error>");
    let replay =
        Replay::of([begun(), part(1), part(2), part(3), failed(), failed(), failed(), Reply::of(204, "")]);
    assert_eq!(stream_three_parts(&replay).await.unwrap_err().kind, ErrorKind::Unavailable);
    replay.assert_used_up();
    assert_eq!(replay.sent().pop().unwrap().method, "DELETE");
}

#[tokio::test]
async fn a_prefix_is_removed_page_by_page_to_the_last() {
    let deleted = || Reply::ok("<DeleteResult></DeleteResult>");
    let replay = Replay::of([chunks(0..1_000, Some("t1")), deleted(), chunks(1_000..1_003, None), deleted()]);
    let removed = store(&replay).delete_prefix(&BlobPrefix::document(&document())).await.unwrap();
    assert_eq!(removed, BlobUsage { blobs: 1_003, bytes: 10_030 });
    replay.assert_used_up();
    let sent = replay.sent();
    assert!(sent[0].target.contains("list-type=2") && sent[0].target.contains("max-keys=1000"));
    assert!(sent[2].target.contains("continuation-token=t1"), "{}", sent[2].target);
    let batch = String::from_utf8(sent[1].body.to_vec()).unwrap();
    assert_eq!(batch.matches("<Key>").count(), 1_000);
    assert!(batch.contains("<Quiet>true</Quiet>") && sent[1].header("x-amz-checksum-sha256").is_some());
    assert_eq!(
        (sent[3].method.as_str(), String::from_utf8_lossy(&sent[3].body).matches("<Key>").count()),
        ("POST", 3)
    );
}

#[tokio::test]
async fn a_key_that_cannot_be_removed_is_an_error() {
    let refused = |code: &str| {
        let error = format!("<Error><Key>{}</Key><Code>{code}</Code></Error>", chunk(1));
        Reply::ok(format!("<DeleteResult>{error}</DeleteResult>"))
    };
    for (code, kind) in [
        ("InternalError", Some(ErrorKind::Unavailable)),
        ("SlowDown", Some(ErrorKind::Throttled)),
        ("AccessDenied", Some(ErrorKind::Unavailable)),
        ("NoSuchKey", None),
    ] {
        let replay = Replay::of([chunks(0..2, None), refused(code)]);
        let removed = store(&replay).delete_prefix(&BlobPrefix::document(&document())).await;
        assert_eq!(removed.err().map(|error| error.kind), kind, "{code}");
    }
}

fn source(seed: u64) -> String {
    let ids = SeededIds::new(seed);
    BlobKey::source(&new_key(&ids, "acme"), ids.upload_id()).as_str().to_owned()
}

#[tokio::test]
async fn sources_are_old_by_the_date_that_s3_gives_them() {
    // The clock stands at 2025-11-21T02:00:00Z.
    let dated = |seed, date: &str| (source(seed), 10, date.to_owned());
    let page = listing(
        [
            dated(1, "2025-11-21T01:59:00Z"),
            dated(2, "2025-11-21T01:58:59Z"),
            dated(3, "2025-11-20T00:00:00Z"),
        ],
        None,
    );
    let replay = Replay::of([error(404, "NoSuchKey"), page]);
    let found = store(&replay).old_sources(None, 60_000, 10).await.unwrap();
    let found: Vec<String> =
        found.iter().map(|(key, upload)| BlobKey::source(key, *upload).as_str().to_owned()).collect();
    assert_eq!(SIM_START.as_millis(), 1_763_690_400_000);
    assert_eq!(found, [source(2), source(3)]);
}

#[tokio::test]
async fn a_search_for_sources_goes_on_where_the_last_one_stopped() {
    let old = |seed| (source(seed), 10, "2025-11-20T00:00:00Z".to_owned());
    let keys = {
        let mut keys = [old(1), old(2), old(3)];
        keys.sort();
        keys
    };
    let behind = listing([keys[2].clone()], None);
    let front = listing(keys.clone(), None);
    let replay = Replay::of([Reply::ok(keys[1].0.clone()), behind, front, Reply::ok("")]);
    let found = store(&replay).old_sources(None, 0, 2).await.unwrap();
    assert_eq!(found.len(), 2);
    replay.assert_used_up();
    let sent = replay.sent();
    assert!(sent[1].target.contains("start-after="), "{}", sent[1].target);
    assert!(!sent[2].target.contains("start-after="), "{}", sent[2].target);
    assert_eq!((sent[3].method.as_str(), &sent[3].body[..]), ("PUT", keys[0].0.as_bytes()));
}
