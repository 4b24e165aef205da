//! The suite of upload URLs on the single node's implementation, with this API as its receiving end.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use millrace_ports::{BlobKey, BlobStore, SignedUpload, UploadGrant};
use millrace_test_support::upload_urls_suite;
use millrace_test_support::upload_urls_suite::{UploadClient, UploadUrlsFixture};
use serde_json::json;

use crate::memory_blob_store::MemoryBlobStore;
use crate::server::{Server, ask};

struct Puts {
    router: Router,
    blobs: Arc<MemoryBlobStore>,
}

#[async_trait]
impl UploadClient for Puts {
    async fn put(&self, grant: &UploadGrant, signed: &SignedUpload, content: Bytes) -> u16 {
        // What starting an upload keeps.
        let record = json!({
            "collection": "default",
            "filename": "a.txt",
            "size": grant.size,
            "sha256": grant.sha256,
            "metadata": {},
            "trace": { "correlation_id": "0199a000-0000-7000-8000-00000000c001" },
            "expires_at": grant.expires_at,
        });
        let key = BlobKey::pending(&grant.key, grant.upload_id);
        self.blobs.put(&key, record.to_string().into()).await.unwrap();
        let put =
            signed.headers.iter().fold(ask("PUT", &signed.url), |put, (name, value)| put.with(name, value));
        put.body(content).of(&self.router).await.status.as_u16()
    }
}

async fn fixture() -> UploadUrlsFixture {
    let server = Server::start().await;
    let client = Arc::new(Puts { router: server.router.clone(), blobs: server.blobs.clone() });
    UploadUrlsFixture {
        urls: server.ports.upload_urls.clone(),
        client,
        blobs: server.blobs.clone(),
        clock: server.ports.clock.clone(),
        keep: Box::new(()),
    }
}

upload_urls_suite!(fixture);
