//! `GET /healthz`: that the process answers. It asks no adapter, so that a slow database does not get a server killed.

use axum::Json;
use axum::routing::get;
use http::Method;
use schemars::JsonSchema;
use serde::Serialize;

use crate::operation::{Access, Answer, Operation, Pace};

#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    /// Of the server.
    version: &'static str,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/healthz",
        id: "healthz",
        summary: "Whether the server answers.",
        access: Access::Open,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: None,
        answers: vec![Answer::json::<Health>(200, "It does.")],
        problems: &[],
        handler: get(handle),
    }
}

async fn handle() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
