//! `GET /v1/operations/dead-letters`: messages that were given up. A tenant sees those about its own documents; where there is
//! only one, whoever is let in runs the installation and sees all, those too that cannot be read.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use millrace_application::DeadLetterFilter;
use millrace_domain::{DocumentId, QueueName};
use serde::Deserialize;
use serde_json::json;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::paging;
use crate::parameters::QueryOf;
use crate::problem::{Problem, ProblemCode};
use crate::responses::DeadLettersResponse;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    queue: Option<QueueName>,
    error_code: Option<String>,
    reason: Option<String>,
    document_id: Option<DocumentId>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn operation() -> Operation {
    let queues = QueueName::ALL.map(QueueName::as_str);
    Operation {
        method: Method::GET,
        path: "/v1/operations/dead-letters",
        id: "listDeadLetters",
        summary: "Messages that were given up, grouped by why, and one by one from the oldest.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::query("queue", "Only of this queue.", json!({ "type": "string", "enum": queues })),
            Parameter::query("error_code", "Only with this code.", json!({ "type": "string" })),
            Parameter::query("reason", "Only with this in their reason.", json!({ "type": "string" })),
            Parameter::query(
                "document_id",
                "Only about this document.",
                json!({ "type": "string", "format": "uuid" }),
            ),
            Parameter::limit(LIMIT_MAX),
            Parameter::cursor(),
        ],
        request: None,
        answers: vec![Answer::json::<DeadLettersResponse>(200, "The groups, and one page.")],
        problems: &[ProblemCode::InvalidQuery, ProblemCode::InvalidCursor],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    QueryOf(parameters): QueryOf<ListParameters>,
) -> Result<Json<DeadLettersResponse>, Problem> {
    let filter = DeadLetterFilter {
        queue: parameters.queue,
        error_code: parameters.error_code,
        reason: parameters.reason,
        document_id: parameters.document_id,
        ..DeadLetterFilter::default()
    };
    let after = parameters.cursor.as_deref().map(paging::letter_of).transpose()?;
    let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT);
    let scope = caller.dead_letter_scope(&api);
    Ok(Json(api.list_dead_letters.run(&scope, &filter, after.as_ref(), limit).await?.into()))
}
