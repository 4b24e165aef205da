//! URLs for uploads whose calls go wrong by a plan.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{DocumentKey, UploadId};
use millrace_ports::{PortError, SignedUpload, StoredBlob, UploadGrant, UploadUrls};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyUploadUrls {
    inner: Arc<dyn UploadUrls>,
    plan: Arc<FaultPlan>,
}

impl FaultyUploadUrls {
    /// URLs behind a plan.
    pub fn new(inner: Arc<dyn UploadUrls>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl UploadUrls for FaultyUploadUrls {
    async fn sign(&self, grant: &UploadGrant) -> Result<SignedUpload, PortError> {
        self.plan.call("upload_urls.sign", self.inner.sign(grant)).await
    }

    async fn received(&self, key: &DocumentKey, upload: UploadId) -> Result<Option<StoredBlob>, PortError> {
        self.plan.call("upload_urls.received", self.inner.received(key, upload)).await
    }
}
