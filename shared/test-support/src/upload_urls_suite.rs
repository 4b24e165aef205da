//! What every maker of upload URLs must do: one case for each promise of the port that a client can see. Run it with
//! `upload_urls_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use millrace_domain::{ByteSize, ContentHash, UploadId};
use millrace_ports::{
    BlobKey, BlobStore, Clock, ErrorKind, IdGenerator, SignedUpload, StoredBlob, UploadGrant, UploadUrls,
};

use crate::SeededIds;
use crate::builders::new_key;

/// How long the grants of the suite are good, in milliseconds.
const GRANTED_MS: i64 = 300_000;
/// What is uploaded: a line, many times.
const LINE: &str = "Every upload is exactly what was announced.\n";
const LINES: usize = 5_000;
const SHA256: &str = "e00c03f9bd8113c4adbf94288e9d4d1715a65d6d3a3419b29512d4a50f7e40ce";

/// Sends a `PUT` as a client does.
#[async_trait]
pub trait UploadClient: Send + Sync {
    /// Puts bytes to a URL with these headers; gives the status of the answer. The grant is what was signed, for whoever
    /// must keep a record of it; it is not sent.
    async fn put(&self, grant: &UploadGrant, signed: &SignedUpload, content: Bytes) -> u16;
}

/// What the suite needs of an implementation.
pub struct UploadUrlsFixture {
    /// The implementation.
    pub urls: Arc<dyn UploadUrls>,
    /// Who puts.
    pub client: Arc<dyn UploadClient>,
    /// Where the bytes are found.
    pub blobs: Arc<dyn BlobStore>,
    /// The time by which URLs expire.
    pub clock: Arc<dyn Clock>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for UploadUrlsFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadUrlsFixture").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! upload_urls_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            upload_urls_suite,
            $fixture,
            [
                what_was_put_is_stored_and_known_by_size_and_hash,
                nothing_is_received_of_another_upload,
                putting_again_is_harmless,
                bytes_of_another_hash_leave_nothing,
                bytes_of_another_length_leave_nothing,
                another_media_type_is_refused,
                a_changed_url_is_refused,
                an_expired_grant_is_not_signed,
            ]
        );
    };
}

fn content() -> Bytes {
    LINE.repeat(LINES).into()
}

impl UploadUrlsFixture {
    fn grant(&self, seed: u64) -> UploadGrant {
        let ids = SeededIds::new(seed);
        UploadGrant {
            key: new_key(&ids, "acme"),
            upload_id: ids.upload_id(),
            size: ByteSize::new((LINE.len() * LINES) as u64),
            media_type: "text/plain; charset=utf-8".into(),
            sha256: ContentHash::try_from(SHA256.to_owned()).unwrap(),
            expires_at: self.clock.now().plus_millis(GRANTED_MS),
        }
    }

    async fn received(&self, grant: &UploadGrant) -> Option<StoredBlob> {
        self.urls.received(&grant.key, grant.upload_id).await.unwrap()
    }

    /// Puts what must be refused, and looks that nothing is there.
    async fn refused(&self, grant: &UploadGrant, signed: &SignedUpload, content: Bytes) {
        let status = self.client.put(grant, signed, content).await;
        assert!((400..500).contains(&status), "answered {status}");
        assert_eq!(self.received(grant).await, None);
        let key = BlobKey::source(&grant.key, grant.upload_id);
        assert_eq!(self.blobs.get(&key).await.unwrap_err().kind, ErrorKind::NotFound);
    }
}

/// Through the blob store it reads as any other content.
pub async fn what_was_put_is_stored_and_known_by_size_and_hash(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(1);
    let signed = fixture.urls.sign(&grant).await.unwrap();
    assert_eq!(fixture.received(&grant).await, None);
    assert_eq!(fixture.client.put(&grant, &signed, content()).await, 200);
    let expected = StoredBlob { size: grant.size, sha256: grant.sha256.clone() };
    assert_eq!(fixture.received(&grant).await, Some(expected));
    let (size, stream) =
        fixture.blobs.open(&BlobKey::source(&grant.key, grant.upload_id), None).await.unwrap();
    assert_eq!(size, grant.size);
    let read: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
    assert_eq!(read.concat(), content());
}

/// Neither under another name nor at another tenant's.
pub async fn nothing_is_received_of_another_upload(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(2);
    let signed = fixture.urls.sign(&grant).await.unwrap();
    assert_eq!(fixture.client.put(&grant, &signed, content()).await, 200);
    let upload = UploadId::new(SeededIds::new(99).uuid());
    assert_eq!(fixture.urls.received(&grant.key, upload).await.unwrap(), None);
    let mut other = grant.clone();
    other.key.tenant_id = crate::builders::tenant("other");
    assert_eq!(fixture.received(&other).await, None);
}

/// With the same URL, and with another one of the same grant.
pub async fn putting_again_is_harmless(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(3);
    let (first, second) =
        (fixture.urls.sign(&grant).await.unwrap(), fixture.urls.sign(&grant).await.unwrap());
    for signed in [&first, &first, &second] {
        assert_eq!(fixture.client.put(&grant, signed, content()).await, 200);
    }
    assert_eq!(fixture.received(&grant).await.unwrap().sha256, grant.sha256);
}

/// As many bytes, one of them another; the announced ones are taken afterwards.
pub async fn bytes_of_another_hash_leave_nothing(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(4);
    let signed = fixture.urls.sign(&grant).await.unwrap();
    let mut changed = content().to_vec();
    *changed.last_mut().unwrap() = b'!';
    fixture.refused(&grant, &signed, changed.into()).await;
    assert_eq!(fixture.client.put(&grant, &signed, content()).await, 200);
}

/// One byte less, and one more.
pub async fn bytes_of_another_length_leave_nothing(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(5);
    let signed = fixture.urls.sign(&grant).await.unwrap();
    let length = content().len();
    fixture.refused(&grant, &signed, content().slice(..length - 1)).await;
    fixture.refused(&grant, &signed, [&content()[..], b"x"].concat().into()).await;
}

/// The headers belong to what was signed.
pub async fn another_media_type_is_refused(fixture: &UploadUrlsFixture) {
    let grant = fixture.grant(6);
    let mut signed = fixture.urls.sign(&grant).await.unwrap();
    let declared =
        signed.headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).unwrap();
    assert_eq!(declared.1, grant.media_type);
    declared.1 = "text/html".into();
    fixture.refused(&grant, &signed, content()).await;
}

/// In its path, so that it names another upload, or in its query.
pub async fn a_changed_url_is_refused(fixture: &UploadUrlsFixture) {
    let (grant, other) = (fixture.grant(7), fixture.grant(8));
    let signed = fixture.urls.sign(&grant).await.unwrap();
    let swapped = signed.url.replace(&grant.upload_id.to_string(), &other.upload_id.to_string());
    assert_ne!(swapped, signed.url, "the path names the upload");
    let mut cut = signed.url.clone();
    cut.pop();
    let query_at = signed.url.find('?').unwrap();
    let unsigned = signed.url[..query_at].to_owned();
    for url in [swapped, cut, unsigned] {
        let changed = SignedUpload { url, ..signed.clone() };
        fixture.refused(&grant, &changed, content()).await;
        assert_eq!(fixture.received(&other).await, None);
    }
}

/// Nobody could use it.
pub async fn an_expired_grant_is_not_signed(fixture: &UploadUrlsFixture) {
    let expires_at = fixture.clock.now().plus_millis(-1);
    let grant = UploadGrant { expires_at, ..fixture.grant(9) };
    assert_eq!(fixture.urls.sign(&grant).await.unwrap_err().kind, ErrorKind::Invalid);
}
