//! The answer to a started upload.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use millrace_application::StartedUpload;
use millrace_domain::{DocumentId, Timestamp, UploadName};
use schemars::JsonSchema;
use serde::Serialize;

use super::accepted::IDEMPOTENCY_REPLAYED;
use crate::public_address::PublicAddress;

/// Where and how to put a content, and what to call afterwards.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Upload")]
pub(crate) struct UploadResponse {
    /// Names the upload; for `complete_url`.
    upload_id: UploadName,
    /// Names the document to be; there once the upload is complete.
    document_id: DocumentId,
    /// Where the bytes go. The signature in it is all the authority that is needed, so it is a secret until it expires.
    url: String,
    /// Always `PUT`.
    method: &'static str,
    /// Headers that must be sent, exactly so, beside the `Content-Length`.
    headers: BTreeMap<String, String>,
    /// When the URL stops being good for a request that has not begun.
    expires_at: Timestamp,
    /// What to `POST` to once the bytes are there, for the same answer as to an upload in one request.
    complete_url: String,
}

impl UploadResponse {
    /// The whole answer.
    pub(crate) fn answer(address: &PublicAddress, started: StartedUpload) -> Response {
        let body = Self {
            upload_id: started.name,
            document_id: started.name.document_id,
            url: address.link(&started.signed.url),
            method: "PUT",
            headers: started.signed.headers.into_iter().collect(),
            expires_at: started.expires_at,
            complete_url: address.link(&format!("/v1/uploads/{}/complete", started.name)),
        };
        let mut response = (StatusCode::CREATED, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if started.replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
