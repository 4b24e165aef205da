//! The HTTP API: one axum `Router` over the use cases, served by hyper on one machine and by Lambda behind API Gateway.
//! Deliberately absent: business rules (domain), storage (adapters), listening on a port and reading configuration
//! (whoever composes), and everything that takes long (the workers).

mod asyncapi;
mod authentication;
mod body;
mod caller;
mod conditional;
mod content_disposition;
mod context;
mod correlation;
mod filename;
mod handler;
mod media_type;
mod metadata;
mod observation;
mod openapi;
mod operation;
mod paging;
mod parameters;
mod problem;
mod public_address;
mod range;
mod responses;
mod router;
mod routes;

pub use asyncapi::asyncapi_json;
pub use authentication::{
    AlwaysTenant, ApiKeyAuthenticator, AuthenticationError, Authenticator, GatewayAuthenticator,
};
pub use context::{ApiContext, ApiPorts, ApiSettings};
pub use handler::{GatewayResponse, GatewayService};
pub use openapi::openapi_json;
pub use router::router;
