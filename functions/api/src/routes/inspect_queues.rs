//! `GET /v1/operations/queues`: how many messages each queue has, and how old they are. The figures are of the whole
//! installation, since the queues are everybody's; every key may see them, as they name no tenant and no document.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace};
use crate::problem::Problem;
use crate::responses::QueuesResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/operations/queues",
        id: "inspectQueues",
        summary: "How many messages each queue has and how old they are, all tenants together.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: None,
        answers: vec![Answer::json::<QueuesResponse>(200, "The figures, approximate on AWS.")],
        problems: &[],
        handler: get(handle),
    }
}

async fn handle(State(api): State<ApiState>, _: Caller) -> Result<Json<QueuesResponse>, Problem> {
    Ok(Json(api.inspect_queues.run().await?.into()))
}
