//! The trait that tells whose request it is, and what a failure to tell means to the client. What a tenant may then do is
//! no question here: everything, to its own documents and the messages about them, and to
//! see how long the queues are.

use std::fmt;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use millrace_domain::TenantId;
use millrace_ports::PortError;

use crate::problem::{Problem, ProblemCode};

/// Why nobody could be authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The request carries no credentials.
    #[error("request carries no credentials")]
    Missing,
    /// The credentials are malformed or not known.
    #[error("credentials are not known")]
    Unknown,
    /// A browser sent it on behalf of another site; the text says how that shows.
    #[error("request comes from another site: {0}")]
    ForeignOrigin(&'static str),
    /// The keys could not be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Tells whose request it is, from its head alone.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// The tenant that the request belongs to.
    async fn authenticate(&self, head: &Parts) -> Result<TenantId, AuthenticationError>;

    /// Whether there is only one tenant, so that whoever is let in runs the installation too and may see what belongs
    /// to nobody.
    fn serves_one_tenant(&self) -> bool {
        false
    }
}

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Missing => Self::new(
                ProblemCode::Unauthenticated,
                "give an API key: Authorization: Bearer <key>, or X-Api-Key: <key>",
            )
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"millrace\"")),
            AuthenticationError::Unknown => {
                Self::new(ProblemCode::Unauthenticated, "the API key is not known").with_header(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"millrace\", error=\"invalid_token\""),
                )
            }
            AuthenticationError::ForeignOrigin(sign) => Self::new(
                ProblemCode::ForeignOrigin,
                format!(
                    "without API keys this server answers programs and pages of this machine only, but {sign}"
                ),
            ),
            AuthenticationError::Port(error) => error.into(),
        }
    }
}
