//! A small HTTP client for the tests: no retries, no cleverness, so that what the server says is what a test sees.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client as Legacy, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// How long a test waits for something to come about before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    http: Legacy<HttpConnector, Full<Bytes>>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { base: base.to_owned(), http: Legacy::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends a request; `Err` if the connection broke, as it does when the node is killed.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http.request(request.body(Full::new(body.into())).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }

    /// Uploads and gives the document's id.
    pub(crate) async fn upload(&self, filename: &str, content: impl Into<Bytes>) -> String {
        let headers = [("x-filename", filename), ("content-type", "application/octet-stream")];
        let accepted = self.send(Method::POST, "/v1/documents", &headers, content).await.expect(202);
        accepted["document_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn document(&self, id: &str) -> Value {
        self.get(&format!("/v1/documents/{id}")).await.json()
    }

    /// Waits until the document is in one of the states; fails on any other settled state.
    pub(crate) async fn wait_for(&self, id: &str, states: &[&str]) -> Value {
        let waited = Instant::now();
        loop {
            let document = self.document(id).await;
            let status = document["status"].as_str().unwrap_or_default().to_owned();
            if states.contains(&status.as_str()) {
                return document;
            }
            assert!(["processing", "deleting"].contains(&status.as_str()), "settled otherwise: {document}");
            assert!(waited.elapsed() < DEADLINE, "still not {states:?}: {document}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn ready(&self, id: &str) -> Value {
        self.wait_for(id, &["ready"]).await
    }

    pub(crate) async fn search(&self, query: &str) -> Vec<Value> {
        let answer = self.post("/v1/search", &json!({ "query": query, "limit": 50 })).await.expect(200);
        answer["hits"].as_array().unwrap().clone()
    }

    /// The documents that hold a word, by words: a made-up word has no meaning to be near to.
    pub(crate) async fn documents_with(&self, word: &str) -> Vec<String> {
        let hits = self.search(word).await;
        let holding = hits.iter().filter(|hit| hit["text"].as_str().unwrap().contains(word));
        let mut ids: Vec<String> =
            holding.map(|hit| hit["document_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The whole timeline, page by page.
    pub(crate) async fn timeline(&self, id: &str) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page =
                self.get(&format!("/v1/documents/{id}/timeline?after={after}&limit=50")).await.expect(200);
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_after"].as_u64() {
                Some(next) => after = next,
                None => return events,
            }
        }
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually<Held: Future<Output = bool>>(what: &str, condition: impl Fn() -> Held) {
    let waited = Instant::now();
    while !condition().await {
        assert!(waited.elapsed() < DEADLINE, "did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
