//! What the api function needs to know.

use millrace_adapters_aws::dynamodb::TableName;
use millrace_adapters_aws::s3vectors::SearchTables;
use millrace_domain::{ByteSize, QueueName};
use millrace_function_runtime::{ConfigError, Variables};
use millrace_function_wiring::{self as wiring, EmbedderConfigs, WorkbenchSettings};

/// Read once, at start.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) workbench: WorkbenchSettings,
    pub(crate) views: TableName,
    pub(crate) settings: TableName,
    pub(crate) vector_cache: TableName,
    pub(crate) search: SearchTables,
    pub(crate) embedders: EmbedderConfigs,
    pub(crate) content_bytes_max: ByteSize,
    pub(crate) upload_bytes_max: ByteSize,
    pub(crate) tenant_claim: String,
}

impl Config {
    /// Reads it, from this process's environment or a test's.
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self {
            workbench: WorkbenchSettings::from_variables(variables, &[], &QueueName::ALL)?,
            views: wiring::table(variables, "MILLRACE_VIEWS_TABLE")?,
            settings: wiring::table(variables, "MILLRACE_SETTINGS_TABLE")?,
            vector_cache: wiring::table(variables, "MILLRACE_VECTOR_CACHE_TABLE")?,
            search: wiring::search(variables)?,
            embedders: EmbedderConfigs::from_variables(variables)?,
            content_bytes_max: wiring::bytes(variables, "MILLRACE_CONTENT_BYTES_MAX")?,
            upload_bytes_max: wiring::bytes(variables, "MILLRACE_UPLOAD_BYTES_MAX")?,
            tenant_claim: variables.required("MILLRACE_TENANT_CLAIM")?,
        })
    }
}
