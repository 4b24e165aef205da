//! A tenant's HTTP client: no retries, no cleverness, so that what the API says is what a test sees.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::emulated_aws::{DEADLINE, eventually};
use crate::stack::Stack;

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Answers that say that the same request may succeed later.
const LATER: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// One tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its name.
    pub(crate) name: String,
    base: String,
    authorization: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }
}

impl Tenant {
    /// A new tenant with a key.
    pub(crate) async fn new(stack: &Stack, name: &str) -> Self {
        let secret = stack.aws.create_key(name).await;
        Self {
            name: name.to_owned(),
            base: stack.api_url.clone(),
            authorization: format!("Bearer {secret}"),
            http: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
        }
    }

    /// The same tenant with another key.
    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        Self { authorization: format!("Bearer {secret}"), ..self.clone() }
    }

    /// Sends a request to the API.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let authorization = ("authorization", self.authorization.as_str());
        let headers = [headers, &[authorization]].concat();
        self.send_to(&format!("{}{path}", self.base), method, &headers, body.into()).await
    }

    /// Sends a request to anywhere.
    pub(crate) async fn send_to(
        &self,
        url: &str,
        method: Method,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Uploads a text and gives the document's id.
    pub(crate) async fn upload(&self, text: impl Into<Bytes>) -> String {
        let headers = [("x-filename", "note.txt"), ("content-type", "text/plain")];
        let answer = self.send(Method::POST, "/v1/documents", &headers, text).await;
        let location = answer.headers.get("location").cloned();
        let id = answer.expect(202)["document_id"].as_str().unwrap().to_owned();
        assert_eq!(location.unwrap(), format!("/v1/documents/{id}"));
        id
    }

    /// Uploads as a client does that wants one document whatever goes wrong: the same request with the same key until it
    /// is accepted.
    pub(crate) async fn upload_until_accepted(&self, text: &str) -> String {
        let headers =
            [("x-filename", "note.txt"), ("content-type", "text/plain"), ("idempotency-key", "the-one")];
        let waited = Instant::now();
        loop {
            let answer = self.send(Method::POST, "/v1/documents", &headers, text.to_owned()).await;
            if !LATER.contains(&answer.status) && answer.status != StatusCode::CONFLICT {
                return answer.expect(202)["document_id"].as_str().unwrap().to_owned();
            }
            assert!(waited.elapsed() < DEADLINE, "never accepted: {answer:?}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub(crate) async fn document(&self, id: &str) -> Value {
        self.get(&format!("/v1/documents/{id}")).await.expect(200)
    }

    /// Waits until the document is in this state; fails on any other settled state.
    pub(crate) async fn wait_for(&self, id: &str, state: &str) -> Value {
        let waited = Instant::now();
        loop {
            let document = self.document(id).await;
            let status = document["status"].as_str().unwrap_or_default().to_owned();
            if status == state {
                return document;
            }
            assert!(["processing", "deleting"].contains(&status.as_str()), "settled otherwise: {document}");
            assert!(waited.elapsed() < DEADLINE, "still not {state} for {}: {document}", self.name);
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub(crate) async fn search(&self, query: &str) -> Value {
        self.post("/v1/search", &json!({ "query": query, "limit": 50 })).await.expect(200)
    }

    /// The documents whose hits hold a word: a made-up word has no meaning to be near to.
    pub(crate) async fn documents_with(&self, word: &str) -> Vec<String> {
        let found = self.search(word).await;
        let hits = found["hits"].as_array().unwrap().iter();
        let holding = hits.filter(|hit| hit["text"].as_str().unwrap().contains(word));
        let mut ids: Vec<_> = holding.map(|hit| hit["document_id"].as_str().unwrap().to_owned()).collect();
        ids.dedup();
        ids
    }

    /// Waits until the projector lists the document as ready.
    pub(crate) async fn listed(&self, id: &str) {
        eventually("the projector lists it", async || {
            let list = self.get("/v1/documents?status=ready").await.expect(200);
            list["documents"][0]["document_id"] == id
        })
        .await;
    }

    /// The whole history.
    pub(crate) async fn timeline(&self, id: &str) -> Vec<Value> {
        let page = self.get(&format!("/v1/documents/{id}/timeline?limit=100")).await.expect(200);
        assert!(page["next_after"].is_null(), "one page holds it");
        page["events"].as_array().unwrap().clone()
    }
}
