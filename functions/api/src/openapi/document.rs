//! Writes operations, schemas and problems as OpenAPI 3.1. It knows the shape of such a document and nothing of any route.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::correlation::X_CORRELATION_ID;
use crate::operation::{Access, Answer, Operation, Parameter, Place, RequestBody};
use crate::problem::{ProblemBody, ProblemCode};
use crate::routes;

/// What every operation may answer.
const PROBLEMS_OF_ALL: &[ProblemCode] = &[ProblemCode::Internal, ProblemCode::TimedOut];
/// What every operation of a tenant may answer beside that.
const PROBLEMS_OF_TENANTS: &[ProblemCode] = &[
    ProblemCode::Unauthenticated,
    ProblemCode::ForeignOrigin,
    ProblemCode::Throttled,
    ProblemCode::Unavailable,
];

/// The document as JSON text, ending in a line feed.
pub(super) fn generate() -> String {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<ProblemBody<'static>>();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in routes::operations() {
        let method = operation.method.as_str().to_ascii_lowercase();
        let described = describe(&operation, &mut schemas, problem.as_value());
        paths.entry(operation.path).or_default().insert(method, described);
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Millrace",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Takes a document, answers in milliseconds, and makes it searchable a moment later.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "bearer": [] }, { "api_key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "api_key": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            },
            "schemas": schemas.take_definitions(true),
        },
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a JSON value has string keys");
    text.push('\n');
    text
}

fn describe(operation: &Operation, schemas: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses(operation, schemas, problem),
    });
    if let Some(request) = &operation.request {
        described["requestBody"] = request_body(request, schemas);
    }
    if operation.access == Access::Open {
        described["security"] = json!([]);
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let correlation = Parameter::header(
        "X-Correlation-Id",
        "A UUID that links the request to its effects; made if absent.",
    );
    let describe = |parameter: &Parameter| {
        let place = match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": parameter.name,
            "in": place,
            "description": parameter.about,
            "required": parameter.place == Place::Path,
            "schema": parameter.schema,
        })
    };
    operation.parameters.iter().chain([&correlation]).map(describe).collect()
}

fn request_body(request: &RequestBody, schemas: &mut SchemaGenerator) -> Value {
    let content: Map<String, Value> = request
        .contents
        .iter()
        .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema(schemas) })))
        .collect();
    json!({ "required": true, "content": content })
}

fn responses(operation: &Operation, schemas: &mut SchemaGenerator, problem: &Value) -> Map<String, Value> {
    let answers =
        operation.answers.iter().map(|answer| (answer.status.to_string(), success(answer, schemas)));
    let mut responses: Map<String, Value> = answers.collect();
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let of_tenants = if operation.access == Access::Tenant { PROBLEMS_OF_TENANTS } else { &[] };
    for code in operation.problems.iter().chain(PROBLEMS_OF_ALL).chain(of_tenants) {
        by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    for (status, codes) in by_status {
        let mut described = json!({
            "description": format!("Problem: `{}`.", codes.join("`, `")),
            "content": { "application/problem+json": { "schema": problem } },
        });
        if status == 503 {
            described["headers"] = json!({
                "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "integer" } }
            });
        }
        responses.insert(status.to_string(), described);
    }
    responses
}

fn success(answer: &Answer, schemas: &mut SchemaGenerator) -> Value {
    let header = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    let mut headers: Map<String, Value> =
        answer.headers.iter().map(|(name, about)| ((*name).to_owned(), header(about))).collect();
    headers.insert(X_CORRELATION_ID.to_string(), header("Names this request in logs and events."));
    let mut described = json!({ "description": answer.about, "headers": headers });
    if let Some((media_type, schema)) = answer.content {
        described["content"] = json!({ media_type: { "schema": schema(schemas) } });
    }
    described
}
