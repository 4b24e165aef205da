//! `GET /v1/collections`: the tenant's collections, their models, and their moves to another.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use millrace_ports::COLLECTIONS_PAGE_MAX;
use serde::Deserialize;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::paging;
use crate::parameters::QueryOf;
use crate::problem::{Problem, ProblemCode};
use crate::responses::CollectionsResponse;

const LIMIT_DEFAULT: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/collections",
        id: "listCollections",
        summary: "The collections by name, with their models.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::limit(COLLECTIONS_PAGE_MAX), Parameter::cursor()],
        request: None,
        answers: vec![Answer::json::<CollectionsResponse>(200, "One page.")],
        problems: &[ProblemCode::InvalidQuery, ProblemCode::InvalidCursor],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    QueryOf(parameters): QueryOf<ListParameters>,
) -> Result<Json<CollectionsResponse>, Problem> {
    let after = parameters.cursor.as_deref().map(paging::collection_of).transpose()?;
    let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, COLLECTIONS_PAGE_MAX);
    Ok(Json(api.list_collections.run(&caller.tenant_id, after.as_ref(), limit).await?.into()))
}
