//! A problem as handlers return it, and the JSON it becomes. The outermost layer writes the JSON, because only there the
//! correlation id is certain to be known; a handler's `Problem` travels to it as a response extension.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use millrace_domain::{CorrelationId, DeletionReceipt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::ProblemCode;
use crate::conditional::version_etag;

/// When to come back if nobody said how long it takes.
const RETRY_AFTER_DEFAULT_S: u64 = 1;

/// Why a request did not succeed.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: ProblemCode,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    retry_after_ms: Option<u64>,
    receipt: Option<Box<DeletionReceipt>>,
}

/// The JSON of a problem.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// `urn:millrace:problem:` and the code with hyphens.
    #[serde(rename = "type")]
    type_uri: String,
    /// The same for every occurrence of the code.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, and what to do about it.
    detail: &'a str,
    /// Stable; for programs.
    #[schemars(schema_with = "code_schema")]
    code: &'a str,
    /// Names this request in logs and events.
    correlation_id: CorrelationId,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// What a finished deletion removed; with `document_deleted` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a DeletionReceipt>,
}

impl Problem {
    /// A problem; the detail is for a person and holds no content of a document.
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), headers: Vec::new(), retry_after_ms: None, receipt: None }
    }

    /// The same with a header on the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a wait that somebody asked for.
    #[must_use]
    pub(crate) fn with_retry_after_ms(self, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms, ..self }
    }

    /// The same with the receipt of a deletion.
    #[must_use]
    pub(crate) fn with_receipt(self, receipt: Option<DeletionReceipt>) -> Self {
        Self { receipt: receipt.map(Box::new), ..self }
    }

    /// `If-Match` did not name the current version.
    pub(crate) fn version_differs(current: millrace_domain::Version) -> Self {
        let detail = format!(
            "document is at version {current}: read it again and decide whether the change still holds"
        );
        Self::new(ProblemCode::VersionDiffers, detail).with_header(ETAG, version_etag(current))
    }

    /// Its code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> ProblemCode {
        self.code
    }

    /// Its detail.
    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The finished answer.
    pub(crate) fn render(self, correlation_id: CorrelationId) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            type_uri: self.code.type_uri(),
            title: self.code.title(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            correlation_id,
            retryable: self.code.is_retryable(),
            receipt: self.receipt.as_deref(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let seconds = self.retry_after_ms.map_or(RETRY_AFTER_DEFAULT_S, |wait| wait.div_ceil(1_000));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

fn code_schema(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    json_schema!({ "type": "string", "enum": codes, "description": "Stable; for programs." })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let problem = Problem::new(ProblemCode::Throttled, "slow down").with_retry_after_ms(Some(1_200));
        let response = problem.render(CorrelationId::new(uuid::Uuid::nil()));
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
