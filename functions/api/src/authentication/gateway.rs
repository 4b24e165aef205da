//! Authenticates by what API Gateway's authorizer found out before it invoked the function: a Lambda authorizer's context, or
//! the claims of a JWT that the gateway has verified. Verifying anything again is not done here, so this must never run
//! behind anything but the gateway.

use async_trait::async_trait;
use http::request::Parts;
use lambda_http::request::RequestContext;
use millrace_domain::TenantId;

use super::{AuthenticationError, Authenticator};

/// Reads the tenant from the gateway's request context.
#[derive(Debug, Clone)]
pub struct GatewayAuthenticator {
    claim: String,
}

impl Default for GatewayAuthenticator {
    /// The tenant stands under `tenant_id`.
    fn default() -> Self {
        Self::new("tenant_id")
    }
}

impl GatewayAuthenticator {
    /// The tenant stands under this name in the authorizer's context or the token's claims.
    pub fn new(claim: impl Into<String>) -> Self {
        Self { claim: claim.into() }
    }
}

#[async_trait]
impl Authenticator for GatewayAuthenticator {
    async fn authenticate(&self, head: &Parts) -> Result<TenantId, AuthenticationError> {
        let context = head.extensions.get::<RequestContext>();
        let authorizer = context.and_then(RequestContext::authorizer).ok_or(AuthenticationError::Missing)?;
        let claims = authorizer.jwt.as_ref().map(|jwt| &jwt.claims);
        let from_context = authorizer.fields.get(&self.claim).and_then(|value| value.as_str());
        let from_claims = || claims.and_then(|claims| claims.get(&self.claim)).map(String::as_str);
        let tenant = from_context.or_else(from_claims).ok_or(AuthenticationError::Missing)?;
        TenantId::new(tenant).map_err(|error| {
            tracing::warn!(%error, "the gateway's authorizer names an invalid tenant");
            AuthenticationError::Unknown
        })
    }
}
