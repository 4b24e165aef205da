//! Who asks, and in which context. A route that touches documents takes a `Caller`, and a `Caller` exists only of an
//! authenticated request: that is how no route can forget to ask.

use axum::extract::FromRequestParts;
use http::request::Parts;
use millrace_application::DeadLetterScope;
use millrace_domain::{DocumentId, DocumentKey, TenantId, Trace};

use crate::context::{ApiContext, ApiState};
use crate::correlation::Correlation;
use crate::problem::Problem;

/// An authenticated request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Whose it is.
    pub(crate) tenant_id: TenantId,
    /// What its effects are linked by.
    pub(crate) trace: Trace,
}

impl Caller {
    /// The full name of one of the caller's documents.
    pub(crate) fn key(&self, document_id: DocumentId) -> DocumentKey {
        DocumentKey { tenant_id: self.tenant_id.clone(), document_id }
    }

    /// Which dead letters the caller may see and redrive.
    pub(crate) fn dead_letter_scope(&self, api: &ApiContext) -> DeadLetterScope {
        match api.authenticator.serves_one_tenant() {
            true => DeadLetterScope::Everything,
            false => DeadLetterScope::Tenant(self.tenant_id.clone()),
        }
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let tenant_id = api.authenticator.authenticate(head).await?;
        tracing::Span::current().record("tenant", tenant_id.as_str());
        let correlation = head.extensions.get::<Correlation>().cloned();
        let correlation = correlation.unwrap_or_else(|| Correlation::of(&head.headers, &*api.ids));
        Ok(Self { tenant_id, trace: correlation.to_trace() })
    }
}
