//! `GET /v1/stats`: counts of the tenant's documents by collection and state.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace};
use crate::problem::Problem;
use crate::responses::StatsResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/stats",
        id: "stats",
        summary: "Counts by collection and state; a moment behind what is accepted.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: None,
        answers: vec![Answer::json::<StatsResponse>(200, "The counts.")],
        problems: &[],
        handler: get(handle),
    }
}

async fn handle(State(api): State<ApiState>, caller: Caller) -> Result<Json<StatsResponse>, Problem> {
    Ok(Json(api.collect_stats.run(&caller.tenant_id).await?.into()))
}
