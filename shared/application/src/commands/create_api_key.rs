//! Makes an API key. The secret is shown once; only its hash is stored.

use std::sync::Arc;

use millrace_domain::{ContentHash, TenantId};
use millrace_ports::{ApiKey, ApiKeyStore, Clock, PortError};
use sha2::{Digest, Sha256};

/// The use case.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    keys: Arc<dyn ApiKeyStore>,
    clock: Arc<dyn Clock>,
}

/// A key that was just made.
pub struct NewApiKey {
    /// To be shown once.
    pub secret: String,
    /// What is stored.
    pub key: ApiKey,
}

impl std::fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The hash under which a secret is stored and looked up. Secrets are 256 random bits, so a plain SHA-256 is enough.
pub fn hash_secret(secret: &str) -> ContentHash {
    ContentHash::from_digest(Sha256::digest(secret).into())
}

impl CreateApiKey {
    /// Making keys in a store.
    pub fn new(keys: Arc<dyn ApiKeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock }
    }

    /// Makes a key for a tenant from 32 bytes of the operating system's randomness.
    pub async fn run(
        &self,
        tenant_id: TenantId,
        label: String,
        random: [u8; 32],
    ) -> Result<NewApiKey, PortError> {
        let secret = format!("mr_{}", hex::encode(random));
        let key =
            ApiKey { secret_sha256: hash_secret(&secret), tenant_id, label, created_at: self.clock.now() };
        self.keys.create(key.clone()).await?;
        Ok(NewApiKey { secret, key })
    }
}
