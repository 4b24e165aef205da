//! `GET /v1/documents`: the tenant's documents, newest first, page by page.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use millrace_domain::{CollectionName, Status};
use millrace_ports::{ListQuery, PAGE_LIMIT_MAX};
use serde::Deserialize;
use serde_json::json;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::paging;
use crate::parameters::QueryOf;
use crate::problem::{Problem, ProblemCode};
use crate::responses::DocumentsResponse;

const LIMIT_DEFAULT: usize = 50;
/// Longest label to filter by.
const LABEL_BYTES_MAX: usize = 255;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    collection: Option<CollectionName>,
    status: Option<Status>,
    label: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn operation() -> Operation {
    let states: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    Operation {
        method: Method::GET,
        path: "/v1/documents",
        id: "listDocuments",
        summary: "List documents, newest first; a moment behind what is accepted.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::query("collection", "Only of this collection.", json!({ "type": "string" })),
            Parameter::query(
                "status",
                "Only in this state; without it, deleted documents are left out.",
                json!({ "type": "string", "enum": states }),
            ),
            Parameter::query("label", "Only with this label.", json!({ "type": "string" })),
            Parameter::limit(PAGE_LIMIT_MAX),
            Parameter::cursor(),
        ],
        request: None,
        answers: vec![Answer::json::<DocumentsResponse>(200, "One page.")],
        problems: &[ProblemCode::InvalidQuery, ProblemCode::InvalidCursor],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    QueryOf(parameters): QueryOf<ListParameters>,
) -> Result<Json<DocumentsResponse>, Problem> {
    if parameters.label.as_ref().is_some_and(|label| label.len() > LABEL_BYTES_MAX) {
        let detail = format!("label is longer than {LABEL_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemCode::InvalidQuery, detail));
    }
    let query = ListQuery {
        tenant_id: caller.tenant_id,
        collection: parameters.collection,
        status: parameters.status,
        label: parameters.label,
        after: parameters.cursor.as_deref().map(paging::document_of).transpose()?,
        limit: parameters.limit.unwrap_or(LIMIT_DEFAULT),
    };
    Ok(Json(api.list_documents.run(query).await?.into()))
}
