//! What a Lambda's main runs: the router as a service of API Gateway's requests. Decodes nothing itself (lambda_http does);
//! it takes the stage out of the path, and hands bodies back byte for byte within what the gateway passes on.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use lambda_http::request::RequestContext;
use tower::Service;

use crate::correlation::X_CORRELATION_ID;
use crate::problem::{Problem, ProblemCode};
use crate::public_address::Stage;

/// Largest body of an answer. A Lambda's answer has at most 6 MB, of which base64 leaves three quarters.
const ANSWER_BYTES_MAX: usize = 4_500_000;

/// The router, behind API Gateway.
#[derive(Debug, Clone)]
pub struct GatewayService {
    router: Router,
}

/// An answer whose body is already what the gateway needs: text as text, everything else as bytes.
#[derive(Debug)]
pub struct GatewayResponse(pub Response<lambda_http::Body>);

impl GatewayService {
    /// Serves a router.
    pub fn new(router: Router) -> Self {
        Self { router }
    }
}

impl lambda_http::IntoResponse for GatewayResponse {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<lambda_http::Body>> + Send>> {
        Box::pin(std::future::ready(self.0))
    }
}

impl Service<lambda_http::Request> for GatewayService {
    type Response = GatewayResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<GatewayResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<lambda_http::Request>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: lambda_http::Request) -> Self::Future {
        let stage = take_stage(&mut request);
        let answer = self.router.call(request);
        Box::pin(async move {
            let response = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            Ok(GatewayResponse(buffered(with_stage(response, stage.as_deref())).await))
        })
    }
}

/// Removes the stage's name from the path, where the gateway's address has one, and gives it.
fn take_stage(request: &mut Request<lambda_http::Body>) -> Option<String> {
    let stage = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.clone()?,
        // Other kinds of context are features of lambda_http that are not compiled in.
        _ => return None,
    };
    let path = request.uri().path().strip_prefix(&format!("/{stage}"))?;
    if stage == "$default" || !path.starts_with('/') {
        return None;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    *request.uri_mut() = format!("{path}{query}").parse::<Uri>().ok()?;
    request.extensions_mut().insert(Stage(stage.clone()));
    Some(stage)
}

fn with_stage(mut response: Response<Body>, stage: Option<&str>) -> Response<Body> {
    let path = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location =
        stage.zip(path).and_then(|(stage, path)| HeaderValue::try_from(format!("/{stage}{path}")).ok());
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The answer with its body in memory, as the gateway takes it.
async fn buffered(response: Response<Body>) -> Response<lambda_http::Body> {
    let (mut head, body) = response.into_parts();
    let bytes = match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(_) => return Box::pin(unpassable(&head.headers)).await,
    };
    // The gateway counts for itself, and for an answer to HEAD there is nothing to count.
    head.headers.remove(CONTENT_LENGTH);
    let body = if bytes.is_empty() {
        lambda_http::Body::Empty
    } else if is_json(&head.headers) {
        String::from_utf8(bytes.into()).map_or_else(|error| error.into_bytes().into(), Into::into)
    } else {
        lambda_http::Body::Binary(bytes.into())
    };
    Response::from_parts(head, body)
}

/// What is answered instead of a body that broke off or is too large.
async fn unpassable(headers: &HeaderMap) -> Response<lambda_http::Body> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let problem = if length.is_some_and(|length| length > ANSWER_BYTES_MAX) {
        let detail = format!(
            "the gateway passes on at most {ANSWER_BYTES_MAX} bytes: ask for parts with the header Range"
        );
        Problem::new(ProblemCode::AnswerTooLarge, detail)
    } else {
        tracing::error!("the body of an answer broke off");
        Problem::new(ProblemCode::Unavailable, "storage broke off while the answer was read: ask again")
    };
    let id = headers.get(X_CORRELATION_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let Some(id) = id else { return Response::new(lambda_http::Body::Empty) };
    let mut response = problem.render(id);
    if let Some(id) = headers.get(X_CORRELATION_ID) {
        response.headers_mut().insert(X_CORRELATION_ID, id.clone());
    }
    buffered(response).await
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(media_type, "application/json" | "application/problem+json")
}
