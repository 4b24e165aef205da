//! A read model whose calls go wrong by a plan. It keeps nothing and changes no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{DocumentKey, TenantId};
use millrace_ports::{DocumentView, ListQuery, Page, PortError, ReadModel, ViewCount};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyReadModel {
    inner: Arc<dyn ReadModel>,
    plan: Arc<FaultPlan>,
}

impl FaultyReadModel {
    /// A read model behind a plan.
    pub fn new(inner: Arc<dyn ReadModel>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl ReadModel for FaultyReadModel {
    async fn get(&self, key: &DocumentKey) -> Result<Option<DocumentView>, PortError> {
        self.plan.call("read_model.get", self.inner.get(key)).await
    }

    async fn save(&self, views: &[DocumentView]) -> Result<(), PortError> {
        self.plan.call("read_model.save", self.inner.save(views)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        self.plan.call("read_model.list", self.inner.list(query)).await
    }

    async fn counts(&self, tenant: &TenantId) -> Result<Vec<ViewCount>, PortError> {
        self.plan.call("read_model.counts", self.inner.counts(tenant)).await
    }
}
