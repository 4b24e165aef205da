//! The ports for settings: collections and API keys.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{Collection, CollectionName, ContentHash, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::PortError;

/// Most collections on one page.
pub const COLLECTIONS_PAGE_MAX: usize = 200;

/// Some collections of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionPage {
    /// By name, ascending.
    pub collections: Vec<Collection>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<CollectionName>,
}

/// Collections by tenant and name.
///
/// An implementer promises: of two creations at once one wins and both callers get the winner; of two replacements of the
/// same revision one wins and the other gets `Conflict`; every read sees each change that was acknowledged before it began,
/// those of all collections under re-embedding too; all of it survives a crash. After `Unavailable` a change may or may not
/// have happened: read again to learn.
#[async_trait]
pub trait CollectionStore: Send + Sync + fmt::Debug {
    /// The collection, if it was ever used.
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError>;

    /// Creates it unless it exists; gives what is stored afterwards.
    async fn create_if_absent(&self, collection: Collection) -> Result<Collection, PortError>;

    /// Stores a changed collection, if the stored one still has the revision that the changed one bears. Gives what is
    /// stored: the same with the next revision. `Conflict` if somebody else changed it, `NotFound` if there is none.
    async fn replace(&self, changed: Collection) -> Result<Collection, PortError>;

    /// One page of a tenant's collections, at most `limit` up to `COLLECTIONS_PAGE_MAX`, those after a name.
    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionPage, PortError>;

    /// Collections of all tenants that bear a re-embedding, at most `limit`. Cheap where there are none, for it is asked
    /// again and again.
    async fn under_reembedding(&self, limit: usize) -> Result<Vec<(TenantId, CollectionName)>, PortError>;
}

/// A key that a client authenticates with. The secret itself is shown once and never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// SHA-256 of the secret.
    pub secret_sha256: ContentHash,
    /// Whose requests it makes.
    pub tenant_id: TenantId,
    /// What a person called it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// API keys by the hash of their secret.
#[async_trait]
pub trait ApiKeyStore: Send + Sync + fmt::Debug {
    /// The key with this hash.
    async fn find(&self, secret_sha256: &ContentHash) -> Result<Option<ApiKey>, PortError>;

    /// Stores a new key.
    async fn create(&self, key: ApiKey) -> Result<(), PortError>;
}
