//! An embedding cache whose calls go wrong by a plan. It keeps nothing and changes no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ContentHash, ModelId, TenantId};
use millrace_ports::{Embedding, EmbeddingCache, PortError};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultyEmbeddingCache {
    inner: Arc<dyn EmbeddingCache>,
    plan: Arc<FaultPlan>,
}

impl FaultyEmbeddingCache {
    /// A cache behind a plan.
    pub fn new(inner: Arc<dyn EmbeddingCache>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl EmbeddingCache for FaultyEmbeddingCache {
    async fn get(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        hashes: &[ContentHash],
    ) -> Result<Vec<Option<Embedding>>, PortError> {
        self.plan.call("embedding_cache.get", self.inner.get(tenant, model, hashes)).await
    }

    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError> {
        self.plan.call("embedding_cache.put", self.inner.put(tenant, model, vectors)).await
    }

    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        self.plan.call("embedding_cache.count", self.inner.count(tenant, hashes)).await
    }

    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        self.plan.call("embedding_cache.remove", self.inner.remove(tenant, hashes)).await
    }
}
