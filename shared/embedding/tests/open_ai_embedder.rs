//! `OpenAiEmbedder` against a stand-in server in this process, over plain HTTP. TLS and real services are not tried.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(feature = "openai")]

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use millrace_embedding::{ApiKey, OpenAiConfig, OpenAiEmbedder};
use millrace_ports::{Embedder, EmbedderError, EmbeddingPurpose};
use serde_json::{Value, json};

/// What the server saw: path, authorization, body.
type Seen = Arc<Mutex<Vec<(String, String, Value)>>>;

/// Starts a server that answers each request as `answer` says, by its texts. Returns its base URL.
async fn serve(answer: fn(&[Value]) -> Response<String>) -> (String, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                    let log = Arc::clone(&log);
                    async move {
                        let header =
                            |name| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
                        let (path, key) = (request.uri().path().to_owned(), header("authorization"));
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let body: Value = serde_json::from_slice(&body).unwrap();
                        let response = answer(body["input"].as_array().unwrap());
                        log.lock().unwrap().push((path, key.unwrap_or_default(), body));
                        Ok::<_, Infallible>(response.map(|body| Full::new(Bytes::from(body))))
                    }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (url, seen)
}

/// Each text is a number and becomes a vector in its direction; rows come in reverse.
fn vectors(texts: &[Value]) -> Response<String> {
    let rows: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let x: f32 = text.as_str().unwrap().trim().parse().unwrap_or(0.0);
            json!({"index": index, "embedding": [3.0 * x, 4.0 * x, 1e-6]})
        })
        .rev()
        .collect();
    Response::new(json!({"object": "list", "data": rows}).to_string())
}

fn config(url: String) -> OpenAiConfig {
    OpenAiConfig { api_key: Some(ApiKey::new("sk-secret")), ..OpenAiConfig::new(url, "tiny", 3) }
}

async fn failing(answer: fn(&[Value]) -> Response<String>) -> EmbedderError {
    let (url, _) = serve(answer).await;
    let config = OpenAiConfig { timeout: Duration::from_millis(500), ..config(url) };
    OpenAiEmbedder::new(config).unwrap().embed(&["1"], EmbeddingPurpose::Passage).await.unwrap_err()
}

#[tokio::test]
async fn many_texts_become_several_requests_and_come_back_in_order() {
    let (url, seen) = serve(vectors).await;
    let config = OpenAiConfig { request_texts_max: NonZeroUsize::new(3).unwrap(), ..config(url) };
    let embedder = OpenAiEmbedder::new(config).unwrap();
    let texts: Vec<String> =
        (1..=10).map(|n| if n % 2 == 0 { format!("-{n}") } else { n.to_string() }).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embeddings = embedder.embed(&texts, EmbeddingPurpose::Passage).await.unwrap();
    assert_eq!(embeddings.len(), 10);
    for (index, embedding) in embeddings.iter().enumerate() {
        let sign = if index % 2 == 1 { -1.0 } else { 1.0 };
        assert!((embedding.0[0] - 0.6 * sign).abs() < 1e-5, "{index}: {embedding:?}");
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    for (path, key, body) in seen.iter() {
        assert_eq!((path.as_str(), key.as_str()), ("/v1/embeddings", "Bearer sk-secret"));
        assert_eq!(body["model"], "tiny");
        assert_eq!(body.get("dimensions"), None);
    }
}

#[tokio::test]
async fn nothing_asks_nothing_and_empty_texts_are_not_sent_empty() {
    let (url, seen) = serve(vectors).await;
    let embedder = OpenAiEmbedder::new(config(url)).unwrap();
    assert_eq!(embedder.embed(&[], EmbeddingPurpose::Query).await, Ok(vec![]));
    assert!(seen.lock().unwrap().is_empty());
    embedder.embed(&["", "1"], EmbeddingPurpose::Query).await.unwrap();
    assert_eq!(seen.lock().unwrap()[0].2["input"], json!([" ", "1"]));
}

#[tokio::test]
async fn requests_are_bounded_in_tokens() {
    let (url, seen) = serve(vectors).await;
    let config = OpenAiConfig { request_tokens_max: 20, tokens_max: 10, ..config(url) };
    let embedder = OpenAiEmbedder::new(config).unwrap();
    let long = "1".repeat(100);
    embedder.embed(&[&long, "2", &long, "3"], EmbeddingPurpose::Passage).await.unwrap();
    let seen = seen.lock().unwrap();
    let lengths: Vec<usize> = seen
        .iter()
        .flat_map(|(_, _, body)| body["input"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().len()))
        .collect();
    assert_eq!(seen.len(), 2);
    assert!(lengths.iter().all(|length| *length <= 30), "{lengths:?}");
}

#[tokio::test]
async fn failures_have_their_kind() {
    let throttled =
        failing(|_| Response::builder().status(429).header("retry-after", "2").body(String::new()).unwrap());
    assert_eq!(throttled.await, EmbedderError::Throttled { retry_after_ms: Some(2_000) });
    let broken = failing(|_| Response::builder().status(500).body("oops".to_owned()).unwrap());
    assert!(matches!(broken.await, EmbedderError::Unavailable(_)));
    let gone = failing(|_| Response::builder().status(503).body("<html>no backend".to_owned()).unwrap());
    assert_eq!(gone.await, EmbedderError::Unavailable("status 503".to_owned()));
    let refused = failing(|_| Response::builder().status(400).body("{}".to_owned()).unwrap());
    assert!(matches!(refused.await, EmbedderError::Invalid(_)));
    let short = failing(|_| Response::new(json!({"data": [{"index": 0, "embedding": [1.0]}]}).to_string()));
    assert!(matches!(short.await, EmbedderError::Invalid(_)));
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let config = OpenAiConfig { timeout: Duration::from_millis(50), ..config(url.clone()) };
    let embedder = OpenAiEmbedder::new(config).unwrap();
    // Accepts (in the system's queue) and stays silent.
    let error = embedder.embed(&["1"], EmbeddingPurpose::Query).await.unwrap_err();
    assert!(matches!(error, EmbedderError::Unavailable(_)), "{error:?}");
    drop(listener);
    let error = embedder.embed(&["1"], EmbeddingPurpose::Query).await.unwrap_err();
    assert!(matches!(error, EmbedderError::Unavailable(_)), "{error:?}");
}

#[test]
fn the_key_is_not_shown_and_urls_are_checked() {
    let embedder = OpenAiEmbedder::new(config("https://embeddings.example/v1".to_owned())).unwrap();
    assert!(!format!("{embedder:?}").contains("secret"));
    for url in ["ftp://host/v1", "/v1", "not a url"] {
        assert!(
            matches!(OpenAiEmbedder::new(config(url.to_owned())), Err(EmbedderError::Invalid(_))),
            "{url}"
        );
    }
}
