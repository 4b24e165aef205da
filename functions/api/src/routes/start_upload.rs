//! `POST /v1/uploads`: a URL for one content that is too large for a request's body, or better put elsewhere.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, Method};
use millrace_application::{AnnouncedContent, Replaced};
use millrace_domain::{ByteSize, CollectionName, ContentHash, Document, DocumentError, DocumentId};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::body::{idempotency_key_of, media_type_of};
use crate::caller::Caller;
use crate::conditional::IfMatch;
use crate::context::{ApiContext, ApiState};
use crate::filename::{UNTITLED, sanitised};
use crate::metadata;
use crate::operation::{Access, Answer, Operation, Pace, Parameter, RequestBody};
use crate::parameters::JsonOf;
use crate::problem::{Problem, ProblemCode, gone};
use crate::public_address::PublicAddress;
use crate::responses::UploadResponse;

/// A content that is about to be uploaded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUpload")]
struct NewUpload {
    /// The content's name.
    filename: String,
    /// What it is, with parameters such as `charset`; found out by content if nothing is said.
    #[serde(default)]
    media_type: Option<String>,
    /// How many bytes, at least 1.
    size: u64,
    /// The SHA-256 of the bytes, as 64 hexadecimal digits.
    sha256: String,
    /// Where the document shall belong; `default` if nothing is said, or where the document named by `document_id` is.
    #[serde(default)]
    collection: Option<CollectionName>,
    /// Key-value pairs for filters: 4096 bytes, 32 keys.
    #[serde(default)]
    metadata: Map<String, Value>,
    /// The document whose next content this is; a new document if nothing is said.
    #[serde(default)]
    document_id: Option<DocumentId>,
}

pub(super) fn operation() -> Operation {
    let body = SchemaGenerator::subschema_for::<NewUpload>;
    Operation {
        method: Method::POST,
        path: "/v1/uploads",
        id: "startUpload",
        summary: "Start an upload by URL: put the bytes to `url`, then post to `complete_url`.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::header(
                "If-Match",
                "With `document_id`: the entity tag of the version that may be replaced.",
            ),
            Parameter::header(
                "Idempotency-Key",
                "Repeating a request with the same key continues the same upload.",
            ),
        ],
        request: Some(RequestBody { contents: vec![("application/json", body)] }),
        answers: vec![
            Answer::json::<UploadResponse>(201, "Started; nothing is stored yet.")
                .with_headers(&[("Idempotency-Replayed", "`true` if the upload was started before.")]),
        ],
        problems: &[
            ProblemCode::InvalidHeader,
            ProblemCode::MalformedJson,
            ProblemCode::IncompleteBody,
            ProblemCode::UnsupportedContentType,
            ProblemCode::InvalidMember,
            ProblemCode::ContentTooLarge,
            ProblemCode::EmptyContent,
            ProblemCode::DocumentNotFound,
            ProblemCode::DocumentDeleted,
            ProblemCode::OtherCollection,
            ProblemCode::VersionDiffers,
            ProblemCode::IdempotencyInProgress,
            ProblemCode::IdempotencyKeyReused,
            ProblemCode::ModelMismatch,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    address: PublicAddress,
    headers: HeaderMap,
    JsonOf(upload): JsonOf<NewUpload>,
) -> Result<Response, Problem> {
    let condition = IfMatch::of(&headers)?;
    let (target, collection, content) = announced(&headers, &caller, upload)?;
    let (replaced, collection) = match target {
        None if condition != IfMatch::Anything => {
            let detail = "If-Match is about the document that `document_id` names, and none is named";
            return Err(Problem::new(ProblemCode::InvalidHeader, detail));
        }
        None => (None, collection.unwrap_or_default()),
        Some(document_id) => {
            let repeated = content.idempotency_key.is_some();
            let (replaced, document) = replaced(&api, &caller, document_id, &condition, repeated).await?;
            if collection.is_some_and(|collection| collection != document.collection) {
                return Err(DocumentError::OtherCollection { actual: document.collection }.into());
            }
            (Some(replaced), document.collection)
        }
    };
    let content = AnnouncedContent { collection, ..content };
    let started = api.start_upload.run(caller.tenant_id, replaced, content).await;
    Ok(UploadResponse::answer(&address, started.map_err(Problem::of_upload)?))
}

/// Holds what is announced to its bounds.
fn announced(
    headers: &HeaderMap,
    caller: &Caller,
    upload: NewUpload,
) -> Result<(Option<DocumentId>, Option<CollectionName>, AnnouncedContent), Problem> {
    let sha256 = ContentHash::try_from(upload.sha256.to_ascii_lowercase())
        .map_err(|rule| Problem::new(ProblemCode::InvalidMember, format!("`sha256` is not one: {rule}")))?;
    metadata::check_whole("`metadata`", &upload.metadata)?;
    let content = AnnouncedContent {
        collection: CollectionName::default(),
        filename: sanitised(&upload.filename).unwrap_or_else(|| UNTITLED.to_owned()),
        declared_media_type: upload.media_type.as_deref().map(media_type_of).transpose()?,
        size: ByteSize::new(upload.size),
        sha256,
        metadata: upload.metadata,
        idempotency_key: idempotency_key_of(headers)?,
        trace: caller.trace.clone(),
    };
    Ok((upload.document_id, upload.collection, content))
}

/// The document as it is now. As with a content in a request, one under an idempotency key may repeat a request that was
/// carried out, and is owed its answer whatever became of the document since.
async fn replaced(
    api: &ApiContext,
    caller: &Caller,
    document_id: DocumentId,
    condition: &IfMatch,
    repeated: bool,
) -> Result<(Replaced, Document), Problem> {
    let key = caller.key(document_id);
    let document = api.get_document.run(&key).await?.ok_or(DocumentError::NotFound)?;
    if repeated {
        return Ok((Replaced::of(key, &document, condition.expect(document.version)), document));
    }
    if document.status.is_gone() {
        return Err(gone(&document));
    }
    let if_version = condition.require(document.version)?;
    Ok((Replaced::of(key, &document, if_version), document))
}
