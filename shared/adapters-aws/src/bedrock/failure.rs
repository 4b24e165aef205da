//! What the error codes of Bedrock mean to an embedder. What all services have in common is in `connection`.

use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::invoke_model::InvokeModelError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use millrace_ports::{EmbedderError, ErrorKind};

use crate::connection::port_error;

/// How long to wait when the service does not say: its quotas are counted by the minute.
const THROTTLED_MS: u64 = 10_000;

/// The embedder's error for a failed call. Of the service's words only the code is passed on: its message may quote the
/// text.
pub(crate) fn embedder_error(error: SdkError<InvokeModelError, HttpResponse>) -> EmbedderError {
    let code = error.code().unwrap_or("no answer").to_owned();
    let error = port_error(error, "invoke the embedding model", |error| error.code().and_then(own_kind));
    match error.kind {
        ErrorKind::Throttled => {
            EmbedderError::Throttled { retry_after_ms: Some(error.retry_after_ms.unwrap_or(THROTTLED_MS)) }
        }
        ErrorKind::Unavailable | ErrorKind::Conflict | ErrorKind::ClaimLost => {
            EmbedderError::Unavailable(code)
        }
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Corrupt => EmbedderError::Invalid(code),
    }
}

fn own_kind(code: &str) -> Option<ErrorKind> {
    match code {
        "ServiceQuotaExceededException" => Some(ErrorKind::Throttled),
        // The model stumbled, is still being loaded, or took too long; the next attempt may meet another copy of it.
        "ModelErrorException" | "ModelNotReadyException" | "ModelTimeoutException" => {
            Some(ErrorKind::Unavailable)
        }
        // There is no such model in this region, or it takes no such request.
        "ResourceNotFoundException" | "ValidationException" => Some(ErrorKind::Invalid),
        _ => None,
    }
}
