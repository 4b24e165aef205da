//! `GET /asyncapi.json`: the events and jobs, described.

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Method;
use http::header::CONTENT_TYPE;

use super::openapi::any_object;
use crate::asyncapi::asyncapi_json;
use crate::operation::{Access, Answer, Operation, Pace, SchemaOf};

pub(super) fn operation() -> Operation {
    let content = Some(("application/json", any_object as SchemaOf));
    Operation {
        method: Method::GET,
        path: "/asyncapi.json",
        id: "asyncapi",
        summary: "The events and jobs, described.",
        access: Access::Open,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: None,
        answers: vec![Answer { status: 200, about: "The AsyncAPI document.", content, headers: &[] }],
        problems: &[],
        handler: get(handle),
    }
}

async fn handle() -> Response {
    ([(CONTENT_TYPE, "application/json")], asyncapi_json()).into_response()
}
