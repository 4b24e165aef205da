//! The authorizer function: tells API Gateway whose request it is, before the api function sees it.

mod handler;

pub use handler::{Answer, Tenant, handle};
