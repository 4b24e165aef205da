//! Every request belongs to one tenant: for a server that listens on loopback only and asks for no keys. Whether it does
//! so is the business of whoever binds the socket.

use async_trait::async_trait;
use http::request::Parts;
use millrace_domain::TenantId;

use super::same_machine::require_same_machine;
use super::{AuthenticationError, Authenticator};

/// Trusts everybody who can connect, except browsers that act for another site.
#[derive(Debug, Clone)]
pub struct AlwaysTenant {
    tenant_id: TenantId,
}

impl AlwaysTenant {
    /// Every request is this tenant's.
    pub fn new(tenant_id: TenantId) -> Self {
        Self { tenant_id }
    }
}

#[async_trait]
impl Authenticator for AlwaysTenant {
    async fn authenticate(&self, head: &Parts) -> Result<TenantId, AuthenticationError> {
        require_same_machine(head)?;
        Ok(self.tenant_id.clone())
    }

    fn serves_one_tenant(&self) -> bool {
        true
    }
}
