//! How AWS is reached: settings, one HTTPS client for all services with bounded waits and retries, and what the failures
//! of all services have in common. What a service's own error codes mean is decided beside that service.

mod aws_connection;
mod aws_settings;
#[cfg(test)]
pub(crate) mod emulated;
#[cfg(test)]
pub(crate) mod replay;
mod service_failure;

pub use aws_connection::AwsConnection;
pub(crate) use aws_connection::{READ_TIMEOUT, timeouts};
pub use aws_settings::{AwsService, AwsSettings, AwsSettingsError};
pub(crate) use service_failure::{kind_of_code, port_error, repeated};
