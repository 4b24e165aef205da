//! `DELETE /v1/collections/{collection}/re-embedding`: stops the move to another model, as long as searches do not use it.
//! Repeating it changes nothing.

use axum::extract::State;
use axum::response::Response;
use axum::routing::delete;
use http::{Method, StatusCode};

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::CollectionPath;
use crate::problem::{Problem, ProblemCode};
use crate::responses::CollectionResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::DELETE,
        path: "/v1/collections/{collection}/re-embedding",
        id: "abortReembedding",
        summary: "Stop a re-embedding before its switch; what was built is removed.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::collection()],
        request: None,
        answers: vec![Answer::json::<CollectionResponse>(202, "Stopped; what was built is being removed.")],
        problems: &[ProblemCode::CollectionNotFound, ProblemCode::NotPossible, ProblemCode::ConcurrentChange],
        handler: delete(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    CollectionPath(name): CollectionPath,
) -> Result<Response, Problem> {
    let state = api.abort_reembedding.run(&caller.tenant_id, &name).await?;
    Ok(CollectionResponse::answer(StatusCode::ACCEPTED, state))
}
