//! What the failures of all services have in common: throttling, broken or slow connections, and callers without
//! permission. A service names the codes that mean something of its own; they count first.

use std::error::Error;
use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_ports::{ErrorKind, PortError};

/// The port's error for a failed call. `own` says what the service's error means to this call, if it means anything
/// special; otherwise the code counts, then the status.
pub(crate) fn port_error<E>(
    error: SdkError<E, HttpResponse>,
    attempted: impl Into<String>,
    own: impl FnOnce(&E) -> Option<ErrorKind>,
) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let kind = match &error {
        // Never sent: our request breaks a rule of the service's model.
        SdkError::ConstructionFailure(_) => ErrorKind::Invalid,
        SdkError::DispatchFailure(failure) if failure.is_user() => ErrorKind::Invalid,
        // Sent, perhaps, and no answer, or half of one.
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
            ErrorKind::Unavailable
        }
        SdkError::ServiceError(failure) => own(failure.err())
            .or_else(|| failure.err().code().and_then(kind_of_code))
            .unwrap_or_else(|| kind_of_status(failure.raw().status().as_u16())),
        // The enum is open; what a later SDK adds is no answer either.
        _ => ErrorKind::Unavailable,
    };
    let retry_after_ms = error.raw_response().and_then(retry_after_ms);
    // Without the raw answer around it, which may hold contents.
    let cause = error.into_source().unwrap_or_else(|error| Box::new(error));
    PortError::caused(kind, attempted, cause).with_retry_after_ms(retry_after_ms)
}

/// The same failure for each item of a call that failed as a whole.
pub(crate) fn repeated(whole: &Arc<PortError>, attempted: impl Into<String>) -> PortError {
    let cause = CallFailed(Arc::clone(whole));
    PortError::caused(whole.kind, attempted, cause).with_retry_after_ms(whole.retry_after_ms)
}

/// The cause of an item's failure: that of the call.
#[derive(Debug, thiserror::Error)]
#[error("the call failed as a whole")]
struct CallFailed(#[source] Arc<PortError>);

/// What an error code means in every service, in an answer of its own or in an entry of a batch.
pub(crate) fn kind_of_code(code: &str) -> Option<ErrorKind> {
    // Older protocols write `Service.Code` or `namespace#Code`.
    let code = code.rsplit(['#', '.']).next().unwrap_or(code);
    match code {
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "KmsThrottled"
        | "LimitExceededException"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceeded"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingError"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "TransactionInProgressException" => Some(ErrorKind::Throttled),
        "InternalError"
        | "InternalException"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "InternalServiceException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Some(ErrorKind::Unavailable),
        // An operator can mend these; a message that waits for that must not be recorded as bad.
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "NotAuthorizedForSourceException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Some(ErrorKind::Unavailable),
        _ => None,
    }
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 | 408 => ErrorKind::Unavailable,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

/// AWS's own header counts milliseconds, HTTP's seconds. A date in the latter is not used by AWS and not read.
fn retry_after_ms(response: &HttpResponse) -> Option<u64> {
    let number = |name: &str| response.headers().get(name).and_then(|text| text.trim().parse::<u64>().ok());
    number("x-amz-retry-after").or_else(|| number("retry-after").map(|seconds| seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::replay::{Replay, Reply};

    async fn failure(replies: Vec<Reply>) -> PortError {
        let replay = Replay::of(replies);
        let call = replay.connection().sqs().get_queue_url().queue_name("q").send().await;
        replay.assert_used_up();
        port_error(call.unwrap_err(), "look for queue q", |_| None)
    }

    fn json_error(status: u16, code: &str) -> Reply {
        Reply::of(status, format!(r#"{{"__type":"{code}"}}"#))
    }

    fn thrice(reply: impl Fn() -> Reply) -> Vec<Reply> {
        vec![reply(), reply(), reply()]
    }

    #[tokio::test]
    async fn throttling_is_tried_again_then_says_how_long_to_wait() {
        let throttled = || json_error(400, "ThrottlingException").with_header("x-amz-retry-after", "1500");
        let error = failure(thrice(throttled)).await;
        assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Throttled, Some(1_500)));
        let busy = Reply::of(429, "{}").with_header("retry-after", "2");
        let error = failure(vec![busy]).await;
        assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Throttled, Some(2_000)));
    }

    #[tokio::test]
    async fn a_broken_server_or_connection_is_unavailable_after_three_attempts() {
        for reply in [|| Reply::of(500, ""), || Reply::of(503, "<html>"), || Reply::Reset] {
            let error = failure(thrice(reply)).await;
            assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::Unavailable, None));
        }
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_unavailable() {
        assert_eq!(failure(vec![Reply::ok("{\"QueueUrl\": ")]).await.kind, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn an_answer_does_not_show_in_its_failure() {
        let error = failure(vec![Reply::ok("{\"QueueUrl\": \"private\"")]).await;
        let shown = format!("{error} {error:?} {:?}", Error::source(&error));
        assert!(!shown.contains("private"), "{shown}");
        let error = failure(vec![Reply::of(400, r#"{"__type":"QueueDoesNotExist","message":"no q"}"#)]).await;
        let mut causes = std::iter::successors(Error::source(&error), |&cause| cause.source());
        assert!(causes.any(|cause| cause.to_string().contains("no q")), "{error:?}");
    }

    #[tokio::test]
    async fn a_caller_without_permission_waits_for_the_operator() {
        for code in
            ["AccessDeniedException", "ExpiredToken", "com.amazon.coral.service#UnrecognizedClientException"]
        {
            assert_eq!(failure(vec![json_error(400, code)]).await.kind, ErrorKind::Unavailable, "{code}");
        }
        assert_eq!(failure(vec![Reply::of(403, "{}")]).await.kind, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn what_no_code_explains_goes_by_the_status() {
        for (status, kind) in [
            (400, ErrorKind::Invalid),
            (404, ErrorKind::NotFound),
            (409, ErrorKind::Conflict),
            (412, ErrorKind::Conflict),
            (413, ErrorKind::Invalid),
        ] {
            assert_eq!(failure(vec![json_error(status, "SomethingNew")]).await.kind, kind, "{status}");
        }
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_built_is_invalid() {
        let replay = Replay::of([]);
        let call = replay.connection().s3().get_object().key("k").send().await;
        assert_eq!(port_error(call.unwrap_err(), "read", |_| None).kind, ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn a_services_own_meaning_comes_first() {
        let replay = Replay::of([json_error(400, "AccessDeniedException")]);
        let call = replay.connection().sqs().get_queue_url().queue_name("q").send().await;
        let error = port_error(call.unwrap_err(), "look", |error| {
            (error.code() == Some("AccessDeniedException")).then_some(ErrorKind::NotFound)
        });
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}
