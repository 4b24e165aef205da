//! `GET /v1/documents/{document_id}/content`: the current content as it was uploaded, whole or a part of it. Contents come
//! from anybody, so only types that a browser cannot run are shown; all others are saved.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use millrace_domain::{Document, DocumentError, DocumentKey};
use millrace_ports::{ByteStream, ErrorKind};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::caller::Caller;
use crate::conditional::is_unmodified;
use crate::content_disposition;
use crate::context::{ApiContext, ApiState};
use crate::media_type::essence;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::DocumentPath;
use crate::problem::{Problem, ProblemCode, gone};
use crate::range::{Portion, requested};

/// How often a content that is replaced between looking and opening is looked at anew.
const ATTEMPTS_MAX: usize = 3;
/// Types that browsers show and do not run.
const SHOWN: [&str; 9] = [
    "application/json",
    "application/pdf",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
];
const UNKNOWN_TYPE: &str = "application/octet-stream";

pub(super) fn operation() -> Operation {
    let bytes = |status, about| Answer { status, about, content: Some(("*/*", any_bytes)), headers: &[] };
    Operation {
        method: Method::GET,
        path: "/v1/documents/{document_id}/content",
        id: "readContent",
        summary: "The current content as it was uploaded.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::document_id(),
            Parameter::header("Range", "One range of bytes; anything else is answered with the whole."),
            Parameter::header("If-Range", "The entity tag that the range belongs to."),
            Parameter::header("If-None-Match", "An entity tag; if it is the current one, the answer is 304."),
        ],
        request: None,
        answers: vec![
            bytes(200, "The content.").with_headers(&[
                ("ETag", "The content's SHA-256."),
                ("Content-Disposition", "The content's name."),
            ]),
            bytes(206, "A part of the content.").with_headers(&[("Content-Range", "Which part.")]),
            Answer::bare(304, "The content is as the client has it."),
        ],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::InvalidHeader,
            ProblemCode::DocumentNotFound,
            ProblemCode::ContentMissing,
            ProblemCode::DocumentDeleted,
            ProblemCode::RangeNotSatisfiable,
            ProblemCode::ConcurrentChange,
        ],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = caller.key(document_id);
    for _ in 0..ATTEMPTS_MAX {
        let document = api.get_document.run(&key).await?.ok_or(DocumentError::NotFound)?;
        if document.status.is_gone() {
            return Err(gone(&document));
        }
        let etag = HeaderValue::try_from(format!("\"{}\"", document.sha256.as_str()))
            .expect("quotes and hexadecimal digits are ASCII");
        if is_unmodified(&headers, &etag)? {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
        }
        let size = document.size_bytes.get();
        let range = match requested(&headers, size, &etag) {
            Portion::Whole => None,
            Portion::Part(range) => Some(range),
            Portion::Unsatisfiable => return Err(unsatisfiable(size)),
        };
        if let Some(content) = open(&api, &key, &document, range.clone()).await? {
            return Ok(answer(&document, etag, range, content));
        }
    }
    Err(Problem::new(ProblemCode::ConcurrentChange, "the content is being replaced: ask again"))
}

/// Opens the content of this document; none if it was replaced since the document was read.
async fn open(
    api: &ApiContext,
    key: &DocumentKey,
    document: &Document,
    range: Option<Range<u64>>,
) -> Result<Option<ByteStream>, Problem> {
    let opened = match api.read_content.run(key, range).await {
        Ok(opened) => opened.ok_or(DocumentError::NotFound)?,
        Err(error) if error.kind == ErrorKind::NotFound => {
            tracing::error!(%error, "content of a document is missing");
            return Err(Problem::new(ProblemCode::ContentMissing, "the content is not stored any more"));
        }
        Err(error) => return Err(error.into()),
    };
    let is_same = opened.document.upload_id == document.upload_id;
    Ok(opened.content.filter(|_| is_same).map(|(_, stream)| stream))
}

fn answer(
    document: &Document,
    etag: HeaderValue,
    range: Option<Range<u64>>,
    content: ByteStream,
) -> Response {
    let size = document.size_bytes.get();
    let media_type = media_type(document);
    let is_shown = SHOWN.contains(&essence(media_type));
    let mut response = Response::new(Body::from_stream(content));
    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let value = HeaderValue::try_from(media_type).unwrap_or(HeaderValue::from_static(UNKNOWN_TYPE));
    headers.insert(CONTENT_TYPE, value);
    let disposition = if is_shown { "inline" } else { "attachment" };
    headers.insert(CONTENT_DISPOSITION, content_disposition::with_filename(disposition, &document.filename));
    if !is_shown {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    }
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(Range { start, end }) = range {
        let text = format!("bytes {start}-{}/{size}", end - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::try_from(text).expect("digits are ASCII"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// What was found, or else what was declared. A declaration of the type that was found may add its character set.
fn media_type(document: &Document) -> &str {
    match (document.media_type.as_deref(), document.declared_media_type.as_deref()) {
        (Some(found), Some(declared)) if essence(declared).eq_ignore_ascii_case(essence(found)) => declared,
        (Some(found), _) => found,
        (None, Some(declared)) => declared,
        (None, None) => UNKNOWN_TYPE,
    }
}

fn unsatisfiable(size: u64) -> Problem {
    let value = HeaderValue::try_from(format!("bytes */{size}")).expect("digits are ASCII");
    Problem::new(ProblemCode::RangeNotSatisfiable, format!("the content has {size} bytes"))
        .with_header(CONTENT_RANGE, value)
}

fn any_bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "description": "The document's bytes." })
}
