//! Structured logs: one line an event on standard error, readable or JSON, with the fields of the surrounding spans.
//! Fields carry ids and measures; contents, tokens and personal data are never logged.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts logging for this process. `filter` is in the syntax of `tracing_subscriber::EnvFilter`, for example
/// `info,millrace_application=debug`; one that cannot be parsed falls back to `info`. Calling it twice changes nothing.
pub fn init_logging(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start means that a test or an embedding program was first; its choice stands.
    let _already_started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
