//! What the error codes of S3 Vectors mean. What all services have in common is in `connection`.

use aws_sdk_s3vectors::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use millrace_ports::{ErrorKind, PortError};

use crate::connection::port_error;

/// The port's error for a failed call.
pub(crate) fn s3vectors_error<E>(error: SdkError<E, HttpResponse>, attempted: impl Into<String>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    port_error(error, attempted, |error| error.code().and_then(own_kind))
}

fn own_kind(code: &str) -> Option<ErrorKind> {
    match code {
        "ConflictException" => Some(ErrorKind::Conflict),
        "NotFoundException" => Some(ErrorKind::NotFound),
        "ValidationException" => Some(ErrorKind::Invalid),
        // An operator can mend these: a bucket full of indexes, a key that is disabled or gone.
        "ServiceQuotaExceededException"
        | "KmsDisabledException"
        | "KmsInvalidKeyUsageException"
        | "KmsInvalidStateException"
        | "KmsNotFoundException" => Some(ErrorKind::Unavailable),
        _ => None,
    }
}
