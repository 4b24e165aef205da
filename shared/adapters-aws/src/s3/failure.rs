//! What S3's own error codes mean.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_ports::{ErrorKind, PortError};

use crate::connection::port_error;

/// The port's error for a failed call to S3.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>, attempted: impl Into<String>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    port_error(error, attempted, |error| error.code().and_then(own_kind))
}

/// A code that means something special to S3.
pub(super) fn own_kind(code: &str) -> Option<ErrorKind> {
    match code {
        "NoSuchKey" | "NotFound" => Some(ErrorKind::NotFound),
        // An operator can mend a missing bucket. A multipart upload that is gone was completed by an attempt whose answer
        // was lost, or removed by the lifecycle rule: the bytes arrived or they did not.
        "NoSuchBucket" | "NoSuchUpload" => Some(ErrorKind::Unavailable),
        // The bytes changed on their way.
        "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            Some(ErrorKind::Unavailable)
        }
        // Two writes of one key at once: neither is wrong.
        "OperationAborted" | "ConditionalRequestConflict" => Some(ErrorKind::Unavailable),
        _ => None,
    }
}
