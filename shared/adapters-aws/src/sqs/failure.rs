//! What SQS's own error codes mean.

use std::error::Error;

use aws_sdk_sqs::types::BatchResultErrorEntry;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_ports::{ErrorKind, PortError};

use crate::connection::{kind_of_code, port_error};

/// The port's error for a failed call to SQS.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>, attempted: impl Into<String>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    port_error(error, attempted, |error| error.code().and_then(own_kind))
}

/// The same for a call whose receipt is the only thing that can be wrong with it.
pub(super) fn receipt_failure<E>(error: SdkError<E, HttpResponse>, attempted: impl Into<String>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    port_error(error, attempted, |error| {
        let code = error.code()?;
        if is_stale_receipt(code) { Some(ErrorKind::NotFound) } else { own_kind(code) }
    })
}

/// The port's error for an entry of a batch.
pub(super) fn entry_failure(entry: &BatchResultErrorEntry, attempted: impl Into<String>) -> PortError {
    let by_code = own_kind(&entry.code).or_else(|| kind_of_code(&entry.code));
    let kind =
        by_code.unwrap_or(if entry.sender_fault { ErrorKind::Invalid } else { ErrorKind::Unavailable });
    let cause = format!("{}: {}", entry.code, entry.message.as_deref().unwrap_or("no message"));
    PortError::caused(kind, attempted, cause)
}

/// Whether SQS says by this code that a receipt is not good any more. `InvalidParameterValue` is what it says of a message
/// that was deleted.
pub(super) fn is_stale_receipt(code: &str) -> bool {
    matches!(
        last_word(code),
        "InvalidParameterValue" | "MessageNotInflight" | "ReceiptHandleIsInvalid" | "InvalidIdFormat"
    )
}

fn own_kind(code: &str) -> Option<ErrorKind> {
    match last_word(code) {
        // An operator can mend a missing queue; its messages must not be recorded as bad.
        "NonExistentQueue" | "QueueDoesNotExist" | "ResourceNotFoundException" => {
            Some(ErrorKind::Unavailable)
        }
        "KmsThrottled" | "OverLimit" | "RequestThrottled" => Some(ErrorKind::Throttled),
        "KmsAccessDenied" | "KmsDisabled" | "KmsInvalidState" | "KmsNotFound" => Some(ErrorKind::Unavailable),
        _ => None,
    }
}

/// `AWS.SimpleQueueService.NonExistentQueue` and `com.amazonaws.sqs#QueueDoesNotExist` are two ages of one code.
fn last_word(code: &str) -> &str {
    code.rsplit(['#', '.']).next().unwrap_or(code)
}
