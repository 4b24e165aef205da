//! Takes a request with a content apart: description and byte stream for the use case, and afterwards the one problem to
//! answer with. Raw bodies and forms come out alike.

use axum::extract::Request;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use millrace_application::{AcceptError, Accepted, ContentUpload};
use millrace_domain::{CollectionName, IdempotencyKey, Trace};
use millrace_ports::ByteStream;
use serde_json::{Map, Value};

use super::description::{self, Headers};
use super::incoming::{BodyOutcome, stream_of};
use super::multipart::{Form, is_form};
use crate::context::ApiSettings;
use crate::problem::{Problem, ProblemCode};

/// What a form may add to its file, for refusing by the declared length alone.
const FORM_OVERHEAD_BYTES_MAX: u64 = 128 * 1024;

/// A content on its way in.
pub(crate) struct Intake {
    /// Where it shall go, if the request says so.
    pub(crate) collection: Option<CollectionName>,
    /// Its name.
    pub(crate) filename: String,
    /// Whether and under which key the request may be repeated.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    declared_media_type: Option<String>,
    metadata: Map<String, Value>,
    content: ByteStream,
    reception: Reception,
}

/// What is left to do with a body once the use case has had it.
pub(crate) struct Reception {
    outcome: BodyOutcome,
    waits_for_continue: bool,
}

impl Intake {
    /// Reads what describes the content, up to its first byte. `collection` is what the query says.
    pub(crate) async fn open(
        settings: &ApiSettings,
        collection: Option<CollectionName>,
        request: Request,
    ) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let outcome = BodyOutcome::default();
        let waits_for_continue = head
            .headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let content = stream_of(body, &outcome, settings.body_silence_max);
        let reception = Reception { outcome, waits_for_continue };
        match Self::describe(settings, collection, &head.headers, content, &reception.outcome).await {
            Ok(described) => Ok(Self { reception, ..described }),
            Err(problem) => Err(reception.refuse(problem).await),
        }
    }

    async fn describe(
        settings: &ApiSettings,
        collection: Option<CollectionName>,
        headers: &HeaderMap,
        content: ByteStream,
        outcome: &BodyOutcome,
    ) -> Result<Self, Problem> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let overhead = if is_form(content_type) { FORM_OVERHEAD_BYTES_MAX } else { 0 };
        let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > settings.content_bytes_max.get() + overhead) {
            return Err(Problem::content_too_large(settings.content_bytes_max));
        }
        let said = Headers::of(headers)?;
        let reception = Reception { outcome: outcome.clone(), waits_for_continue: false };
        if !is_form(content_type) {
            return Ok(Self {
                collection,
                filename: description::filename_of(
                    said.filename.as_deref(),
                    description::disposition(headers),
                ),
                idempotency_key: said.idempotency_key,
                declared_media_type: description::raw_media_type(headers)?,
                metadata: said.metadata.unwrap_or_default(),
                content,
                reception,
            });
        }
        let form = Form::read(content_type, content, outcome).await?;
        let disposition = description::disposition(&form.file_headers);
        Ok(Self {
            collection: one_of("collection", collection, form.collection)?,
            filename: description::filename_of(said.filename.as_deref(), disposition),
            idempotency_key: said.idempotency_key,
            declared_media_type: description::media_type(&form.file_headers)?,
            metadata: one_of("metadata", said.metadata, form.metadata)?.unwrap_or_default(),
            content: form.content,
            reception,
        })
    }

    /// What the use case takes, and what is left to do after it.
    pub(crate) fn into_upload(self, collection: CollectionName, trace: Trace) -> (ContentUpload, Reception) {
        let upload = ContentUpload {
            collection,
            filename: self.filename,
            declared_media_type: self.declared_media_type,
            metadata: self.metadata,
            idempotency_key: self.idempotency_key,
            trace,
            content: self.content,
        };
        (upload, self.reception)
    }

    /// Refuses before the use case was called.
    pub(crate) async fn refuse(self, problem: Problem) -> Problem {
        drop(self.content);
        self.reception.refuse(problem).await
    }
}

impl Reception {
    /// The use case's answer. Where the body itself was at fault, that is the problem, not that storing it failed.
    pub(crate) async fn finish(self, accepted: Result<Accepted, AcceptError>) -> Result<Accepted, Problem> {
        let error = match accepted {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        let problem = self.outcome.problem().unwrap_or_else(|| error.into());
        Err(self.refuse(problem).await)
    }

    async fn refuse(self, problem: Problem) -> Problem {
        self.outcome.linger(self.waits_for_continue).await;
        problem
    }
}

/// A value that may stand in the request's head or in its form, but not differently in both.
fn one_of<T: PartialEq>(what: &str, head: Option<T>, form: Option<T>) -> Result<Option<T>, Problem> {
    match (head, form) {
        (Some(head), Some(form)) if head != form => {
            let detail = format!("{what} is given twice, and differently: say it beside the form or in it");
            Err(Problem::new(ProblemCode::InvalidMember, detail))
        }
        (head, form) => Ok(form.or(head)),
    }
}
