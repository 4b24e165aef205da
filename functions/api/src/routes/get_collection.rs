//! `GET /v1/collections/{collection}`: its model, and the steps of its move to another.

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::CollectionPath;
use crate::problem::{Problem, ProblemCode};
use crate::responses::CollectionResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/collections/{collection}",
        id: "getCollection",
        summary: "One collection: its model, and the steps of its re-embedding.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::collection()],
        request: None,
        answers: vec![Answer::json::<CollectionResponse>(200, "The collection.")],
        problems: &[ProblemCode::CollectionNotFound],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    CollectionPath(name): CollectionPath,
) -> Result<Response, Problem> {
    let found = api.list_collections.get(&caller.tenant_id, &name).await?;
    let state = found.ok_or_else(|| Problem::collection_not_found(name.as_str()))?;
    Ok(CollectionResponse::answer(StatusCode::OK, state))
}
