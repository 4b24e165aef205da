//! An embedding service that costs next to nothing: an OpenAI-compatible `/v1/embeddings` on a loopback port of this
//! process, whose vectors follow from a hash of each text. Their direction means nothing; measurements of the rest of
//! the pipeline are not drowned in a model's work.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server under measurement is told.
const MODEL: &str = "bench";
const DIMENSIONS: usize = 384;
/// Longest request body; the server's own bound is far below.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// A running service; dropped, it takes no new connections.
#[derive(Debug)]
pub(crate) struct StandInEmbedder {
    url: String,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    input: Vec<String>,
}

impl StandInEmbedder {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen for texts to embed")?;
        let url = format!("http://{}/v1", listener.local_addr().context("listen for texts to embed")?);
        Ok(Self { url, accepting: tokio::spawn(accept(listener)) })
    }

    /// The arguments that make `millrace serve` use it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let dimensions = DIMENSIONS.to_string();
        let pairs = [
            ("--embedder-url", self.url.as_str()),
            ("--embedder-model", MODEL),
            ("--embedder-dimensions", dimensions.as_str()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect()
    }
}

impl Drop for StandInEmbedder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service = service_fn(answer);
            // A connection that breaks off is the client's to notice.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
    let wanted = body.ok().and_then(|body| serde_json::from_slice::<Wanted>(&body.to_bytes()).ok());
    let response = match wanted {
        Some(wanted) => Response::new(Full::new(Bytes::from(vectors(&wanted.input)))),
        None => {
            let mut refusal = Response::new(Full::default());
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            refusal
        }
    };
    Ok(response)
}

/// The answer's body. Its numbers are small whole ones, which are quick to write and to read; the client gives the
/// vectors unit length.
fn vectors(texts: &[String]) -> String {
    let mut body = String::from(r#"{"object":"list","model":"bench","data":["#);
    for (index, text) in texts.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        body.push_str(&format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":["#));
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let mut state = hasher.finish();
        for dimension in 0..DIMENSIONS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digit = char::from(b'1' + ((state >> 33) % 9) as u8);
            body.push_str(match (dimension > 0, state >> 63 == 0) {
                (true, true) => ",",
                (true, false) => ",-",
                (false, true) => "",
                (false, false) => "-",
            });
            body.push(digit);
        }
        body.push_str("]}");
    }
    body.push_str("]}");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_the_same_vector_and_another_another() {
        let body: serde_json::Value =
            serde_json::from_str(&vectors(&["a".to_owned(), "b".to_owned(), "a".to_owned()])).unwrap();
        let vector = |at: usize| body["data"][at]["embedding"].as_array().unwrap();
        assert_eq!(vector(0).len(), DIMENSIONS);
        assert_eq!(vector(0), vector(2));
        assert_ne!(vector(0), vector(1));
        assert_eq!(body["data"][2]["index"], 2);
    }
}
