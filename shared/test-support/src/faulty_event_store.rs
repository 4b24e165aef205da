//! An event store whose calls go wrong by a plan. It keeps nothing and changes no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{
    CollectionName, DocumentHead, DocumentId, DocumentKey, EventEnvelope, TenantId, Timestamp, Version,
};
use millrace_ports::{Append, EventStore, History, PortError, UnsettledPage, UnsettledPlace};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyEventStore {
    inner: Arc<dyn EventStore>,
    plan: Arc<FaultPlan>,
}

impl FaultyEventStore {
    /// A store behind a plan.
    pub fn new(inner: Arc<dyn EventStore>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl EventStore for FaultyEventStore {
    async fn append(&self, append: Append) -> Result<Version, PortError> {
        self.plan.call("event_store.append", self.inner.append(append)).await
    }

    async fn load(&self, key: &DocumentKey) -> Result<Option<History>, PortError> {
        self.plan.call("event_store.load", self.inner.load(key)).await
    }

    async fn read(
        &self,
        key: &DocumentKey,
        after: Version,
        limit: usize,
    ) -> Result<Vec<EventEnvelope>, PortError> {
        self.plan.call("event_store.read", self.inner.read(key, after, limit)).await
    }

    async fn heads(&self, keys: &[DocumentKey]) -> Result<Vec<Option<DocumentHead>>, PortError> {
        self.plan.call("event_store.heads", self.inner.heads(keys)).await
    }

    async fn unsettled(
        &self,
        before: Timestamp,
        after: Option<&UnsettledPlace>,
        limit: usize,
    ) -> Result<UnsettledPage, PortError> {
        self.plan.call("event_store.unsettled", self.inner.unsettled(before, after, limit)).await
    }

    async fn documents_of(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<DocumentId>, PortError> {
        let listed = self.inner.documents_of(tenant, collection, after, limit);
        self.plan.call("event_store.documents_of", listed).await
    }
}
