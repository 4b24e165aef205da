//! What the authorizer needs to know.

use millrace_adapters_aws::connection::AwsSettings;
use millrace_adapters_aws::dynamodb::TableName;
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring as wiring;

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) aws: AwsSettings,
    pub(crate) settings: TableName,
}

impl Config {
    /// Reads this process's environment.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let variables = Variables::of_process();
        Ok(Self {
            aws: wiring::aws(&variables)?,
            settings: wiring::table(&variables, "MILLRACE_SETTINGS_TABLE")?,
        })
    }
}
