//! What `S3UploadUrls` puts under its signatures and asks of S3, pinned without a server.

use std::sync::Arc;

use millrace_domain::{ByteSize, ContentHash, Timestamp};
use millrace_ports::{BlobKey, ErrorKind, IdGenerator, SignedUpload, StoredBlob, UploadGrant, UploadUrls};
use millrace_test_support::builders::new_key;
use millrace_test_support::{SIM_START, SeededIds, SimClock};
use sha2::{Digest, Sha256};

use super::S3UploadUrls;
use crate::connection::replay::{Replay, Reply};

/// SHA-256 of `abc` in base64; FIPS 180-2, appendix B.1.
const ABC_SHA256: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

fn hash_of(content: &[u8]) -> ContentHash {
    ContentHash::from_digest(Sha256::digest(content).into())
}

fn grant(content: &[u8], expires_at: Timestamp) -> UploadGrant {
    let ids = SeededIds::new(1);
    UploadGrant {
        key: new_key(&ids, "acme"),
        upload_id: ids.upload_id(),
        size: ByteSize::new(content.len() as u64),
        media_type: "text/plain; charset=utf-8".into(),
        sha256: hash_of(content),
        expires_at,
    }
}

fn replayed(replay: &Replay) -> S3UploadUrls {
    S3UploadUrls::new(replay.connection().s3(), "blobs", Arc::new(SimClock::default()))
}

fn query<'a>(upload: &'a SignedUpload, name: &str) -> &'a str {
    let query = upload.url.split_once('?').unwrap().1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
}

#[tokio::test]
async fn length_type_and_hash_are_under_the_signature() {
    let grant = grant(b"abc", SIM_START.plus_millis(900_999));
    let signed = replayed(&Replay::of([])).sign(&grant).await.unwrap();
    let key = BlobKey::source(&grant.key, grant.upload_id);
    assert!(signed.url.starts_with("https://blobs.s3.eu-central-1.amazonaws.com/"), "{}", signed.url);
    assert!(signed.url.contains(&format!("/{}?", key.as_str())), "{}", signed.url);
    assert_eq!(
        query(&signed, "X-Amz-SignedHeaders"),
        "content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256"
    );
    assert_eq!((query(&signed, "X-Amz-Expires"), query(&signed, "X-Amz-Date")), ("900", "20251121T020000Z"));
    let mut headers = signed.headers;
    headers.sort();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        headers,
        [header("content-type", "text/plain; charset=utf-8"), header("x-amz-checksum-sha256", ABC_SHA256)]
    );
}

#[tokio::test]
async fn another_grant_has_another_signature() {
    let urls = replayed(&Replay::of([]));
    let first = grant(b"abc", SIM_START.plus_millis(60_000));
    let longer = UploadGrant { size: ByteSize::new(4), ..first.clone() };
    let other_type = UploadGrant { media_type: "text/html".into(), ..first.clone() };
    let other_hash = UploadGrant { sha256: hash_of(b"abd"), ..first.clone() };
    let signature = query(&urls.sign(&first).await.unwrap(), "X-Amz-Signature").to_owned();
    assert_eq!(signature.len(), 64);
    assert_eq!(query(&urls.sign(&first).await.unwrap(), "X-Amz-Signature"), signature);
    for other in [longer, other_type, other_hash] {
        assert_ne!(query(&urls.sign(&other).await.unwrap(), "X-Amz-Signature"), signature, "{other:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_granted_is_invalid() {
    let urls = replayed(&Replay::of([]));
    let good = grant(b"abc", SIM_START.plus_millis(60_000));
    for bad in [
        UploadGrant { expires_at: SIM_START, ..good.clone() },
        UploadGrant { expires_at: SIM_START.plus_millis(999), ..good.clone() },
        UploadGrant { expires_at: SIM_START.plus_millis(604_801_000), ..good.clone() },
        UploadGrant { size: ByteSize::new(0), ..good.clone() },
        UploadGrant { size: ByteSize::new((5 << 30) + 1), ..good.clone() },
        UploadGrant { media_type: String::new(), ..good.clone() },
        UploadGrant { media_type: "text/plain\r\nx: y".into(), ..good.clone() },
    ] {
        assert_eq!(urls.sign(&bad).await.unwrap_err().kind, ErrorKind::Invalid, "{bad:?}");
    }
}

#[tokio::test]
async fn what_was_received_is_read_from_the_stores_own_checksum() {
    let grant = grant(b"abc", SIM_START);
    let head =
        Reply::ok("").with_header("content-length", "3").with_header("x-amz-checksum-sha256", ABC_SHA256);
    let replay = Replay::of([head, Reply::of(404, "")]);
    let urls = replayed(&replay);
    let received = urls.received(&grant.key, grant.upload_id).await.unwrap();
    assert_eq!(received, Some(StoredBlob { size: ByteSize::new(3), sha256: hash_of(b"abc") }));
    assert_eq!(urls.received(&grant.key, grant.upload_id).await.unwrap(), None);
    let sent = replay.sent().remove(0);
    assert_eq!((sent.method.as_str(), sent.header("x-amz-checksum-mode")), ("HEAD", Some("ENABLED")));
}

#[tokio::test]
async fn a_content_that_came_in_parts_is_hashed_here() {
    let grant = grant(b"abc", SIM_START);
    let composite = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-2";
    let head =
        Reply::ok("").with_header("content-length", "3").with_header("x-amz-checksum-sha256", composite);
    let replay = Replay::of([head, Reply::ok("abc").with_header("content-length", "3")]);
    let received = replayed(&replay).received(&grant.key, grant.upload_id).await.unwrap();
    assert_eq!(received.unwrap().sha256, hash_of(b"abc"));
    replay.assert_used_up();
}
