//! An HTTP client that answers from a list, in order, and keeps what it was asked: for tests that pin requests and errors.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::aws_connection::ATTEMPTS_MAX;
use super::{AwsConnection, AwsSettings};

/// What comes back for one request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: String,
    },
    /// The connection breaks after the request was sent: nobody knows whether it took effect.
    Reset,
}

impl Reply {
    /// An answer without headers.
    pub(crate) fn of(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// 200 with a body.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::of(200, body)
    }

    /// The same answer with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct SentRequest {
    /// Its method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    /// Its body, whole.
    pub(crate) body: Bytes,
}

impl SentRequest {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A connection that never leaves the process.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    sent: Arc<Mutex<Vec<SentRequest>>>,
}

impl Replay {
    /// Answers with these, in this order; then every request fails the test.
    pub(crate) fn of(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        Self { replies, sent: Arc::default() }
    }

    /// The connection, with the usual number of attempts and no pauses between them. A throttled call is tried again, too:
    /// give as many replies.
    pub(crate) fn connection(&self) -> AwsConnection {
        let settings = AwsSettings {
            region: Region::from_static("eu-central-1"),
            endpoint_url: None,
            service_endpoint_urls: Default::default(),
            credentials: Credentials::from_keys("AKIDEXAMPLE", "secret", None),
        };
        let retries =
            RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_max_backoff(Duration::ZERO);
        let connector = SharedHttpConnector::new(self.clone());
        AwsConnection::with_retries(&settings, http_client_fn(move |_, _| connector.clone()), retries)
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Vec<SentRequest> {
        self.sent.lock().unwrap().clone()
    }

    /// That everything was asked for.
    pub(crate) fn assert_used_up(&self) {
        let left = self.replies.lock().unwrap();
        assert!(left.is_empty(), "nobody asked for {left:?}");
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (replies, sent) = (Arc::clone(&self.replies), Arc::clone(&self.sent));
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().unwrap();
            let (parts, body) = request.into_parts();
            let headers = parts.headers.iter();
            let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            let sent_request = SentRequest {
                method: parts.method.to_string(),
                target: parts.uri.path_and_query().unwrap().to_string(),
                headers: headers.collect(),
                body: body.collect().await.unwrap().to_bytes(),
            };
            let shown = format!("{} {}", sent_request.method, sent_request.target);
            sent.lock().unwrap().push(sent_request);
            let reply = replies.lock().unwrap().pop_front();
            match reply.unwrap_or_else(|| panic!("no reply is left for {shown}")) {
                Reply::Reset => {
                    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
                    Err(ConnectorError::io(reset.into()))
                }
                Reply::Answer { status, headers, body } => {
                    let status = StatusCode::try_from(status).unwrap();
                    let mut response = HttpResponse::new(status, SdkBody::from(body));
                    for (name, value) in headers {
                        response.headers_mut().append(name, value);
                    }
                    Ok(response)
                }
            }
        })
    }
}
