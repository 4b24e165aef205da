//! `S3UploadUrls`: presigned PUTs into the bucket of the blobs. Length, type and SHA-256 are under the signature, so S3
//! itself refuses anything else. The bucket's notification of `.content` keys goes to the `uploads` queue.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_smithy_types::base64;
use futures::TryStreamExt;
use millrace_domain::{ContentHash, DocumentKey, Timestamp, UploadId};
use millrace_ports::{
    BlobKey, Clock, ErrorKind, PortError, SignedUpload, StoredBlob, UploadGrant, UploadUrls,
};
use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use super::failure::failure;

/// Longest life of a URL, as the signature allows (7 days). One signed with a session's credentials ends with them.
const LIFE_S_MAX: u64 = 604_800;
/// Largest object that one PUT writes, as S3 has it (5 GiB).
const PUT_BYTES_MAX: u64 = 5 << 30;

/// Signs uploads into a bucket. Clones share the connection.
#[derive(Debug, Clone)]
pub struct S3UploadUrls {
    bucket: Bucket,
    clock: Arc<dyn Clock>,
}

impl S3UploadUrls {
    /// The bucket must be that of the `S3BlobStore`.
    pub fn new(client: Client, bucket: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { bucket: Bucket { client, name: bucket.into() }, clock }
    }

    /// The hash that S3 keeps is that of the whole content if it came in one request; otherwise it is computed here.
    async fn hash_of(&self, key: &str, checksum: Option<&str>) -> Result<ContentHash, PortError> {
        let kept = checksum.and_then(|text| base64::decode(text).ok());
        if let Some(digest) = kept.and_then(|digest| <[u8; 32]>::try_from(digest).ok()) {
            return Ok(ContentHash::from_digest(digest));
        }
        let (_, content) = self.bucket.open(key, None).await?;
        let hash = content.try_fold(Sha256::new(), async |hash, piece| Ok(hash.chain_update(piece))).await;
        let attempted = || format!("read blob {key}");
        let hash = hash.map_err(|error| PortError::caused(ErrorKind::Unavailable, attempted(), error))?;
        Ok(ContentHash::from_digest(hash.finalize().into()))
    }
}

#[async_trait]
impl UploadUrls for S3UploadUrls {
    async fn sign(&self, grant: &UploadGrant) -> Result<SignedUpload, PortError> {
        let key = BlobKey::source(&grant.key, grant.upload_id);
        let attempted = format!("sign a URL for {}", key.as_str());
        let terms = Terms::of(grant, self.clock.now())
            .map_err(|reason| PortError::caused(ErrorKind::Invalid, attempted.clone(), reason))?;
        let put = self.bucket.client.put_object().bucket(&self.bucket.name).key(key.as_str());
        let put = put.content_length(terms.length).content_type(&grant.media_type);
        let signed = put.checksum_sha256(terms.checksum).presigned(terms.validity).await;
        signed.map(|signed| upload(&signed)).map_err(|error| failure(error, attempted))
    }

    async fn received(&self, key: &DocumentKey, upload: UploadId) -> Result<Option<StoredBlob>, PortError> {
        let key = BlobKey::source(key, upload);
        let Some(head) = self.bucket.head(key.as_str()).await? else { return Ok(None) };
        let sha256 = self.hash_of(key.as_str(), head.checksum_sha256.as_deref()).await?;
        Ok(Some(StoredBlob { size: head.size, sha256 }))
    }
}

/// A grant in S3's words.
struct Terms {
    length: i64,
    checksum: String,
    validity: PresigningConfig,
}

impl Terms {
    fn of(grant: &UploadGrant, now: Timestamp) -> Result<Self, &'static str> {
        let length = grant.size.get();
        if length == 0 || length > PUT_BYTES_MAX {
            return Err("one PUT takes from 1 byte to 5 GiB");
        }
        if grant.media_type.is_empty() || !grant.media_type.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err("the media type must be visible ASCII");
        }
        let life_s = grant.expires_at.millis_since(now) / 1_000;
        if !(1..=LIFE_S_MAX).contains(&life_s) {
            return Err("a URL lives from one second to seven days");
        }
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis().try_into().unwrap_or(0));
        let validity =
            PresigningConfig::builder().start_time(started).expires_in(Duration::from_secs(life_s));
        let digest = hex::decode(grant.sha256.as_str()).map_err(|_| "the hash must be hexadecimal")?;
        Ok(Self {
            length: i64::try_from(length).map_err(|_| "the length is too large")?,
            checksum: base64::encode(digest),
            validity: validity.build().map_err(|_| "the validity is out of range")?,
        })
    }
}

/// Headers that every HTTP client sets by itself are left out.
fn upload(signed: &PresignedRequest) -> SignedUpload {
    let by_itself =
        |name: &str| ["host", "content-length"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let headers = signed.headers().filter(|(name, _)| !by_itself(name));
    SignedUpload {
        url: signed.uri().to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}
