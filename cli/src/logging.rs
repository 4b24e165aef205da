//! Where log lines go: standard error, never standard output, which belongs to results.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// The environment variable that sets the log's level and filter.
pub(crate) const LOG_VARIABLE: &str = "MILLRACE_LOG";

/// Starts logging as the command line asks. The server tells of its work; the client only of trouble.
pub(crate) fn start(arguments: &Arguments) {
    let (format, quiet_level) = match &arguments.command {
        Command::Serve(serve) => (serve.log_format, "info"),
        _ => (LogFormat::Text, "error"),
    };
    let level = match arguments.client.verbose {
        0 => quiet_level,
        1 => "millrace=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
