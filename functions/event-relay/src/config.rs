//! What the event-relay needs to know.

use millrace_adapters_aws::connection::AwsSettings;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring as wiring;

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) aws: AwsSettings,
    pub(crate) event_bus: String,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self { aws: wiring::aws(variables)?, event_bus: variables.required("MILLRACE_EVENT_BUS")? })
    }
}
