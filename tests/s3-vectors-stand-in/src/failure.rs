//! Errors as the service writes them: a status, the exception's name in a header, a message in the body.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    exception: &'static str,
    message: String,
}

impl Failure {
    /// The request breaks a rule or a limit.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, exception: "ValidationException", message: message.into() }
    }

    /// No such bucket or index.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, exception: "NotFoundException", message: message.into() }
    }

    /// There is one already.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, exception: "ConflictException", message: message.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let headers = [("x-amzn-errortype", self.exception)];
        (self.status, headers, axum::Json(json!({ "message": self.message }))).into_response()
    }
}
