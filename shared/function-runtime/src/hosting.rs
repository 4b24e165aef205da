//! What every deployed function does around its handler: JSON logs, and a runtime loop over Lambda's Runtime API in which
//! each invocation has a span with its request id.

use std::future::Future;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::{TimeLimit, Variables};

/// What is logged: a level, or a filter of `tracing_subscriber` such as `info,millrace_application=debug`.
const LOG_VARIABLE: &str = "MILLRACE_LOG";

/// Starts logging as `MILLRACE_LOG` says, else from `info` on: one JSON object a line on standard output, where Lambda
/// collects it. What cannot be read as a filter is said in the log, and counts as none: a function without logs would be
/// the worse answer to a mistyped variable.
pub fn start_logging() {
    let asked = Variables::of_process().optional(LOG_VARIABLE);
    let filter = asked.as_deref().map(filter_of);
    let unreadable = matches!(filter, Some(None));
    // Lambda adds the time; a second subscriber would be a programming error that costs only its logs.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter.flatten().unwrap_or_else(|| EnvFilter::new("info")))
        .without_time()
        .try_init();
    if unreadable {
        tracing::warn!(variable = LOG_VARIABLE, asked, "no filter for logs, logging from info on");
    }
}

/// The filter that a text asks for; `None` if it is none. A level may be in capitals, as Lambda writes levels. A single word
/// that is no level would be a filter for a module of that name, so that a misspelt level would silence everything else.
fn filter_of(asked: &str) -> Option<EnvFilter> {
    let asked = asked.trim();
    let is_word = asked.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match asked.parse::<LevelFilter>() {
        Ok(level) => Some(EnvFilter::new(level.to_string())),
        Err(_) if is_word => None,
        Err(_) => EnvFilter::builder().parse(asked).ok(),
    }
}

/// Hands invocations to the handler, one at a time, until Lambda ends the process. The handler is given the event and how
/// long it may begin work.
///
/// What the handler borrows is built once, before the first invocation. Its error fails the whole invocation, and a queue
/// or stream then repeats the whole batch; so handlers of those answer with the failed items instead.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(asked: &str) -> Option<String> {
        filter_of(asked).map(|filter| filter.to_string())
    }

    #[test]
    fn levels_are_read_in_any_case() {
        for level in ["debug", "DEBUG", " Debug "] {
            assert_eq!(read(level).as_deref(), Some("debug"));
        }
        assert_eq!(read("OFF").as_deref(), Some("off"));
    }

    #[test]
    fn filters_by_module_are_read() {
        let read = read("info,millrace_application=debug").unwrap();
        assert!(read.contains("millrace_application=debug") && read.contains("info"), "{read}");
    }

    #[test]
    fn what_is_no_filter_is_told_apart() {
        for wrong in ["verbose", "infos", "info,millrace=loud", "a=b=c", "info,[{"] {
            assert_eq!(read(wrong), None, "{wrong} was read");
        }
    }
}
