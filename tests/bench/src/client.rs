//! The HTTP client of the benchmark: uploads, status, search. It follows no redirects and retries nothing, so that
//! what it measures is one request each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// A document that was waited for so many intervals is looked at less often: the time is then known to one part in so many,
/// and the server is not kept busy with the question.
const POLLS_EVEN: u32 = 100;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Talks to one server over kept-alive connections; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    authority: String,
    sent: Arc<AtomicU32>,
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) filename: String,
    pub(crate) media_type: &'static str,
    pub(crate) content: Bytes,
}

impl Upload {
    pub(crate) fn text(filename: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self { filename: filename.into(), media_type: "text/plain; charset=utf-8", content: content.into() }
    }
}

/// The answer to an upload.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) document_id: String,
}

/// How far a document is.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DocumentStatus {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) searchable_by: Vec<String>,
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) error: Option<serde_json::Value>,
}

/// Counts on the way; absent until known.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Progress {
    #[serde(default)]
    pub(crate) chunks_total: Option<u64>,
}

impl DocumentStatus {
    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    pub(crate) fn is_searchable_by_words(&self) -> bool {
        self.is_ready() || self.searchable_by.iter().any(|means| means == "words")
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.progress.and_then(|progress| progress.chunks_total).unwrap_or(0)
    }

    /// Ended without ever becoming ready.
    fn is_lost(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "cancelled" | "deleting" | "deleted")
    }
}

/// What is searched for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Search<'a> {
    pub(crate) query: &'a str,
    pub(crate) collection: &'a str,
    pub(crate) limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hits_per_document_max: Option<u32>,
}

/// One hit; only what the benchmark looks at.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Hit {
    pub(crate) filename: String,
}

/// The answer to a search.
#[derive(Debug, Deserialize)]
pub(crate) struct Hits {
    pub(crate) hits: Vec<Hit>,
    /// False if the query could not be embedded.
    pub(crate) by_meaning: bool,
}

impl Client {
    pub(crate) fn new(authority: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Self { http, authority, sent: Arc::default() }
    }

    /// Requests that this client and its clones have sent.
    pub(crate) fn requests_sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) async fn is_healthy(&self) -> bool {
        matches!(self.send(Method::GET, "/healthz", &[], Bytes::new()).await, Ok((status, _)) if status.is_success())
    }

    /// Uploads and returns as soon as the server has acknowledged.
    pub(crate) async fn upload(&self, collection: &str, upload: &Upload) -> Result<Accepted> {
        let filename = percent_encoded(&upload.filename);
        let headers = [("content-type", upload.media_type), ("x-filename", filename.as_str())];
        let path = format!("/v1/documents?collection={}", percent_encoded(collection));
        let answer = self.send(Method::POST, &path, &headers, upload.content.clone()).await?;
        parsed(answer, StatusCode::ACCEPTED).with_context(|| format!("upload {}", upload.filename))
    }

    pub(crate) async fn status(&self, document_id: &str) -> Result<DocumentStatus> {
        let answer =
            self.send(Method::GET, &format!("/v1/documents/{document_id}"), &[], Bytes::new()).await?;
        parsed(answer, StatusCode::OK).with_context(|| format!("status of {document_id}"))
    }

    pub(crate) async fn search(&self, search: &Search<'_>) -> Result<Hits> {
        let body = serde_json::to_vec(search)?;
        let headers = [("content-type", "application/json")];
        let answer = self.send(Method::POST, "/v1/search", &headers, body.into()).await?;
        parsed(answer, StatusCode::OK).context("search")
    }

    /// Polls a document until `reached` holds.
    pub(crate) async fn wait_until(
        &self,
        document_id: &str,
        timeout: Duration,
        reached: impl Fn(&DocumentStatus) -> bool,
    ) -> Result<DocumentStatus> {
        let begun = Instant::now();
        loop {
            let status = self.status(document_id).await?;
            if reached(&status) {
                return Ok(status);
            }
            if status.is_lost() {
                bail!("document {document_id} is {}: {:?}", status.status, status.error);
            }
            let waited = begun.elapsed();
            if waited > timeout {
                bail!("document {document_id} is still {} after {} s", status.status, timeout.as_secs());
            }
            tokio::time::sleep(POLL_INTERVAL.max(waited / POLLS_EVEN)).await;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body))?;
        let exchange = async {
            let response = self.http.request(request).await.with_context(|| format!("request {path}"))?;
            let status = response.status();
            let body =
                response.into_body().collect().await.with_context(|| format!("read the answer of {path}"))?;
            anyhow::Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(REQUEST_TIMEOUT, exchange)
            .await
            .with_context(|| format!("no answer to {path}"))?
    }
}

fn parsed<T: DeserializeOwned>((status, body): (StatusCode, Bytes), expected: StatusCode) -> Result<T> {
    if status != expected {
        let text = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
        bail!("expected {expected}, got {status}: {text}");
    }
    serde_json::from_slice(&body).context("the answer is not of the expected shape")
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_travel_as_ascii() {
        assert_eq!(percent_encoded("a b/é.txt"), "a%20b%2F%C3%A9.txt");
    }

    #[test]
    fn a_status_may_lack_what_is_not_known_yet() {
        let status: DocumentStatus = serde_json::from_str(r#"{"status":"processing"}"#).unwrap();
        assert!(!status.is_searchable_by_words() && status.chunks() == 0);
        let json = r#"{"status":"processing","searchable_by":["words"],"progress":{"chunks_total":7}}"#;
        let status: DocumentStatus = serde_json::from_str(json).unwrap();
        assert!(status.is_searchable_by_words() && !status.is_ready() && status.chunks() == 7);
    }
}
