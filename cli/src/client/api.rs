//! One method for each route that the commands use: builds the call, reads the answer.
//! Repetition and time limits are the transport's; what an answer means for the user is the command's.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{CONTENT_TYPE, DATE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::Content;
use super::document::{ChunkPage, DocumentPage, DocumentState, EventPage, Fetched, SearchAnswer, Stats};
use super::server_url::percent_encoded;
use super::transport::{Call, Transport};
use super::{ClientError, FileContent, ServerUrl};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const X_FILENAME: HeaderName = HeaderName::from_static("x-filename");
const X_METADATA: HeaderName = HeaderName::from_static("x-metadata");

/// How often to ask again while the server says that something else must end first.
const CONFLICTS_MAX: u32 = 40;
const CONFLICT_PAUSE: Duration = Duration::from_millis(500);

/// Which server, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    pub(crate) server: ServerUrl,
    pub(crate) api_key: Option<String>,
}

/// The API of one server.
#[derive(Debug)]
pub(crate) struct Client {
    pub(super) transport: Transport,
}

/// Where an upload goes.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A new document.
    New { collection: String },
    /// The next generation of a document, if it is still in the version the entity tag names.
    Replace { document_id: String, if_match: Option<String> },
}

/// What describes the content.
#[derive(Debug, Clone)]
pub(crate) struct ContentHeaders {
    pub(crate) filename: String,
    pub(crate) media_type: &'static str,
    pub(crate) metadata: Map<String, Value>,
}

/// One upload.
#[derive(Debug)]
pub(crate) struct UploadRequest<'a> {
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a ContentHeaders,
    pub(crate) idempotency_key: &'a str,
    pub(crate) content: FileContent,
}

/// The server's promise to process an upload.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) document_id: String,
    /// Whether the server says that this repeats an earlier answer; none if it says nothing.
    pub(crate) replayed: Option<bool>,
    /// When the answer was given, by the server's clock, to the second.
    pub(crate) answered_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct AcceptedBody {
    document_id: String,
}

/// A document and the entity tag to ask for changes with.
#[derive(Debug)]
pub(crate) struct Tagged {
    pub(crate) state: Fetched<DocumentState>,
    pub(crate) etag: Option<String>,
}

/// Which documents to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListFilter {
    pub(crate) collection: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<String>,
}

/// A search as the server takes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Search {
    pub(crate) query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collection: Option<String>,
    pub(crate) limit: usize,
    #[serde(skip_serializing_if = "SearchFilter::is_empty")]
    pub(crate) filter: SearchFilter,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hits_per_document_max: Option<usize>,
}

/// What hits must belong to.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SearchFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) documents: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
}

impl SearchFilter {
    fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.metadata.is_empty()
    }
}

impl Client {
    pub(crate) fn new(settings: ClientSettings) -> anyhow::Result<Self> {
        Ok(Self { transport: Transport::new(settings.server, settings.api_key.as_deref())? })
    }

    /// Sends a file's content.
    pub(crate) async fn upload(&self, upload: UploadRequest<'_>) -> Result<Accepted, ClientError> {
        let mut call = match upload.target {
            Target::New { collection } => {
                let query = [("collection", Some(collection.clone()))];
                Call::new(Method::POST, self.address(&["v1", "documents"], &query)).repeatable()
            }
            Target::Replace { document_id, .. } => {
                Call::new(Method::PUT, self.document_address(document_id, &[]))
            }
        };
        call.headers = upload_headers(&upload);
        call.content = Content::File(upload.content);
        self.accepted(self.answer_to(&call).await?).await
    }

    /// Reads the answer to an accepted content.
    pub(super) async fn accepted(&self, response: Response<Incoming>) -> Result<Accepted, ClientError> {
        let replayed = flag(response.headers(), &IDEMPOTENCY_REPLAYED);
        let answered_at = date(response.headers());
        let text = self.text(response).await?;
        let body: AcceptedBody = read_json(&text, "the upload")?;
        Ok(Accepted { document_id: body.document_id, replayed, answered_at })
    }

    /// A document as it is now.
    pub(crate) async fn document(&self, document_id: &str) -> Result<Fetched<DocumentState>, ClientError> {
        match self.document_if_changed(document_id, None).await? {
            Some(tagged) => Ok(tagged.state),
            None => Err(ClientError::Unreadable {
                what: format!("the request for document {document_id}"),
                source: "it says 'not modified' to a request without an entity tag".into(),
            }),
        }
    }

    /// A document; none if it still is as the entity tag says.
    pub(crate) async fn document_if_changed(
        &self,
        document_id: &str,
        etag: Option<&str>,
    ) -> Result<Option<Tagged>, ClientError> {
        let mut call = Call::new(Method::GET, self.document_address(document_id, &[]));
        if let Some(value) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            call.headers.insert(IF_NONE_MATCH, value);
        }
        let response = self.transport.send(&call).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let response = self.transport.expect_success(response).await?;
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = self.text(response).await?;
        Ok(Some(Tagged { state: read_json(&text, "the request for a document")?, etag }))
    }

    /// One page of documents.
    pub(crate) async fn list(&self, filter: &ListFilter) -> Result<DocumentPage, ClientError> {
        let query = [
            ("collection", filter.collection.clone()),
            ("status", filter.status.clone()),
            ("label", filter.label.clone()),
            ("limit", filter.limit.map(|limit| limit.to_string())),
            ("cursor", filter.cursor.clone()),
        ];
        self.get(self.address(&["v1", "documents"], &query), "the list of documents").await
    }

    /// One page of a document's events, after the given sequence.
    pub(crate) async fn timeline(&self, document_id: &str, after: u64) -> Result<EventPage, ClientError> {
        let query = [("after", Some(after.to_string()))];
        self.get(self.document_part(document_id, "timeline", &query), "the timeline").await
    }

    /// One page of a document's chunks.
    pub(crate) async fn chunks(
        &self,
        document_id: &str,
        cursor: Option<String>,
    ) -> Result<ChunkPage, ClientError> {
        self.get(self.document_part(document_id, "chunks", &[("cursor", cursor)]), "the chunks").await
    }

    /// A document's content as it was uploaded; its body is still to be read.
    pub(crate) async fn content(&self, document_id: &str) -> Result<Response<Incoming>, ClientError> {
        let mut call = Call::new(Method::GET, self.document_part(document_id, "content", &[]));
        call.headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        self.answer_to(&call).await
    }

    /// The next part of a body that `content` began.
    pub(crate) async fn next_block(
        &self,
        response: &mut Response<Incoming>,
    ) -> Result<Option<Bytes>, ClientError> {
        use http_body_util::BodyExt as _;
        loop {
            let frame = tokio::time::timeout(super::transport::SILENCE_MAX, response.body_mut().frame());
            match frame.await.map_err(|_| self.transport.no_answer())? {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    // Anything else than data are trailers, which say nothing here.
                    if let Ok(block) = frame.into_data() {
                        return Ok(Some(block));
                    }
                }
                Some(Err(source)) => {
                    let url = self.transport.server().to_string();
                    return Err(ClientError::Broken { url, source: Box::new(source) });
                }
            }
        }
    }

    /// Asks for a document's deletion.
    pub(crate) async fn delete(&self, document_id: &str) -> Result<String, ClientError> {
        self.order(Call::new(Method::DELETE, self.document_address(document_id, &[]))).await
    }

    /// Asks to stop processing a document.
    pub(crate) async fn cancel(&self, document_id: &str) -> Result<String, ClientError> {
        self.order(Call::new(Method::POST, self.document_part(document_id, "cancel", &[]))).await
    }

    /// Asks to process a failed or cancelled document again.
    pub(crate) async fn retry(&self, document_id: &str) -> Result<String, ClientError> {
        self.order(Call::new(Method::POST, self.document_part(document_id, "retry", &[]))).await
    }

    /// Searches.
    pub(crate) async fn search(&self, search: &Search) -> Result<Fetched<SearchAnswer>, ClientError> {
        let body = serde_json::to_string(search).map_err(|source| ClientError::Unreadable {
            what: "the search itself".into(),
            source: Box::new(source),
        })?;
        let text = self
            .order(Call::new(Method::POST, self.address(&["v1", "search"], &[])).json(body).repeatable())
            .await?;
        read_json(&text, "the search")
    }

    /// Counts by collection.
    pub(crate) async fn stats(&self) -> Result<Fetched<Stats>, ClientError> {
        let text = self.order(Call::new(Method::GET, self.address(&["v1", "stats"], &[]))).await?;
        read_json(&text, "the statistics")
    }

    pub(crate) fn server(&self) -> &ServerUrl {
        self.transport.server()
    }

    async fn get<T: DeserializeOwned>(&self, address: String, what: &str) -> Result<T, ClientError> {
        let text = self.order(Call::new(Method::GET, address)).await?;
        serde_json::from_str(&text).map_err(|source| unreadable(what, source))
    }

    async fn order(&self, call: Call) -> Result<String, ClientError> {
        let response = self.answer_to(&call).await?;
        self.text(response).await
    }

    /// The answer of a call that succeeded. A conflict that passes by itself, such as the same upload under way or
    /// leftovers still being purged, is waited out.
    pub(super) async fn answer_to(&self, call: &Call) -> Result<Response<Incoming>, ClientError> {
        let mut conflicts = 0;
        loop {
            let response = self.transport.send(call).await?;
            match self.transport.expect_success(response).await {
                Err(error) if is_passing_conflict(&error) && conflicts < CONFLICTS_MAX => {
                    conflicts += 1;
                    tokio::time::sleep(CONFLICT_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) async fn text(&self, response: Response<Incoming>) -> Result<String, ClientError> {
        let body = self.transport.read(response).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    pub(super) fn address(&self, segments: &[&str], query: &[(&str, Option<String>)]) -> String {
        self.transport.server().address(segments, query)
    }

    fn document_address(&self, document_id: &str, query: &[(&str, Option<String>)]) -> String {
        self.address(&["v1", "documents", document_id], query)
    }

    fn document_part(&self, document_id: &str, part: &str, query: &[(&str, Option<String>)]) -> String {
        self.address(&["v1", "documents", document_id, part], query)
    }
}

fn upload_headers(upload: &UploadRequest<'_>) -> HeaderMap {
    let ascii =
        |text: &str| HeaderValue::from_str(text).expect("percent-encoded, escaped or hexadecimal: ASCII");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(upload.headers.media_type));
    headers.insert(X_FILENAME, ascii(&percent_encoded(&upload.headers.filename)));
    headers.insert(IDEMPOTENCY_KEY, ascii(upload.idempotency_key));
    if !upload.headers.metadata.is_empty() {
        headers.insert(X_METADATA, ascii(&ascii_json(&upload.headers.metadata)));
    }
    if let Target::Replace { if_match: Some(etag), .. } = upload.target
        && let Ok(value) = HeaderValue::from_str(etag)
    {
        headers.insert(IF_MATCH, value);
    }
    headers
}

/// The object as JSON in ASCII, as a header must be: what lies beyond is written as `\uXXXX`.
fn ascii_json(object: &Map<String, Value>) -> String {
    let mut text = String::new();
    for character in Value::Object(object.clone()).to_string().chars() {
        if character.is_ascii() && character != '\u{7f}' {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn is_passing_conflict(error: &ClientError) -> bool {
    error.problem().is_some_and(|problem| problem.status == 409 && problem.retryable == Some(true))
}

pub(super) fn flag(headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?.to_utc())
}

pub(super) fn read_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, ClientError> {
    serde_json::from_str(text).map_err(|source| unreadable(what, source))
}

fn unreadable(what: &str, source: serde_json::Error) -> ClientError {
    ClientError::Unreadable { what: what.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_fits_a_header_and_reads_back() {
        let object = serde_json::json!({"Autor": "Zoë 📚", "jahr": 2025, "note": "a\"b\n\u{7f}"});
        let object = object.as_object().unwrap();
        let text = ascii_json(object);
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
        assert_eq!(&serde_json::from_str::<Map<String, Value>>(&text).unwrap(), object);
    }

    #[test]
    fn a_search_says_only_what_was_asked() {
        let search = Search {
            query: "rain".into(),
            collection: None,
            limit: 5,
            filter: SearchFilter::default(),
            hits_per_document_max: None,
        };
        assert_eq!(serde_json::to_string(&search).unwrap(), r#"{"query":"rain","limit":5}"#);
    }
}
