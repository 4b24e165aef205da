//! Sends requests: one connection pool, TLS, time limits, repetition. Knows no route and reads no answer.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::{Body, Content};
use super::retry::{Obstacle, obstacle_in, pause_before_retry};
use super::{ClientError, Problem, ServerUrl};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time without any byte taken or given. A slow upload of a large file stays within it.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest answer that is held in memory: a page of 200 documents or chunks is far below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const USER_AGENT_TEXT: &str = concat!("millrace-cli/", env!("CARGO_PKG_VERSION"));

/// One request, as often as it must be sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    /// Whether carrying it out twice has the effect of once.
    pub(crate) repeatable: bool,
    /// Whether it goes without the API key: its address is all the authority it needs, and may be another server's.
    pub(crate) anonymous: bool,
}

impl Call {
    pub(crate) fn new(method: Method, address: String) -> Self {
        // GET, PUT and DELETE by their definition; a POST says so itself.
        let repeatable = method.is_idempotent();
        Self {
            method,
            address,
            headers: HeaderMap::new(),
            content: Content::None,
            repeatable,
            anonymous: false,
        }
    }

    pub(crate) fn json(mut self, text: String) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.content = Content::Json(Bytes::from(text));
        self
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// The address as it may be logged: a signed one without its signature.
    fn loggable_address(&self) -> &str {
        let end = self.address.find('?').filter(|_| self.anonymous).unwrap_or(self.address.len());
        &self.address[..end]
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }
}

/// The connections to one server.
#[derive(Debug)]
pub(crate) struct Transport {
    pool: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    server: ServerUrl,
    authorization: Option<HeaderValue>,
    /// Whether any call got through: decides how patient a failed connection is met.
    reached: AtomicBool,
}

impl Transport {
    pub(crate) fn new(server: ServerUrl, api_key: Option<&str>) -> anyhow::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("setting up TLS")?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build::<_, Body>(https);
        let authorization = api_key.map(authorization_of).transpose()?;
        Ok(Self { pool, server, authorization, reached: AtomicBool::new(false) })
    }

    /// Sends until there is an answer that stands. An error status is an answer, too: see `expect_success`.
    pub(crate) async fn send(&self, call: &Call) -> Result<Response<Incoming>, ClientError> {
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(call).await;
            let Some(obstacle) = self.obstacle(&outcome) else { return outcome };
            let Some(pause) = pause_before_retry(obstacle, attempt, call.repeatable) else { return outcome };
            tracing::debug!(
                attempt,
                pause_ms = pause.as_millis(),
                ?obstacle,
                "repeating {} {}",
                call.method,
                call.loggable_address()
            );
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// The whole answer of a call that succeeded; otherwise the server's problem as an error.
    pub(crate) async fn expect_success(
        &self,
        response: Response<Incoming>,
    ) -> Result<Response<Incoming>, ClientError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let location =
            response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = self.read(response).await?;
        Err(ClientError::Refused(Box::new(Problem::from_answer(status, location.as_deref(), &body))))
    }

    /// The body of an answer, up to `ANSWER_BYTES_MAX`.
    pub(crate) async fn read(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        match tokio::time::timeout(SILENCE_MAX, body).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(source)) => Err(ClientError::Broken { url: self.server.to_string(), source }),
            Err(_) => Err(self.no_answer()),
        }
    }

    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    pub(crate) fn no_answer(&self) -> ClientError {
        ClientError::NoAnswer { url: self.server.to_string(), after: SILENCE_MAX }
    }

    async fn attempt(&self, call: &Call) -> Result<Response<Incoming>, ClientError> {
        let sent = Arc::new(AtomicU64::new(0));
        let request = self.request(call, call.content.body(&sent).await?)?;
        let mut answer = std::pin::pin!(self.pool.request(request));
        let mut sent_before = 0;
        // The silence is broken by every block the connection takes, so that only a stalled upload runs into it.
        let outcome = loop {
            match tokio::time::timeout(SILENCE_MAX, &mut answer).await {
                Ok(outcome) => break outcome,
                Err(_) => {
                    let sent_now = sent.load(Ordering::Relaxed);
                    if sent_now == sent_before {
                        return Err(self.no_answer());
                    }
                    sent_before = sent_now;
                }
            }
        };
        match outcome {
            Ok(response) => {
                self.reached.store(true, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => Err(self.classified(error)),
        }
    }

    fn request(&self, call: &Call, body: Body) -> Result<Request<Body>, ClientError> {
        let mut request =
            Request::builder().method(&call.method).uri(&call.address).body(body).map_err(|source| {
                ClientError::Unreachable { url: self.server.to_string(), source: Box::new(source) }
            })?;
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if let Some(length) = call.content.length_bytes() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(authorization) = self.authorization.as_ref().filter(|_| !call.anonymous) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    fn classified(&self, error: legacy::Error) -> ClientError {
        let url = self.server.to_string();
        if error.is_connect() {
            return ClientError::Unreachable { url, source: Box::new(error) };
        }
        ClientError::Broken { url, source: Box::new(error) }
    }

    fn obstacle(&self, outcome: &Result<Response<Incoming>, ClientError>) -> Option<Obstacle> {
        match outcome {
            Ok(response) => obstacle_in(response.status(), response.headers(), now()),
            Err(ClientError::Unreachable { source, .. }) if is_temporary(source.as_ref()) => {
                Some(Obstacle::NotConnected { reached_before: self.reached.load(Ordering::Relaxed) })
            }
            Err(ClientError::Broken { source, .. }) if is_temporary(source.as_ref()) => {
                Some(Obstacle::OutcomeUnknown)
            }
            Err(_) => None,
        }
    }
}

fn authorization_of(api_key: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", api_key.trim()))
        .map_err(|_| anyhow::anyhow!("the API key holds a character that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn now() -> DateTime<Utc> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// A certificate that is not accepted now is not accepted in a second, and what does not speak HTTP will not learn it.
fn is_temporary(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        let is_certificate =
            current.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()).is_some_and(|inner| {
                matches!(inner.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
            });
        let is_not_http = current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        if is_certificate || is_not_http {
            return false;
        }
        cause = current.source();
    }
    true
}
