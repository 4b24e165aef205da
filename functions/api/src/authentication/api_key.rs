//! Authenticates by API key, where no gateway has done so before. Making and listing keys is done elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use millrace_application::{AuthenticateApiKey, NoSecret, presented_secret};
use millrace_domain::TenantId;
use millrace_ports::ApiKeyStore;

use super::{AuthenticationError, Authenticator};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Authenticates by `Authorization: Bearer <key>` or `X-Api-Key: <key>`.
#[derive(Debug)]
pub struct ApiKeyAuthenticator {
    keys: AuthenticateApiKey,
}

impl ApiKeyAuthenticator {
    /// Authenticates against a store.
    pub fn new(keys: Arc<dyn ApiKeyStore>) -> Self {
        Self { keys: AuthenticateApiKey::new(keys) }
    }
}

#[async_trait]
impl Authenticator for ApiKeyAuthenticator {
    async fn authenticate(&self, head: &Parts) -> Result<TenantId, AuthenticationError> {
        let header = |name| head.headers.get(name).map(http::HeaderValue::as_bytes);
        let secret =
            presented_secret(header(AUTHORIZATION), header(X_API_KEY)).map_err(|error| match error {
                NoSecret::Missing => AuthenticationError::Missing,
                NoSecret::Malformed => AuthenticationError::Unknown,
            })?;
        self.keys.run(secret).await?.ok_or(AuthenticationError::Unknown)
    }
}
