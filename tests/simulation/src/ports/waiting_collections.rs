//! Collections behind a plan of faults.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{CollectionName, TenantId};
use millrace_ports::{Collection, CollectionStore, PortError};
use millrace_test_support::FaultPlan;

/// The decorator.
#[derive(Debug)]
pub(crate) struct WaitingCollections {
    inner: Arc<dyn CollectionStore>,
    plan: Arc<FaultPlan>,
}

impl WaitingCollections {
    pub(crate) fn new(inner: Arc<dyn CollectionStore>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl CollectionStore for WaitingCollections {
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError> {
        self.plan.call("collection_store.get", self.inner.get(tenant, name)).await
    }

    async fn create_if_absent(&self, collection: Collection) -> Result<Collection, PortError> {
        self.plan.call("collection_store.create_if_absent", self.inner.create_if_absent(collection)).await
    }
}
