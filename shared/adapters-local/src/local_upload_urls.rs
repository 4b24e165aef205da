//! URLs for uploads to the node itself: the grant stands in the URL, signed with a secret of the data folder, and the node
//! takes the bytes where on AWS the object store does. Routing such a request and storing its bytes is not done here.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use millrace_domain::{ByteSize, ContentHash, DocumentKey, QueueName, UploadId, UploadName};
use millrace_ports::{
    BlobKey, BlobStore, Clock, ErrorKind, JobQueue, OutgoingMessage, PortError, SignedUpload, StoredBlob,
    UploadGrant, UploadReceiver, UploadUrlError, UploadUrls,
};
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Database, sql_error};

/// What a secret is made of.
pub const UPLOAD_SECRET_BYTES: usize = 32;
/// What is signed begins so, that the secret is good for nothing else.
const PURPOSE: &[u8] = b"millrace upload url 1\n";

/// Signs and verifies URLs for uploads to this node.
pub struct LocalUploadUrls {
    signer: Hmac<Sha256>,
    blobs: Arc<dyn BlobStore>,
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for LocalUploadUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalUploadUrls").finish_non_exhaustive()
    }
}

impl LocalUploadUrls {
    /// URLs signed with the database's secret. Where there is none yet, `random` becomes it: bytes of the operating
    /// system's randomness.
    pub async fn open(
        database: &Database,
        random: [u8; UPLOAD_SECRET_BYTES],
        blobs: Arc<dyn BlobStore>,
        queue: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PortError> {
        let keep = move |connection: &Connection| {
            connection
                .execute(
                    "INSERT INTO upload_url_secret (id, secret) VALUES (1, ?1) ON CONFLICT DO NOTHING",
                    params![random],
                )
                .map_err(sql_error)?;
            connection
                .query_row("SELECT secret FROM upload_url_secret", [], |row| row.get::<_, Vec<u8>>(0))
                .map_err(sql_error)
        };
        let secret = database.write("open the secret of upload URLs", keep).await?;
        let signer = Hmac::new_from_slice(&secret).expect("HMAC takes a key of any length");
        Ok(Self { signer, blobs, queue, clock })
    }

    fn mac_of(&self, grant: &str) -> Hmac<Sha256> {
        self.signer.clone().chain_update(PURPOSE).chain_update(grant)
    }
}

#[async_trait]
impl UploadUrls for LocalUploadUrls {
    async fn sign(&self, grant: &UploadGrant) -> Result<SignedUpload, PortError> {
        if grant.expires_at <= self.clock.now() {
            return Err(PortError::new(
                ErrorKind::Invalid,
                format!("sign expired upload {}", grant.upload_id),
            ));
        }
        let json = serde_json::to_vec(grant).expect("a grant has string keys and no fallible serializer");
        let text = URL_SAFE_NO_PAD.encode(json);
        let signature = URL_SAFE_NO_PAD.encode(self.mac_of(&text).finalize().into_bytes());
        let name = UploadName { document_id: grant.key.document_id, upload_id: grant.upload_id };
        Ok(SignedUpload {
            url: format!("/v1/uploads/{name}/content?grant={text}&signature={signature}"),
            headers: vec![("Content-Type".into(), grant.media_type.clone())],
        })
    }

    async fn received(&self, key: &DocumentKey, upload: UploadId) -> Result<Option<StoredBlob>, PortError> {
        let blob = BlobKey::source(key, upload);
        let (size, mut content) = match self.blobs.open(&blob, None).await {
            Ok(opened) => opened,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut hasher = Sha256::new();
        let mut read = 0;
        while let Some(block) = content.next().await {
            let block = block.map_err(|error| {
                PortError::caused(ErrorKind::Unavailable, format!("read blob {}", blob.as_str()), error)
            })?;
            read += block.len() as u64;
            hasher.update(&block);
        }
        if read != size.get() {
            return Err(PortError::new(ErrorKind::Unavailable, format!("read blob {}", blob.as_str())));
        }
        let sha256 = ContentHash::from_digest(hasher.finalize().into());
        Ok(Some(StoredBlob { size: ByteSize::new(read), sha256 }))
    }
}

#[async_trait]
impl UploadReceiver for LocalUploadUrls {
    fn verify(&self, query: &str) -> Result<UploadGrant, UploadUrlError> {
        let (grant, signature) = parts(query).ok_or(UploadUrlError::Forged)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| UploadUrlError::Forged)?;
        self.mac_of(grant).verify_slice(&signature).map_err(|_| UploadUrlError::Forged)?;
        // Only now is anything of it read.
        let json = URL_SAFE_NO_PAD.decode(grant).map_err(|_| UploadUrlError::Forged)?;
        let grant: UploadGrant = serde_json::from_slice(&json).map_err(|_| UploadUrlError::Forged)?;
        if grant.expires_at <= self.clock.now() {
            return Err(UploadUrlError::Expired);
        }
        Ok(grant)
    }

    async fn announce(&self, grant: &UploadGrant) -> Result<(), PortError> {
        let key = BlobKey::source(&grant.key, grant.upload_id);
        let record = json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "local",
            "eventTime": self.clock.now(),
            "eventName": "ObjectCreated:Put",
            "userIdentity": {},
            "requestParameters": {},
            "s3": {
                "bucket": { "name": "local" },
                "object": { "key": key.as_str(), "size": grant.size },
            },
        });
        let message = OutgoingMessage {
            body: json!({ "Records": [record] }).to_string(),
            group: Some(grant.key.tenant_id.to_string()),
            ..OutgoingMessage::default()
        };
        self.queue.send(QueueName::Uploads, vec![message]).await.into_iter().collect()
    }
}

/// The two parameters, as they were signed: nothing more, nothing less, in that order.
fn parts(query: &str) -> Option<(&str, &str)> {
    let (grant, signature) = query.split_once('&')?;
    Some((grant.strip_prefix("grant=")?, signature.strip_prefix("signature=")?))
}
