//! `OpenAiEmbedder`: the `Embedder` port over HTTP. Cuts texts into requests, bounds how many run at once, and keeps
//! the key out of sight. What the messages look like is `protocol`'s.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderValue, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use millrace_domain::ModelId;
use millrace_ports::{Embedder, EmbedderError, Embedding, EmbeddingModel, EmbeddingPurpose};
use tokio::sync::Semaphore;

use super::protocol::{self, Request};

/// A secret that neither `Debug` nor a log shows.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps the key as it goes into the `Authorization` header.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

/// Which service, and how it may be used.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// Up to and with the version, for example `https://api.openai.com/v1`; plain `http` works too.
    pub base_url: String,
    /// Sent as a bearer token; services on one's own machine often need none.
    pub api_key: Option<ApiKey>,
    /// The service's name of the model.
    pub model: String,
    /// Length of its vectors.
    pub dimensions: u16,
    /// Whether to ask for that length, which only some models can shorten to.
    pub request_dimensions: bool,
    /// Most tokens of one text that the model takes.
    pub tokens_max: u16,
    /// Most texts of one request.
    pub request_texts_max: NonZeroUsize,
    /// Most tokens of one request, estimated as a third of the bytes.
    pub request_tokens_max: usize,
    /// Most requests at once, over all calls.
    pub requests_max: NonZeroUsize,
    /// For one request with its answer.
    pub timeout: Duration,
}

impl OpenAiConfig {
    /// The usual limits: 128 texts or 100,000 tokens a request, four requests at once, 30 seconds.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>, dimensions: u16) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            dimensions,
            request_dimensions: false,
            tokens_max: 8191,
            request_texts_max: NonZeroUsize::new(128).unwrap_or(NonZeroUsize::MIN),
            request_tokens_max: 100_000,
            requests_max: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            timeout: Duration::from_secs(30),
        }
    }

    /// The model as collections remember it.
    ///
    /// # Errors
    /// `Invalid` if the service's name of the model cannot be part of an id.
    pub fn embedding_model(&self) -> Result<EmbeddingModel, EmbedderError> {
        let id = ModelId::new(format!("{}:{}", self.model, self.dimensions))
            .map_err(|error| EmbedderError::Invalid(error.to_string()))?;
        Ok(EmbeddingModel { id, dimensions: self.dimensions, tokens_max: self.tokens_max })
    }
}

/// Embeds by a remote service.
pub struct OpenAiEmbedder {
    config: OpenAiConfig,
    model: EmbeddingModel,
    uri: Uri,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// One permit a running request.
    permits: Semaphore,
}

/// Bytes that a token has at least in ordinary text, for estimates.
const TOKEN_BYTES: usize = 3;
/// Bytes of an answer per number, generously, and for the rest of it.
const ANSWER_BYTES_PER_NUMBER: usize = 40;
const ANSWER_BYTES_REST: usize = 64 * 1024;

impl OpenAiEmbedder {
    /// Checks the configuration; connects at the first use.
    pub fn new(config: OpenAiConfig) -> Result<Self, EmbedderError> {
        let invalid = |what: &str| EmbedderError::Invalid(what.to_owned());
        let uri: Uri = format!("{}/embeddings", config.base_url.trim_end_matches('/'))
            .parse()
            .map_err(|_| invalid("base URL is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(invalid("base URL needs http or https and a host"));
        }
        let authorization = config.api_key.as_ref().map(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.0))
                .map_err(|_| invalid("API key has characters that no header can carry"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let model = config.embedding_model()?;
        let (authorization, client) = (authorization.transpose()?, client()?);
        let permits = Semaphore::new(config.requests_max.get());
        Ok(Self { config, model, uri, authorization, client, permits })
    }

    /// Sends one request and reads its answer.
    async fn request(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedderError> {
        let body = Request {
            model: &self.config.model,
            input: texts,
            encoding_format: "float",
            dimensions: self.config.request_dimensions.then_some(self.config.dimensions),
        };
        let body = serde_json::to_vec(&body).map_err(|error| EmbedderError::Invalid(error.to_string()))?;
        let mut request = http::Request::post(&self.uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| EmbedderError::Invalid(error.to_string()))?;
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| EmbedderError::Unavailable("embedder is shut down".to_owned()))?;
        tokio::time::timeout(self.config.timeout, self.exchange(request, texts.len())).await.map_err(
            |_| {
                EmbedderError::Unavailable(format!("no answer within {} ms", self.config.timeout.as_millis()))
            },
        )?
    }

    async fn exchange(
        &self,
        request: http::Request<Full<Bytes>>,
        texts: usize,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| EmbedderError::Unavailable(format!("request failed: {error}")))?;
        let (head, body) = response.into_parts();
        let numbers = texts * usize::from(self.config.dimensions);
        let body = Limited::new(body, numbers * ANSWER_BYTES_PER_NUMBER + ANSWER_BYTES_REST)
            .collect()
            .await
            .map_err(|error| EmbedderError::Unavailable(format!("answer cut short: {error}")))?
            .to_bytes();
        if head.status.is_success() {
            protocol::read(&body, texts, self.config.dimensions)
        } else {
            Err(protocol::failure(head.status, &head.headers, &body))
        }
    }

    /// What of a text is sent: not more than the model takes, and not nothing, which services refuse.
    fn sent<'a>(&self, text: &'a str) -> &'a str {
        let end = text.floor_char_boundary(usize::from(self.config.tokens_max) * TOKEN_BYTES);
        if text.trim().is_empty() { " " } else { &text[..end] }
    }

    /// Divides texts into requests within the limits; a text that exceeds them alone goes alone.
    fn requests<'a>(&self, texts: &[&'a str]) -> Vec<Vec<&'a str>> {
        let (mut requests, mut tokens) = (Vec::<Vec<&str>>::new(), 0);
        for text in texts.iter().map(|text| self.sent(text)) {
            let size = text.len() / TOKEN_BYTES + 1;
            match requests.last_mut() {
                Some(request)
                    if request.len() < self.config.request_texts_max.get()
                        && tokens + size <= self.config.request_tokens_max =>
                {
                    request.push(text);
                    tokens += size;
                }
                _ => {
                    requests.push(vec![text]);
                    tokens = size;
                }
            }
        }
        requests
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, texts: &[&str], _: EmbeddingPurpose) -> Result<Vec<Embedding>, EmbedderError> {
        let requests = self.requests(texts);
        // A loop, since the compiler cannot name the lifetimes of a closure here.
        let mut answers = Vec::with_capacity(requests.len());
        for request in &requests {
            answers.push(self.request(request));
        }
        let answers: Vec<Vec<Embedding>> =
            futures::stream::iter(answers).buffered(self.config.requests_max.get()).try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiEmbedder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A client with the root certificates that browsers trust, compiled in, so that it works in an empty container.
fn client() -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, EmbedderError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(5)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .map_err(|error| EmbedderError::Invalid(format!("set up TLS: {error}")))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}
