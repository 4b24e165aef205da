//! Whose request it is: one trait, one file for each way of telling.

mod always_tenant;
mod api_key;
mod authenticator;
mod gateway;
mod same_machine;

pub use always_tenant::AlwaysTenant;
pub use api_key::ApiKeyAuthenticator;
pub use authenticator::{AuthenticationError, Authenticator};
pub use gateway::GatewayAuthenticator;
