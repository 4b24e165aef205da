//! Whose an API key is. Keys are looked up by the hash of the secret, so the time a lookup takes says nothing about the
//! secret. How a client presents its secret is here too, since every door takes the same headers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_domain::{ContentHash, TenantId};
use millrace_ports::{ApiKeyStore, PortError};

use crate::commands::hash_secret;

/// Longest secret that is looked at.
const SECRET_BYTES_MAX: usize = 256;
/// Most remembered keys; beyond it all are forgotten and read again.
const REMEMBERED_KEYS_MAX: usize = 1_024;

/// What is wrong with the headers of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSecret {
    /// They carry none.
    Missing,
    /// What they carry cannot be one.
    Malformed,
}

/// The secret in a request's `Authorization: Bearer <secret>`, or else its `X-Api-Key: <secret>`.
///
/// # Errors
/// If there is none. Another scheme than `Bearer` counts as none.
pub fn presented_secret<'a>(
    authorization: Option<&'a [u8]>,
    api_key: Option<&'a [u8]>,
) -> Result<&'a str, NoSecret> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| NoSecret::Malformed);
    let secret = match (authorization, api_key) {
        (Some(authorization), _) => {
            let (scheme, secret) = text(authorization)?.split_once(' ').ok_or(NoSecret::Malformed)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(NoSecret::Missing);
            }
            secret.trim()
        }
        (None, Some(key)) => text(key)?.trim(),
        (None, None) => return Err(NoSecret::Missing),
    };
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX { Err(NoSecret::Malformed) } else { Ok(secret) }
}

/// The use case.
///
/// Keys once found are remembered for as long as the process lives: the key store knows no revocation. Unknown keys are
/// not remembered, so that guessing fills no memory.
pub struct AuthenticateApiKey {
    keys: Arc<dyn ApiKeyStore>,
    known: Mutex<HashMap<ContentHash, TenantId>>,
}

impl fmt::Debug for AuthenticateApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateApiKey").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl AuthenticateApiKey {
    /// Authenticating against a store.
    pub fn new(keys: Arc<dyn ApiKeyStore>) -> Self {
        Self { keys, known: Mutex::default() }
    }

    /// The tenant of a key; `None` if it is not known.
    pub async fn run(&self, secret: &str) -> Result<Option<TenantId>, PortError> {
        let hash = hash_secret(secret);
        if let Some(tenant) = self.recall(&hash) {
            return Ok(Some(tenant));
        }
        let Some(key) = self.keys.find(&hash).await? else { return Ok(None) };
        self.remember(hash, key.tenant_id.clone());
        Ok(Some(key.tenant_id))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(authorization: Option<&str>, api_key: Option<&str>) -> Result<String, NoSecret> {
        presented_secret(authorization.map(str::as_bytes), api_key.map(str::as_bytes)).map(str::to_owned)
    }

    #[test]
    fn both_headers_are_taken_and_the_standard_one_comes_first() {
        assert_eq!(presented(Some("Bearer s3cret"), None).unwrap(), "s3cret");
        assert_eq!(presented(Some("bearer  s3cret "), Some("other")).unwrap(), "s3cret");
        assert_eq!(presented(None, Some(" s3cret ")).unwrap(), "s3cret");
    }

    #[test]
    fn what_is_no_secret_is_told_apart_from_none() {
        assert_eq!(presented(None, None), Err(NoSecret::Missing));
        assert_eq!(presented(Some("Basic dTpw"), Some("x")), Err(NoSecret::Missing));
        for malformed in ["Bearer", "Bearer  ", &format!("Bearer {}", "x".repeat(257))] {
            assert_eq!(presented(Some(malformed), None), Err(NoSecret::Malformed), "{malformed}");
        }
        assert_eq!(presented_secret(Some(b"Bearer \xff"), None), Err(NoSecret::Malformed));
    }
}
