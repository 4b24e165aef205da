//! The stable codes of problems, each with its status, title and whether the same request may succeed later. The
//! names are a contract; what exactly went wrong is the problem's detail, not a code of its own.

use http::StatusCode;

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal, retryable: $retryable:literal;)*) => {
        /// Why a request did not succeed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in JSON.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The same for every occurrence.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Whether the same request may succeed later.
            pub(crate) const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }
        }
    };
}

problem_codes! {
    /// The id in the path names nothing that could exist.
    InvalidDocumentId = "invalid_document_id", BAD_REQUEST, "Not a document id", retryable: false;
    /// A query parameter is unknown or cannot be read.
    InvalidQuery = "invalid_query", BAD_REQUEST, "Invalid query parameter", retryable: false;
    /// A cursor that no page gave.
    InvalidCursor = "invalid_cursor", BAD_REQUEST, "Invalid cursor", retryable: false;
    /// A header that cannot be read.
    InvalidHeader = "invalid_header", BAD_REQUEST, "Invalid header", retryable: false;
    /// Not JSON.
    MalformedJson = "malformed_json", BAD_REQUEST, "Malformed JSON", retryable: false;
    /// Not multipart/form-data as its own boundary has it.
    MalformedMultipart = "malformed_multipart", BAD_REQUEST, "Malformed multipart body", retryable: false;
    /// The body ended or broke before its end.
    IncompleteBody = "incomplete_body", BAD_REQUEST, "Incomplete body", retryable: true;
    /// No credentials, or none that are known.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Not authenticated", retryable: false;
    /// A browser asks on behalf of another site.
    ForeignOrigin = "foreign_origin", FORBIDDEN, "Request from another site", retryable: false;
    /// The signature of an upload's URL does not fit the request.
    UploadUrlInvalid = "upload_url_invalid", FORBIDDEN, "Upload URL not valid", retryable: false;
    /// No such route.
    RouteNotFound = "route_not_found", NOT_FOUND, "No such route", retryable: false;
    /// The tenant has no such document.
    DocumentNotFound = "document_not_found", NOT_FOUND, "No such document", retryable: false;
    /// The tenant has no such collection.
    CollectionNotFound = "collection_not_found", NOT_FOUND, "No such collection", retryable: false;
    /// The document is there, its content is not.
    ContentMissing = "content_missing", NOT_FOUND, "Content missing", retryable: false;
    /// The tenant has no such upload.
    UploadNotFound = "upload_not_found", NOT_FOUND, "No such upload", retryable: false;
    /// The route knows other methods.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed", retryable: false;
    /// The sender fell silent.
    BodyTimedOut = "body_timed_out", REQUEST_TIMEOUT, "Body timed out", retryable: true;
    /// The document's state does not allow it.
    NotPossible = "not_possible", CONFLICT, "Not possible in this state", retryable: false;
    /// Leftovers of the stopped attempt are being purged.
    NotYetPossible = "not_yet_possible", CONFLICT, "Not possible yet", retryable: true;
    /// A document stays in its collection.
    OtherCollection = "other_collection", CONFLICT, "Document belongs to another collection", retryable: false;
    /// The bytes of an upload are not there yet.
    UploadNotReceived = "upload_not_received", CONFLICT, "Upload not received yet", retryable: true;
    /// The first request under the key still runs.
    IdempotencyInProgress = "idempotency_in_progress", CONFLICT, "Request is in progress", retryable: true;
    /// The queue still moves what an earlier redrive asked for.
    RedriveInProgress = "redrive_in_progress", CONFLICT, "Redrive is in progress", retryable: true;
    /// The collection moves to another model.
    ReembeddingInProgress = "reembedding_in_progress", CONFLICT, "Re-embedding is in progress", retryable: false;
    /// Vectors of two models do not compare.
    ModelMismatch = "embedding_model_mismatch", CONFLICT, "Collection uses another model", retryable: false;
    /// Others changed the document over and over.
    ConcurrentChange = "concurrent_change", CONFLICT, "Concurrent change", retryable: true;
    /// The pages before were of another content.
    CursorOutdated = "cursor_outdated", CONFLICT, "Content was replaced", retryable: false;
    /// The tombstone is set.
    DocumentDeleted = "document_deleted", GONE, "Document is deleted", retryable: false;
    /// The URL of an upload is no longer good.
    UploadExpired = "upload_expired", GONE, "Upload expired", retryable: false;
    /// `If-Match` names another version.
    VersionDiffers = "version_differs", PRECONDITION_FAILED, "Version differs", retryable: false;
    /// Beyond the bound on contents or bodies.
    ContentTooLarge = "content_too_large", PAYLOAD_TOO_LARGE, "Content too large", retryable: false;
    /// This route reads another content type.
    UnsupportedContentType = "unsupported_content_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported content type", retryable: false;
    /// The range lies beyond the content.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "Range not satisfiable", retryable: false;
    /// No bytes at all.
    EmptyContent = "empty_content", UNPROCESSABLE_ENTITY, "Content is empty", retryable: false;
    /// The bytes of an upload are not those announced.
    UploadMismatch = "upload_mismatch", UNPROCESSABLE_ENTITY, "Content differs from what was announced", retryable: false;
    /// The key belongs to another request.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Idempotency key reused", retryable: false;
    /// A member or part is unknown, missing, or out of bounds.
    InvalidMember = "invalid_member", UNPROCESSABLE_ENTITY, "Invalid member", retryable: false;
    /// The answer is more than the gateway passes on.
    AnswerTooLarge = "answer_too_large", UNPROCESSABLE_ENTITY, "Answer too large", retryable: false;
    /// A fault of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error", retryable: false;
    /// Storage asks to come back later.
    Throttled = "throttled", SERVICE_UNAVAILABLE, "Throttled", retryable: true;
    /// Storage is out of reach.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Unavailable", retryable: true;
    /// The request took too long.
    TimedOut = "timed_out", GATEWAY_TIMEOUT, "Timed out", retryable: true;
}

impl ProblemCode {
    /// The problem's `type`: a name, not an address.
    pub(crate) fn type_uri(self) -> String {
        format!("urn:millrace:problem:{}", self.as_str().replace('_', "-"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_an_error_and_has_its_own_name() {
        let names: HashSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ProblemCode::ALL.len());
        for code in ProblemCode::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
        assert_eq!(ProblemCode::ContentTooLarge.type_uri(), "urn:millrace:problem:content-too-large");
    }

    #[test]
    fn who_is_told_to_come_back_is_told_that_it_is_worth_it() {
        for code in ProblemCode::ALL {
            let asks_back = matches!(code.status().as_u16(), 408 | 429 | 503 | 504);
            assert!(!asks_back || code.is_retryable(), "{code:?}");
        }
    }
}
