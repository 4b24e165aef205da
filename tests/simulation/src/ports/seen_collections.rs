//! A store of collections whose changes the witness sees, and in which nothing that is published gets out of sight.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{Collection, CollectionName, TenantId};
use millrace_ports::{CollectionPage, CollectionStore, PortError};

use super::Onlooker;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenCollections {
    inner: Arc<dyn CollectionStore>,
    onlooker: Onlooker,
}

impl SeenCollections {
    pub(crate) fn new(inner: Arc<dyn CollectionStore>, onlooker: Onlooker) -> Self {
        Self { inner, onlooker }
    }
}

#[async_trait]
impl CollectionStore for SeenCollections {
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError> {
        self.inner.get(tenant, name).await
    }

    async fn create_if_absent(&self, collection: Collection) -> Result<Collection, PortError> {
        self.inner.create_if_absent(collection).await
    }

    async fn replace(&self, changed: Collection) -> Result<Collection, PortError> {
        let (tenant, name) = (changed.tenant_id.clone(), changed.name.clone());
        let before = self.inner.get(&tenant, &name).await?;
        let stored = self.inner.replace(changed).await?;
        self.onlooker.witness.moved(before.as_ref(), &stored);
        self.onlooker.look(&tenant, &name).await?;
        Ok(stored)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionPage, PortError> {
        self.inner.list(tenant, after, limit).await
    }

    async fn under_reembedding(&self, limit: usize) -> Result<Vec<(TenantId, CollectionName)>, PortError> {
        self.inner.under_reembedding(limit).await
    }
}
