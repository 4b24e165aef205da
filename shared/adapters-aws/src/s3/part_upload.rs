//! A content of unknown length on its way into the bucket. One part is in memory at a time: what fits into the first is
//! put whole, anything longer becomes a multipart upload, which is aborted unless it is completed.

use aws_sdk_s3::operation::upload_part::UploadPartOutput;
use aws_sdk_s3::primitives::ByteStream as SdkByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::base64;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::{Bytes, BytesMut};
use millrace_ports::{ErrorKind, PortError};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::bucket::Bucket;
use super::failure::failure;

/// Bytes of a part; S3 wants at least 5 MiB of all but the last.
pub(super) const PART_BYTES: usize = 8 << 20;
/// Most parts of an upload, as S3 has it; about 78 GiB.
const PARTS_MAX: usize = 10_000;

/// A content that arrives piece by piece.
#[derive(Debug)]
pub(super) struct PartUpload {
    bucket: Bucket,
    key: String,
    part: BytesMut,
    multipart: Option<Multipart>,
}

impl PartUpload {
    /// Nothing was sent yet.
    pub(super) fn new(bucket: Bucket, key: String) -> Self {
        Self { bucket, key, part: BytesMut::new(), multipart: None }
    }

    /// Takes in some bytes, and sends what fills a part.
    pub(super) async fn take_in(&mut self, mut piece: Bytes) -> Result<(), PortError> {
        while self.part.len() + piece.len() > PART_BYTES {
            let fits = piece.split_to(PART_BYTES - self.part.len());
            self.part.extend_from_slice(&fits);
            self.send_part().await?;
        }
        self.part.extend_from_slice(&piece);
        Ok(())
    }

    /// Sends the rest, and makes the whole visible under its key.
    pub(super) async fn finish(mut self) -> Result<(), PortError> {
        if self.multipart.is_none() {
            return self.bucket.put(&self.key, self.part.freeze()).await;
        }
        if !self.part.is_empty()
            && let Err(error) = self.send_part().await
        {
            self.abandon().await;
            return Err(error);
        }
        match self.multipart.take() {
            Some(multipart) => multipart.complete().await,
            None => Ok(()),
        }
    }

    /// Gives up, and waits until what was sent is gone. Dropping does the same behind the caller's back.
    pub(super) async fn abandon(mut self) {
        if let Some(mut multipart) = self.multipart.take() {
            multipart.abort().await;
            multipart.open = false;
        }
    }

    async fn send_part(&mut self) -> Result<(), PortError> {
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            None => self.multipart.insert(Multipart::begin(self.bucket.clone(), self.key.clone()).await?),
        };
        multipart.send(self.part.split().freeze()).await
    }
}

/// A multipart upload at S3.
#[derive(Debug)]
struct Multipart {
    bucket: Bucket,
    key: String,
    upload_id: String,
    parts: Vec<CompletedPart>,
    /// Whether S3 still holds parts for it, as far as we know.
    open: bool,
}

impl Multipart {
    async fn begin(bucket: Bucket, key: String) -> Result<Self, PortError> {
        let attempted = format!("begin to put blob {key}");
        let create = bucket.client.create_multipart_upload().bucket(&bucket.name).key(&key);
        let create =
            create.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_type(ChecksumType::Composite);
        let begun = create.send().await.map_err(|error| failure(error, attempted.clone()))?;
        let unnamed = || PortError::caused(ErrorKind::Unavailable, attempted, "the answer has no upload id");
        let upload_id = begun.upload_id.ok_or_else(unnamed)?;
        Ok(Self { bucket, key, upload_id, parts: Vec::new(), open: true })
    }

    async fn send(&mut self, content: Bytes) -> Result<(), PortError> {
        if self.parts.len() == PARTS_MAX {
            return Err(PortError::new(
                ErrorKind::Invalid,
                format!("put blob {}: over {PARTS_MAX} parts", self.key),
            ));
        }
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let checksum = base64::encode(Sha256::digest(&content));
        let part = self.bucket.client.upload_part().bucket(&self.bucket.name).key(&self.key);
        let part = part.upload_id(&self.upload_id).part_number(number).checksum_sha256(&checksum);
        let sent = part.body(SdkByteStream::from(content)).send().await;
        let sent = sent.map_err(|error| failure(error, format!("put part {number} of blob {}", self.key)))?;
        self.parts.push(completed(number, checksum, sent));
        Ok(())
    }

    async fn complete(mut self) -> Result<(), PortError> {
        let parts =
            CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let complete =
            self.bucket.client.complete_multipart_upload().bucket(&self.bucket.name).key(&self.key);
        let complete = complete.upload_id(&self.upload_id).multipart_upload(parts);
        let completed = complete.send().await;
        let completed =
            completed.map(|_| ()).map_err(|error| failure(error, format!("finish blob {}", self.key)));
        if completed.is_err() {
            // If it did complete and only the answer was lost, there is nothing to abort and the blob stays whole.
            self.abort().await;
        }
        self.open = false;
        completed
    }

    /// What cannot be aborted now, the bucket's lifecycle rule removes after a day.
    async fn abort(&self) {
        let abort = self.bucket.client.abort_multipart_upload().bucket(&self.bucket.name).key(&self.key);
        let Err(error) = abort.upload_id(&self.upload_id).send().await else { return };
        // Completed or aborted by an attempt whose answer was lost.
        if error.code() != Some("NoSuchUpload") {
            let error = failure(error, format!("abort blob {}", self.key));
            tracing::warn!(error = &error as &dyn std::error::Error, "parts of an upload were left behind");
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.open {
            let left = Self {
                bucket: self.bucket.clone(),
                key: self.key.clone(),
                upload_id: self.upload_id.clone(),
                parts: Vec::new(),
                open: false,
            };
            runtime.spawn(async move { left.abort().await });
        }
    }
}

fn completed(number: i32, checksum: String, sent: UploadPartOutput) -> CompletedPart {
    CompletedPart::builder().part_number(number).checksum_sha256(checksum).set_e_tag(sent.e_tag).build()
}
