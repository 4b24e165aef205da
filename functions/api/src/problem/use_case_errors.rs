//! What each error of a use case means to a client: one exhaustive match for each error type. Faults of ours are logged
//! here, once; their causes do not reach the client.

use std::error::Error;
use std::io;

use millrace_application::{
    AcceptError, CompleteError, ExecuteError, ReceiveError, RedriveError, ReembeddingError, SearchError,
};
use millrace_domain::{Document, DocumentError, DocumentKey, ReembeddingRefused, Version};
use millrace_ports::{ErrorKind, PortError};

use super::{Problem, ProblemCode};
use crate::context::ApiContext;

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        let cause: &(dyn Error + 'static) = &error;
        let internal = |detail: &str| {
            tracing::error!(error = cause, cause = cause.source(), "request failed");
            Self::new(ProblemCode::Internal, detail)
        };
        match error.kind {
            ErrorKind::Conflict => Self::new(
                ProblemCode::ConcurrentChange,
                "the document kept changing while this request was decided: send it again",
            ),
            ErrorKind::ClaimLost => Self::new(
                ProblemCode::IdempotencyInProgress,
                "another request with this idempotency key took over: send it again to get its answer",
            ),
            ErrorKind::Throttled => {
                tracing::warn!(error = cause, "request throttled by storage");
                Self::new(ProblemCode::Throttled, "storage asks to slow down: send the request again later")
                    .with_retry_after_ms(error.retry_after_ms)
            }
            ErrorKind::Unavailable => {
                tracing::warn!(error = cause, cause = cause.source(), "storage unavailable");
                if is_full(cause) {
                    let detail = "the server's storage is full, so nothing new is taken; what was acknowledged is kept: \
                                  send the request again when there is space, an upload with the same idempotency key";
                    return Self::new(ProblemCode::Unavailable, detail)
                        .with_retry_after_ms(Some(FULL_RETRY_AFTER_MS));
                }
                let detail = "storage did not answer, so the request may or may not have been carried out: send it \
                              again, an upload with the same idempotency key";
                Self::new(ProblemCode::Unavailable, detail).with_retry_after_ms(error.retry_after_ms)
            }
            ErrorKind::NotFound => internal("something that should be stored is missing"),
            ErrorKind::Invalid => internal("a request of the server to its storage was refused"),
            ErrorKind::Corrupt => internal("something that is stored cannot be read"),
        }
    }
}

/// When to come back to a full storage: somebody has to make space first.
const FULL_RETRY_AFTER_MS: u64 = 60_000;

/// Whether a disk, a quota or a bound on files is behind an error.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let mut next = Some(error);
    while let Some(cause) = next {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(StorageFull | QuotaExceeded | FileTooLarge)) {
            return true;
        }
        next = cause.source();
    }
    false
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let text = error.to_string();
        match error {
            DocumentError::NotFound => Self::new(ProblemCode::DocumentNotFound, "there is no such document"),
            DocumentError::AlreadyExists => Self::new(ProblemCode::ConcurrentChange, text),
            DocumentError::Gone => Self::new(ProblemCode::DocumentDeleted, "the document is being deleted"),
            DocumentError::OtherCollection { actual } => {
                let detail = format!("a document cannot move: it belongs to collection {actual}");
                Self::new(ProblemCode::OtherCollection, detail)
            }
            DocumentError::Stale { .. } => Self::new(ProblemCode::ConcurrentChange, text),
            DocumentError::NotPossible { .. } => Self::new(ProblemCode::NotPossible, text),
            DocumentError::OutOfOrder { .. } => Self::new(
                ProblemCode::NotYetPossible,
                "what the stopped attempt left behind is still being purged: try again in a moment",
            ),
        }
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(error) => error.into(),
            ExecuteError::VersionDiffers { current } if current == Version::NONE => {
                DocumentError::NotFound.into()
            }
            ExecuteError::VersionDiffers { current } => Self::version_differs(current),
            ExecuteError::Port(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::TooLarge { limit } => Self::content_too_large(limit),
            AcceptError::Empty => Self::new(
                ProblemCode::EmptyContent,
                "the request carries no content: send the document's bytes as the body, or as the form part 'file'",
            ),
            AcceptError::KeyReused => Self::new(
                ProblemCode::IdempotencyKeyReused,
                "this idempotency key was used for a request with other content, name, metadata or target: \
                 use a new key for a new request",
            ),
            AcceptError::InProgress => Self::new(
                ProblemCode::IdempotencyInProgress,
                "the first request with this idempotency key is still running: send it again to get its answer",
            ),
            AcceptError::ModelMismatch { collection_model, server_model } => {
                Self::model_mismatch(&collection_model, &server_model)
            }
            AcceptError::Execute(error) => error.into(),
            AcceptError::Port(error) => error.into(),
        }
    }
}

impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::NotFound => Self::new(
                ProblemCode::UploadNotFound,
                "there is no such upload: it was never started here, or was given up long after its URL expired",
            ),
            CompleteError::NotReceived => Self::new(
                ProblemCode::UploadNotReceived,
                "the upload's bytes are not there: PUT them to its `url`, then send this request again",
            ),
            CompleteError::Expired => Self::new(
                ProblemCode::UploadExpired,
                "the upload's URL expired before the bytes came: start the upload again, with the same idempotency key \
                 to continue it",
            ),
            CompleteError::Mismatch => Self::announced_otherwise(),
            CompleteError::Accept(error) => error.into(),
            CompleteError::Unfinished { error, .. } => error.into(),
        }
    }
}

impl From<ReceiveError> for Problem {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotFound => CompleteError::NotFound.into(),
            ReceiveError::Mismatch => Self::announced_otherwise(),
            ReceiveError::Port(error) => error.into(),
        }
    }
}

impl From<RedriveError> for Problem {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::StillRunning { queue } => {
                let detail =
                    format!("an earlier redrive of queue {queue} still runs: try again when it has ended");
                Self::new(ProblemCode::RedriveInProgress, detail)
            }
            RedriveError::Port(error) => error.into(),
        }
    }
}

impl From<ReembeddingError> for Problem {
    fn from(error: ReembeddingError) -> Self {
        match error {
            ReembeddingError::NotFound(name) => Self::collection_not_found(name.as_str()),
            ReembeddingError::UnknownModel { model, known } => {
                let detail = format!(
                    "no embedder of this server has the model {model}: it knows {known}; configure a further one"
                );
                Self::new(ProblemCode::InvalidMember, detail)
            }
            ReembeddingError::Refused(refused) => refused.into(),
            ReembeddingError::Port(error) => error.into(),
        }
    }
}

impl From<ReembeddingRefused> for Problem {
    fn from(refused: ReembeddingRefused) -> Self {
        let (code, advice) = match &refused {
            ReembeddingRefused::UnderWay { .. } => {
                (ProblemCode::ReembeddingInProgress, "wait until it has ended, or abort it")
            }
            ReembeddingRefused::SameModel { .. } => {
                (ProblemCode::InvalidMember, "name another model, or start the server with another one")
            }
            ReembeddingRefused::NotUnderWay => (
                ProblemCode::NotPossible,
                "there is nothing to abort; the collection says how the last one ended",
            ),
            ReembeddingRefused::Switched { .. } => (
                ProblemCode::NotPossible,
                "what is left is to remove the old vectors; re-embed it again to go back",
            ),
        };
        Self::new(code, format!("{refused}: {advice}"))
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Invalid(rule) => Self::new(ProblemCode::InvalidMember, rule),
            SearchError::ModelMismatch { collection_model, server_model } => {
                Self::model_mismatch(&collection_model, &server_model)
            }
            SearchError::Port(error) => error.into(),
        }
    }
}

impl Problem {
    /// A collection that was never used by this tenant.
    pub(crate) fn collection_not_found(name: &str) -> Self {
        let detail = format!("there is no collection {name:?}: one comes to be with its first document");
        Self::new(ProblemCode::CollectionNotFound, detail)
    }

    /// A content beyond the limit.
    pub(crate) fn content_too_large(limit: millrace_domain::ByteSize) -> Self {
        let detail = format!(
            "the body of a request may carry a content of at most {limit} bytes: POST /v1/uploads gives a URL for a larger \
             one, or says how much it takes"
        );
        Self::new(ProblemCode::ContentTooLarge, detail)
    }

    /// An upload by URL that was not started.
    pub(crate) fn of_upload(error: AcceptError) -> Self {
        match error {
            AcceptError::TooLarge { limit } => {
                let detail = format!("an uploaded content may have at most {limit} bytes");
                Self::new(ProblemCode::ContentTooLarge, detail)
            }
            AcceptError::Empty => {
                Self::new(ProblemCode::EmptyContent, "a content of no bytes cannot be uploaded")
            }
            other => other.into(),
        }
    }

    fn announced_otherwise() -> Self {
        let detail = "the bytes are not those announced, by size or SHA-256, and were not kept: PUT the announced ones, or \
                      start an upload of these";
        Self::new(ProblemCode::UploadMismatch, detail)
    }

    fn model_mismatch(collection_model: &str, server_model: &str) -> Self {
        let detail = format!(
            "the collection's vectors come from {collection_model}, this server embeds with {server_model}: \
             use another collection, or a server with the collection's model"
        );
        Self::new(ProblemCode::ModelMismatch, detail)
    }
}

/// The answer about a document whose tombstone is set.
pub(crate) fn gone(document: &Document) -> Problem {
    let receipt = document.deletion.as_ref().and_then(|deletion| deletion.receipt.clone());
    let detail = match receipt {
        Some(_) => "the document is deleted; the receipt says what was removed",
        None => "the document is being deleted",
    };
    Problem::new(ProblemCode::DocumentDeleted, detail).with_receipt(receipt)
}

/// The answer to a refused command; about a deleted document it carries the receipt.
pub(crate) async fn refusal(api: &ApiContext, key: &DocumentKey, error: ExecuteError) -> Problem {
    let is_gone = matches!(error, ExecuteError::Refused(DocumentError::Gone));
    if is_gone && let Ok(Some(document)) = api.get_document.run(key).await {
        return gone(&document);
    }
    error.into()
}
