//! One operation of the API: its method, path, handler and description, side by side. The router and the OpenAPI document
//! are both made from the list of operations, so that neither can name what the other does not.

use axum::routing::MethodRouter;
use http::Method;
use schemars::{Schema, SchemaGenerator};

use crate::context::ApiState;
use crate::problem::ProblemCode;

/// One method on one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With parameters in braces, as axum and OpenAPI both write it.
    pub(crate) path: &'static str,
    /// The name in the OpenAPI document.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) pace: Pace,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) request: Option<RequestBody>,
    pub(crate) answers: Vec<Answer>,
    /// Beside those that every operation has.
    pub(crate) problems: &'static [ProblemCode],
    pub(crate) handler: MethodRouter<ApiState>,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// An authenticated tenant.
    Tenant,
}

/// How long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// `ApiSettings::request_time_max`.
    Ordinary,
    /// `ApiSettings::upload_time_max`: its body may be large and its sender slow.
    Upload,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: serde_json::Value,
}

impl Parameter {
    /// A parameter in the query.
    pub(crate) fn query(name: &'static str, about: &'static str, schema: serde_json::Value) -> Self {
        Self { place: Place::Query, name, about, schema }
    }

    /// A header.
    pub(crate) fn header(name: &'static str, about: &'static str) -> Self {
        Self { place: Place::Header, name, about, schema: serde_json::json!({ "type": "string" }) }
    }

    /// The document id in the path.
    pub(crate) fn document_id() -> Self {
        let schema = serde_json::json!({ "type": "string", "format": "uuid" });
        Self { place: Place::Path, name: "document_id", about: "Names the document.", schema }
    }

    /// The collection's name in the path.
    pub(crate) fn collection() -> Self {
        let schema = serde_json::json!({ "type": "string" });
        Self { place: Place::Path, name: "collection", about: "Names the collection.", schema }
    }

    /// The upload's name in the path.
    pub(crate) fn upload_id() -> Self {
        let schema = serde_json::json!({ "type": "string" });
        Self { place: Place::Path, name: "upload_id", about: "Names the upload.", schema }
    }

    /// How many items on a page.
    pub(crate) fn limit(most: usize) -> Self {
        let schema = serde_json::json!({ "type": "integer", "minimum": 1, "maximum": most });
        Self::query("limit", "Most items on the page; a larger number is cut.", schema)
    }

    /// Where the page begins.
    pub(crate) fn cursor() -> Self {
        Self::query("cursor", "`next_cursor` of the page before.", serde_json::json!({ "type": "string" }))
    }
}

/// Makes a schema, or a reference to one.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) struct RequestBody {
    /// Media types, each with its schema.
    pub(crate) contents: Vec<(&'static str, SchemaOf)>,
}

/// An answer that is a success.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) content: Option<(&'static str, SchemaOf)>,
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json<T: schemars::JsonSchema>(status: u16, about: &'static str) -> Self {
        let content = Some(("application/json", SchemaGenerator::subschema_for::<T> as SchemaOf));
        Self { status, about, content, headers: &[] }
    }

    /// An answer without a body.
    pub(crate) fn bare(status: u16, about: &'static str) -> Self {
        Self { status, about, content: None, headers: &[] }
    }

    /// The same with headers worth naming.
    #[must_use]
    pub(crate) fn with_headers(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}
