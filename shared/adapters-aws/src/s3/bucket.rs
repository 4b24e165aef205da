//! One bucket: the calls that both ports need, with sizes, pages and errors in our words.

use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream as SdkByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier};
use aws_smithy_types::base64;
use bytes::Bytes;
use futures::{StreamExt, stream};
use millrace_domain::ByteSize;
use millrace_ports::{BlobUsage, ByteStream, ErrorKind, PortError};
use sha2::{Digest, Sha256};

use super::failure::{failure, own_kind};
use crate::connection::kind_of_code;

/// Keys of one page, and of one `DeleteObjects`: the most that S3 takes.
const PAGE_KEYS: i32 = 1_000;
/// Most pages of one listing, 10 million keys; nothing that is listed whole has so many, so more means that S3 repeats.
const PAGES_MAX: usize = 10_000;

/// A bucket and the client that reaches it.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
}

/// What S3 says about an object without sending it.
#[derive(Debug)]
pub(super) struct ObjectHead {
    pub(super) size: ByteSize,
    /// In base64; with a `-` and a count behind it if it is made of the checksums of parts.
    pub(super) checksum_sha256: Option<String>,
}

impl Bucket {
    /// Writes an object in one request, its SHA-256 beside it: S3 refuses bytes that changed on their way.
    pub(super) async fn put(&self, key: &str, content: Bytes) -> Result<(), PortError> {
        let put = self.client.put_object().bucket(&self.name).key(key);
        put.checksum_sha256(base64::encode(Sha256::digest(&content)))
            .body(SdkByteStream::from(content))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failure(error, format!("put blob {key}")))
    }

    /// Reads an object whole, checked against its checksum.
    pub(super) async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        let attempted = format!("get blob {key}");
        let found = self.client.get_object().bucket(&self.name).key(key).send().await;
        let found = found.map_err(|error| failure(error, attempted.clone()))?;
        let body = found.body.collect().await;
        let body = body.map_err(|error| PortError::caused(ErrorKind::Unavailable, attempted, error))?;
        Ok(body.into_bytes())
    }

    /// The size and checksum of an object.
    pub(super) async fn head(&self, key: &str) -> Result<Option<ObjectHead>, PortError> {
        let head = self.client.head_object().bucket(&self.name).key(key).checksum_mode(ChecksumMode::Enabled);
        let attempted = format!("look at blob {key}");
        match head.send().await.map_err(|error| failure(error, attempted.clone())) {
            Ok(found) => Ok(Some(ObjectHead {
                size: size_of(found.content_length(), &attempted)?,
                checksum_sha256: found.checksum_sha256,
            })),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens an object for streaming, cut to a range; gives its whole size.
    pub(super) async fn open(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<(ByteSize, ByteStream), PortError> {
        let attempted = format!("open blob {key}");
        let header = match &range {
            None => None,
            Some(range) if range.start < range.end => {
                Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
            }
            // HTTP has no empty range.
            Some(_) => return self.open_nothing(key).await,
        };
        let get = self.client.get_object().bucket(&self.name).key(key).set_range(header);
        match get.send().await {
            Ok(found) => Ok((whole_size(&found, &attempted)?, pieces(found.body))),
            // The range begins behind the end, which an empty object's does always.
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 416 => {
                self.open_nothing(key).await
            }
            Err(error) => Err(failure(error, attempted)),
        }
    }

    async fn open_nothing(&self, key: &str) -> Result<(ByteSize, ByteStream), PortError> {
        let missing = || PortError::new(ErrorKind::NotFound, format!("open blob {key}"));
        let head = self.head(key).await?.ok_or_else(missing)?;
        Ok((head.size, stream::empty().boxed()))
    }

    /// Removes one object, whether it is there or not.
    pub(super) async fn delete(&self, key: &str) -> Result<(), PortError> {
        let deleted = self.client.delete_object().bucket(&self.name).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| failure(error, format!("delete blob {key}")))
    }

    /// Removes the objects of one page. The first key that S3 could not remove is the error; asking again is harmless.
    pub(super) async fn delete_page(&self, keys: Vec<String>) -> Result<(), PortError> {
        let Some(first) = keys.first().cloned() else { return Ok(()) };
        let attempted = format!("delete {} blobs from {first} on", keys.len());
        let identifier = |key| ObjectIdentifier::builder().key(key).build();
        let objects: Result<Vec<_>, _> = keys.into_iter().map(identifier).collect();
        let invalid = |error| PortError::caused(ErrorKind::Invalid, attempted.clone(), error);
        // Quiet: only failures are listed in the answer.
        let delete =
            objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let call = self.client.delete_objects().bucket(&self.name).delete(delete.map_err(invalid)?);
        let answer = call.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
        let answer = answer.map_err(|error| failure(error, attempted.clone()))?;
        // A key that is gone already counts as removed.
        let failed = answer.errors().iter().find(|error| error.code() != Some("NoSuchKey"));
        let Some(failed) = failed else { return Ok(()) };
        let code = failed.code().unwrap_or("no code");
        let kind = own_kind(code).or_else(|| kind_of_code(code)).unwrap_or(ErrorKind::Unavailable);
        let reason = format!("{code} of {}", failed.key().unwrap_or("no key"));
        Err(PortError::caused(kind, attempted, reason))
    }

    /// One page of a listing: from a token of the page before, or behind a key.
    pub(super) async fn page(&self, from: PageStart<'_>) -> Result<ListObjectsV2Output, PortError> {
        let list = self.client.list_objects_v2().bucket(&self.name).max_keys(PAGE_KEYS);
        let prefix = Some(from.prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        let list = list.set_prefix(prefix).set_continuation_token(from.token.map(str::to_owned));
        let list = list.set_start_after(from.after.filter(|_| from.token.is_none()).map(str::to_owned));
        list.send().await.map_err(|error| failure(error, format!("list blobs under {}", from.prefix)))
    }

    /// Counts what lies under a prefix, to the last page, and removes it if asked to, page by page.
    pub(super) async fn walk(&self, prefix: &str, removes: bool) -> Result<BlobUsage, PortError> {
        let mut usage = BlobUsage::default();
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(PageStart { prefix, token: token.as_deref(), after: None }).await?;
            let objects = page.contents();
            if removes {
                self.delete_page(objects.iter().filter_map(|object| object.key.clone()).collect()).await?;
            }
            usage.blobs += objects.len() as u64;
            usage.bytes += objects.iter().filter_map(|object| u64::try_from(object.size?).ok()).sum::<u64>();
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(usage);
            }
        }
        Err(endless(prefix))
    }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageStart<'a> {
    pub(super) prefix: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) after: Option<&'a str>,
}

fn endless(prefix: &str) -> PortError {
    PortError::new(ErrorKind::Unavailable, format!("list blobs under {prefix}: over {PAGES_MAX} pages"))
}

fn size_of(length: Option<i64>, attempted: &str) -> Result<ByteSize, PortError> {
    let size = length.and_then(|length| u64::try_from(length).ok()).map(ByteSize::new);
    size.ok_or_else(|| PortError::caused(ErrorKind::Unavailable, attempted, "the answer has no length"))
}

/// `Content-Range: bytes 0-9/100` names the whole size; without a range the length is the whole.
fn whole_size(found: &GetObjectOutput, attempted: &str) -> Result<ByteSize, PortError> {
    let Some(range) = found.content_range() else { return size_of(found.content_length(), attempted) };
    let whole = range.rsplit('/').next().and_then(|size| size.parse().ok()).map(ByteSize::new);
    whole
        .ok_or_else(|| PortError::caused(ErrorKind::Unavailable, attempted, "the answer names no whole size"))
}

fn pieces(body: SdkByteStream) -> ByteStream {
    let next = async |mut body: SdkByteStream| {
        let piece = body.try_next().await.map_err(std::io::Error::other)?;
        Ok(piece.map(|piece| (piece, body)))
    };
    stream::try_unfold(body, next).boxed()
}
