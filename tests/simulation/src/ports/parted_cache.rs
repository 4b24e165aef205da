//! An embedding cache that keeps some of the vectors it is given and then fails, when the weather says so. It gives each
//! tenant the vectors that it put there, of the model that it asks for, until they are removed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_domain::{ContentHash, ModelId, TenantId};
use millrace_ports::{Embedding, EmbeddingCache, PortError};

use crate::parting::Parting;
use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct PartedCache {
    inner: Arc<dyn EmbeddingCache>,
    parting: Parting,
    witness: Arc<Witness>,
    /// What was put here and not removed since.
    kept: Mutex<BTreeSet<(TenantId, ModelId, ContentHash)>>,
}

impl PartedCache {
    pub(crate) fn new(inner: Arc<dyn EmbeddingCache>, parting: Parting, witness: Arc<Witness>) -> Self {
        Self { inner, parting, witness, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeSet<(TenantId, ModelId, ContentHash)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn remove_some(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        let removed = self.inner.remove(tenant, hashes).await?;
        self.kept().retain(|(of, _, hash)| of != tenant || !hashes.contains(hash));
        Ok(removed)
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
        let found = self.inner.get(tenant, model, hashes).await?;
        for (hash, _) in hashes.iter().zip(&found).filter(|(_, vector)| vector.is_some()) {
            if !self.kept().contains(&(tenant.clone(), model.clone(), hash.clone())) {
                let found = format!("{tenant} {model} {hash:?}");
                self.witness.accuse("G7", "a tenant gets the vectors that it put into the cache", found);
            }
        }
        Ok(found)
    }

    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError> {
        let parted = self.parting.of("embedding_cache.put", vectors.len());
        let done = parted.as_ref().map_or(vectors.len(), |(done, _)| *done);
        self.inner.put(tenant, model, &vectors[..done]).await?;
        let put = vectors[..done].iter().map(|(hash, _)| (tenant.clone(), model.clone(), hash.clone()));
        self.kept().extend(put);
        parted.map_or(Ok(()), |(_, error)| Err(error))
    }

    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        self.inner.count(tenant, hashes).await
    }

    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError> {
        match self.parting.of("embedding_cache.remove", hashes.len()) {
            None => self.remove_some(tenant, hashes).await,
            Some((done, error)) => {
                self.remove_some(tenant, &hashes[..done]).await?;
                Err(error)
            }
        }
    }
}
