//! The ports for settings: collections and API keys.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{CollectionName, ContentHash, ModelId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::PortError;

/// A collection and the model all its vectors come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: CollectionName,
    /// The model.
    pub model: ModelId,
    /// Length of its vectors.
    pub dimensions: u16,
    /// When it was first used.
    pub created_at: Timestamp,
}

/// Collections by tenant and name.
///
/// An implementer promises: of two creations at once one wins and both callers get the winner.
#[async_trait]
pub trait CollectionStore: Send + Sync + fmt::Debug {
    /// The collection, if it was ever used.
    async fn get(&self, tenant: &TenantId, name: &CollectionName) -> Result<Option<Collection>, PortError>;

    /// Creates it unless it exists; gives what is stored afterwards.
    async fn create_if_absent(&self, collection: Collection) -> Result<Collection, PortError>;
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
