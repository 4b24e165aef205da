//! The outermost layer: one span for each request, the correlation id on every answer, problems written as JSON, panics
//! turned into answers. It logs which route and how long, never contents, queries or keys.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::context::ApiState;
use crate::correlation::{Correlation, X_CORRELATION_ID};
use crate::problem::{Problem, ProblemCode};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Surrounds every request.
pub(crate) async fn observe(State(api): State<ApiState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let correlation = Correlation::of(request.headers(), &*api.ids);
    let span = request_span(&request, &correlation);
    request.extensions_mut().insert(correlation.clone());
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|_| {
        span.in_scope(|| tracing::error!("request panicked"));
        Problem::new(ProblemCode::Internal, "the server failed on this request").into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(correlation.id);
    }
    finish(&mut response, &correlation);
    record(&span, response.status(), started.elapsed());
    response
}

/// Ends requests that take longer than they may.
pub(crate) async fn within(time_max: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(time_max, next.run(request)).await.unwrap_or_else(|_| {
        tracing::warn!(time_ms_max = time_max.as_millis(), "request timed out");
        let detail = "the request took too long and may or may not have been carried out: send it again, an upload with \
                      the same idempotency key";
        Problem::new(ProblemCode::TimedOut, detail).into_response()
    })
}

fn request_span(request: &Request, correlation: &Correlation) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        correlation.id = %correlation.id,
        tenant = Empty,
        status = Empty,
        duration_ms = Empty,
    )
}

fn finish(response: &mut Response, correlation: &Correlation) {
    let id = HeaderValue::try_from(correlation.id.to_string()).expect("a UUID is ASCII");
    let headers = response.headers_mut();
    headers.insert(X_CORRELATION_ID, id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // Nothing here is for shared caches, and what has a tag is asked for again with it.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
}

fn record(span: &Span, status: StatusCode, duration: Duration) {
    span.record("status", status.as_u16());
    span.record("duration_ms", duration.as_secs_f64() * 1_000.0);
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!("request failed");
        } else {
            tracing::debug!("request answered");
        }
    });
}
