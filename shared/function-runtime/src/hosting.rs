//! What every deployed function does around its handler: JSON logs, and a runtime loop over Lambda's Runtime API in which
//! each invocation has a span with its request id.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;

use crate::{TimeLimit, Variables};

/// What is logged: a level, or a filter of `tracing_subscriber` such as `info,millrace_application=debug`.
const LOG_VARIABLE: &str = "MILLRACE_LOG";

/// Starts logging as `MILLRACE_LOG` says, else from `info` on: one JSON object a line on standard output, where Lambda
/// collects it.
pub fn start_logging() {
    let asked = Variables::of_process().optional(LOG_VARIABLE).unwrap_or_default().to_lowercase();
    let filter = EnvFilter::builder().parse(asked.as_str()).ok().filter(|_| !asked.is_empty());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    // Lambda adds the time; a second subscriber would be a programming error that costs only its logs.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .without_time()
        .try_init();
}

/// Hands invocations to the handler, one at a time, until Lambda ends the process.
///
/// # Errors
/// If the Runtime API cannot be reached.
pub async fn host<Event, Answer, Handle, Handled>(handle: Handle) -> Result<(), Error>
where
    Event: DeserializeOwned,
    Answer: Serialize,
    Handle: Fn(Event, TimeLimit) -> Handled,
    Handled: Future<Output = Result<Answer, Error>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        let limit = TimeLimit::of_invocation(&event.context);
        let span = tracing::info_span!("invocation", request_id = event.context.request_id);
        handle(event.payload, limit).instrument(span)
    }))
    .await
}
