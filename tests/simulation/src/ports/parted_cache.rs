//! An embedding cache that keeps some of the vectors it is given and then fails, when the weather says so.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ContentHash, ModelId, TenantId};
use millrace_ports::{Embedding, EmbeddingCache, PortError};

use crate::parting::Parting;

/// The layer.
#[derive(Debug)]
pub(crate) struct PartedCache {
    inner: Arc<dyn EmbeddingCache>,
    parting: Parting,
}

impl PartedCache {
    pub(crate) fn new(inner: Arc<dyn EmbeddingCache>, parting: Parting) -> Self {
        Self { inner, parting }
    }
}

#[async_trait]
impl EmbeddingCache for PartedCache {
    async fn get(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        hashes: &[ContentHash],
    ) -> Result<Vec<Option<Embedding>>, PortError> {
        self.inner.get(tenant, model, hashes).await
    }

    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError> {
        match self.parting.of("embedding_cache.put", vectors.len()) {
            None => self.inner.put(tenant, model, vectors).await,
            Some((done, error)) => {
                self.inner.put(tenant, model, &vectors[..done]).await?;
                Err(error)
            }
        }
    }

    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        self.inner.count(tenant, hashes).await
    }

    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        match self.parting.of("embedding_cache.remove", hashes.len()) {
            None => self.inner.remove(tenant, hashes).await,
            Some((done, error)) => {
                self.inner.remove(tenant, &hashes[..done]).await?;
                Err(error)
            }
        }
    }
}
