//! Authenticates by API key. Keys are looked up by the hash of the secret, so the time a lookup takes says nothing about the
//! secret. Making and listing keys is done elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use millrace_application::hash_secret;
use millrace_domain::{ContentHash, TenantId};
use millrace_ports::ApiKeyStore;

use super::{AuthenticationError, Authenticator};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Longest secret that is looked at.
const SECRET_BYTES_MAX: usize = 256;
/// Most remembered keys; beyond it all are forgotten and read again.
const REMEMBERED_KEYS_MAX: usize = 1_024;

/// Authenticates by `Authorization: Bearer <key>` or `X-Api-Key: <key>`.
///
/// Keys once found are remembered for as long as the process lives: the key store knows no revocation. Unknown keys are
/// not remembered, so that guessing fills no memory.
pub struct ApiKeyAuthenticator {
    keys: Arc<dyn ApiKeyStore>,
    known: Mutex<HashMap<ContentHash, TenantId>>,
}

impl fmt::Debug for ApiKeyAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyAuthenticator").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl ApiKeyAuthenticator {
    /// Authenticates against a store.
    pub fn new(keys: Arc<dyn ApiKeyStore>) -> Self {
        Self { keys, known: Mutex::default() }
    }

    fn recall(&self, hash: &ContentHash) -> Option<TenantId> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: ContentHash, tenant: TenantId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_KEYS_MAX {
            known.clear();
        }
        known.insert(hash, tenant);
    }
}

#[async_trait]
impl Authenticator for ApiKeyAuthenticator {
    async fn authenticate(&self, head: &Parts) -> Result<TenantId, AuthenticationError> {
        let hash = hash_secret(secret(head)?);
        if let Some(tenant) = self.recall(&hash) {
            return Ok(tenant);
        }
        let key = self.keys.find(&hash).await?.ok_or(AuthenticationError::Unknown)?;
        self.remember(hash, key.tenant_id.clone());
        Ok(key.tenant_id)
    }
}

fn secret(head: &Parts) -> Result<&str, AuthenticationError> {
    let secret = match (head.headers.get(AUTHORIZATION), head.headers.get(X_API_KEY)) {
        (Some(authorization), _) => {
            let text = authorization.to_str().map_err(|_| AuthenticationError::Unknown)?;
            let (scheme, secret) = text.split_once(' ').ok_or(AuthenticationError::Unknown)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(AuthenticationError::Missing);
            }
            secret.trim()
        }
        (None, Some(key)) => key.to_str().map_err(|_| AuthenticationError::Unknown)?.trim(),
        (None, None) => return Err(AuthenticationError::Missing),
    };
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return Err(AuthenticationError::Unknown);
    }
    Ok(secret)
}
