//! Collections whose calls go wrong by a plan. They keep nothing and change no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{Collection, CollectionName, TenantId};
use millrace_ports::{CollectionPage, CollectionStore, PortError};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyCollectionStore {
    inner: Arc<dyn CollectionStore>,
    plan: Arc<FaultPlan>,
}

impl FaultyCollectionStore {
    /// Collections behind a plan.
    pub fn new(inner: Arc<dyn CollectionStore>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl CollectionStore for FaultyCollectionStore {
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError> {
        self.plan.call("collection_store.get", self.inner.get(tenant, name)).await
    }

    async fn create_if_absent(&self, collection: Collection) -> Result<Collection, PortError> {
        self.plan.call("collection_store.create_if_absent", self.inner.create_if_absent(collection)).await
    }

    async fn replace(&self, changed: Collection) -> Result<Collection, PortError> {
        self.plan.call("collection_store.replace", self.inner.replace(changed)).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionPage, PortError> {
        self.plan.call("collection_store.list", self.inner.list(tenant, after, limit)).await
    }

    async fn under_reembedding(&self, limit: usize) -> Result<Vec<(TenantId, CollectionName)>, PortError> {
        self.plan.call("collection_store.under_reembedding", self.inner.under_reembedding(limit)).await
    }
}
