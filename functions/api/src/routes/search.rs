//! `POST /v1/search`: passages by words and by meaning.

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use http::Method;
use millrace_application::SearchRequest;
use millrace_domain::{CollectionName, DocumentId};
use millrace_ports::SearchFilter;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::context::ApiState;
use crate::metadata;
use crate::operation::{Access, Answer, Operation, Pace, RequestBody};
use crate::parameters::{JsonOf, object};
use crate::problem::{Problem, ProblemCode};
use crate::responses::SearchResponse;

const LIMIT_DEFAULT: usize = 10;
/// Most documents a search may be narrowed to by name.
const FILTER_DOCUMENTS_MAX: usize = 1_000;

/// What is searched for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// In words; 1 to 8,192 bytes.
    query: String,
    /// Where; `default` if nothing is said.
    #[serde(default)]
    collection: CollectionName,
    /// Most hits, 1 to 100.
    #[serde(default = "limit_default")]
    limit: usize,
    /// Most hits of one document; unbounded if nothing is said.
    #[serde(default)]
    hits_per_document_max: Option<usize>,
    /// What hits must belong to.
    #[serde(default, deserialize_with = "object")]
    filter: Filter,
}

/// What hits must belong to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SearchFilter")]
struct Filter {
    /// Only these documents, if any are named.
    #[serde(default)]
    documents: Vec<DocumentId>,
    /// Only documents whose metadata has all these pairs.
    #[serde(default)]
    metadata: Map<String, Value>,
}

fn limit_default() -> usize {
    LIMIT_DEFAULT
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::POST,
        path: "/v1/search",
        id: "search",
        summary: "Find passages by words and by meaning.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: Vec::new(),
        request: Some(RequestBody {
            contents: vec![("application/json", SchemaGenerator::subschema_for::<Search>)],
        }),
        answers: vec![Answer::json::<SearchResponse>(200, "What was found, best first.")],
        problems: &[
            ProblemCode::MalformedJson,
            ProblemCode::IncompleteBody,
            ProblemCode::ContentTooLarge,
            ProblemCode::UnsupportedContentType,
            ProblemCode::InvalidMember,
            ProblemCode::ModelMismatch,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    JsonOf(search): JsonOf<Search>,
) -> Result<Json<SearchResponse>, Problem> {
    metadata::check("filter.metadata", &search.filter.metadata)?;
    if search.filter.documents.len() > FILTER_DOCUMENTS_MAX {
        let detail = format!("filter.documents names more than {FILTER_DOCUMENTS_MAX} documents");
        return Err(Problem::new(ProblemCode::InvalidMember, detail));
    }
    let request = SearchRequest {
        tenant_id: caller.tenant_id,
        collection: search.collection,
        query: search.query,
        limit: search.limit,
        hits_per_document_max: search.hits_per_document_max,
        filter: SearchFilter { documents: search.filter.documents, metadata: search.filter.metadata },
    };
    Ok(Json(api.search_documents.run(request).await?.into()))
}
