//! `GET /openapi.json`: this API, described.

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Method;
use http::header::CONTENT_TYPE;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::openapi::openapi_json;
use crate::operation::{Access, Answer, Operation, Pace, SchemaOf};

pub(super) fn operation() -> Operation {
    let content = Some(("application/json", any_object as SchemaOf));
    Operation {
        method: Method::GET,
        path: "/openapi.json",
        id: "openapi",
        summary: "This document.",
        access: Access::Open,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: None,
        answers: vec![Answer { status: 200, about: "The OpenAPI document.", content, headers: &[] }],
        problems: &[],
        handler: get(handle),
    }
}

async fn handle() -> Response {
    ([(CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

/// A document whose own specification describes it.
pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}
