//! The port for vectors already paid for: a retry, a copy or a new generation embeds only what changed.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{ContentHash, ModelId, TenantId};

use crate::{Embedding, PortError};

/// Vectors by tenant, model and hash of the normalised chunk text. A cache: entries may vanish at any time.
///
/// An implementer promises: answers in the order asked; a vector comes back as it was put, within int8 precision;
/// tenants do not share entries, so that no one can tell what another has uploaded.
#[async_trait]
pub trait EmbeddingCache: Send + Sync + fmt::Debug {
    /// Looks vectors up.
    async fn get(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        hashes: &[ContentHash],
    ) -> Result<Vec<Option<Embedding>>, PortError>;

    /// Keeps vectors.
    async fn put(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        vectors: &[(ContentHash, Embedding)],
    ) -> Result<(), PortError>;

    /// Counts the vectors of these texts under every model; a text that is named twice counts once.
    async fn count(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError>;

    /// Removes the vectors of these texts under every model, and says how many there were.
    async fn remove(&self, tenant: &TenantId, hashes: &[ContentHash]) -> Result<u64, PortError>;
}
