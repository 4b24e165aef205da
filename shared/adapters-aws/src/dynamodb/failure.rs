//! What DynamoDB's own error codes mean. The one place that says so: for calls, and for each reason why a transaction was
//! cancelled. What all services have in common is in `connection`.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use millrace_ports::{ErrorKind, PortError};

use crate::connection::{kind_of_code, port_error};

/// What an item of a transaction is, to know what its failed condition means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The claim that fences the append.
    Claim,
    /// The head, whose version must be the expected one.
    Head,
    /// An event, which must be new.
    Event,
    /// The snapshot.
    Snapshot,
    /// A setting, whose revision must be the expected one, or the marker beside it.
    Setting,
}

/// The port's error for a failed call.
pub(crate) fn dynamodb_error<E>(error: SdkError<E, HttpResponse>, attempted: impl Into<String>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    port_error(error, attempted, |error| error.code().and_then(own_kind))
}

/// The port's error for a failed transaction of items with these roles.
pub(crate) fn transaction_error(
    error: SdkError<TransactWriteItemsError, HttpResponse>,
    attempted: impl Into<String>,
    roles: &[Role],
) -> PortError {
    port_error(error, attempted, |error| match error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(kind_of_cancellation(cancelled.cancellation_reasons(), roles))
        }
        other => other.code().and_then(own_kind),
    })
}

fn own_kind(code: &str) -> Option<ErrorKind> {
    match code {
        // The item is as another writer left it, or in a transaction of another writer at this moment.
        "ConditionalCheckFailedException"
        | "TransactionConflictException"
        | "ReplicatedWriteConflictException" => Some(ErrorKind::Conflict),
        // A missing table is not a missing record: an operator can mend it, and no caller may take it for an answer.
        "ResourceNotFoundException" | "InvalidEndpointException" => Some(ErrorKind::Unavailable),
        "ValidationException"
        | "SerializationException"
        | "ItemCollectionSizeLimitExceededException"
        | "IdempotentParameterMismatchException" => Some(ErrorKind::Invalid),
        _ => None,
    }
}

/// Reasons come one for each item, in the order of the request. The one that says most counts: whoever lost the claim
/// must stop, whoever met a conflict must reload, and only then is it worth knowing whether to wait.
fn kind_of_cancellation(reasons: &[CancellationReason], roles: &[Role]) -> ErrorKind {
    let kinds = reasons.iter().zip(roles).filter_map(|(reason, role)| kind_of_reason(reason.code()?, *role));
    kinds.max_by_key(weight).unwrap_or(ErrorKind::Unavailable)
}

fn kind_of_reason(code: &str, role: Role) -> Option<ErrorKind> {
    match (code, role) {
        ("None", _) => None,
        ("ConditionalCheckFailed", Role::Claim) => Some(ErrorKind::ClaimLost),
        ("ConditionalCheckFailed", Role::Head | Role::Event | Role::Snapshot | Role::Setting) => {
            Some(ErrorKind::Conflict)
        }
        // Another transaction or write holds the item; it may be this document's next version, or a lease being renewed.
        ("TransactionConflict", _) => Some(ErrorKind::Conflict),
        ("ItemCollectionSizeLimitExceeded" | "ValidationError", _) => Some(ErrorKind::Invalid),
        // `ThrottlingError` and `ProvisionedThroughputExceeded` among them.
        (code, _) => Some(kind_of_code(code).unwrap_or(ErrorKind::Unavailable)),
    }
}

fn weight(kind: &ErrorKind) -> u8 {
    match kind {
        ErrorKind::ClaimLost => 6,
        ErrorKind::Conflict => 5,
        ErrorKind::Invalid => 4,
        ErrorKind::Throttled => 3,
        ErrorKind::Unavailable => 2,
        ErrorKind::NotFound => 1,
        ErrorKind::Corrupt => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 5] = [Role::Claim, Role::Head, Role::Event, Role::Snapshot, Role::Setting];

    fn kind(codes: [&str; 5]) -> ErrorKind {
        let reasons = codes.map(|code| CancellationReason::builder().code(code).build());
        kind_of_cancellation(&reasons, &ROLES)
    }

    #[test]
    fn each_reason_means_something_on_each_item() {
        let anywhere = [
            ("TransactionConflict", ErrorKind::Conflict),
            ("ThrottlingError", ErrorKind::Throttled),
            ("ProvisionedThroughputExceeded", ErrorKind::Throttled),
            ("ItemCollectionSizeLimitExceeded", ErrorKind::Invalid),
            ("ValidationError", ErrorKind::Invalid),
            ("AccessDenied", ErrorKind::Unavailable),
            ("SomethingNew", ErrorKind::Unavailable),
        ];
        for place in 0..ROLES.len() {
            for (code, expected) in anywhere {
                let mut codes = ["None"; 5];
                codes[place] = code;
                assert_eq!(kind(codes), expected, "{code} on {:?}", ROLES[place]);
            }
            let mut codes = ["None"; 5];
            codes[place] = "ConditionalCheckFailed";
            let expected = if place == 0 { ErrorKind::ClaimLost } else { ErrorKind::Conflict };
            assert_eq!(kind(codes), expected, "failed condition on {:?}", ROLES[place]);
        }
    }

    #[test]
    fn of_several_reasons_the_one_that_says_most_counts() {
        let lost = "ConditionalCheckFailed";
        assert_eq!(kind([lost, lost, "ThrottlingError", "None", "None"]), ErrorKind::ClaimLost);
        assert_eq!(
            kind(["TransactionConflict", "None", "ThrottlingError", "None", "None"]),
            ErrorKind::Conflict
        );
        assert_eq!(kind(["ThrottlingError", lost, "None", "None", "None"]), ErrorKind::Conflict);
        assert_eq!(kind(["ThrottlingError", "None", "ValidationError", "None", "None"]), ErrorKind::Invalid);
    }

    #[test]
    fn a_cancellation_without_reasons_is_unavailable() {
        assert_eq!(kind(["None"; 5]), ErrorKind::Unavailable);
        assert_eq!(kind_of_cancellation(&[], &ROLES), ErrorKind::Unavailable);
        let silent = CancellationReason::builder().build();
        assert_eq!(kind_of_cancellation(&[silent], &ROLES), ErrorKind::Unavailable);
    }
}
