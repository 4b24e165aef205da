//! Makes the router from the list of operations. Listening and shutting down are done by whoever serves it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use http::{Method, Uri};

use crate::context::{ApiContext, ApiState};
use crate::observation::{observe, within};
use crate::operation::{Operation, Pace};
use crate::parameters::JSON_BYTES_MAX;
use crate::problem::{Problem, ProblemCode};
use crate::routes;

/// The HTTP API over a context. The same router serves a socket and a Lambda.
pub fn router(context: ApiContext) -> Router {
    let api: ApiState = Arc::new(context);
    let add = |router: Router<ApiState>, operation: Operation| {
        let time_max = match operation.pace {
            Pace::Ordinary => api.settings.request_time_max,
            Pace::Upload => api.settings.upload_time_max,
        };
        let limited = from_fn(move |request: Request, next| within(time_max, request, next));
        router.route(operation.path, operation.handler.route_layer(limited))
    };
    routes::operations()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&api), observe))
        .with_state(api)
}

async fn no_such_route(method: Method, uri: Uri) -> Problem {
    let detail = format!("there is no {method} {}: /openapi.json lists what there is", uri.path());
    Problem::new(ProblemCode::RouteNotFound, detail)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not know {method}; the header Allow says what it knows", uri.path());
    Problem::new(ProblemCode::MethodNotAllowed, detail)
}
