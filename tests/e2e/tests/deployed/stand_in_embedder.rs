//! An OpenAI-compatible `/v1/embeddings` in this process, as the model that collections are moved to. Its vectors follow from a
//! hash of each text: the same text has the same direction and any other another, which is all the meaning that tests need.

use std::convert::Infallible;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

/// What the service calls its model.
pub(crate) const SERVICE_MODEL: &str = "stand-in";
/// Not that of the built-in model.
pub(crate) const DIMENSIONS: usize = 16;
/// As collections remember it.
pub(crate) const MODEL: &str = "stand-in:16";
/// A text that holds this is refused, as by a service that looks at what it is given.
pub(crate) const REFUSED: &str = "zqunspeakable";

/// Starts it; gives its address up to and with the version. It ends with the runtime.
pub(crate) async fn start_embedder() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("bind an embedding service")?;
    let url = format!("http://{}/v1", listener.local_addr().context("read the port")?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    Ok(url)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let wanted: Value = serde_json::from_slice(&body).unwrap_or_default();
    let texts = wanted["input"].as_array().cloned().unwrap_or_default();
    let row = |(index, text): (usize, &Value)| json!({ "index": index, "embedding": direction_of(text.as_str().unwrap_or_default()) });
    if texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(REFUSED))) {
        let refusal = Full::new(r#"{"error":{"code":"content_policy"}}"#.into());
        let response = Response::builder().status(StatusCode::BAD_REQUEST).body(refusal);
        return Ok(response.expect("the status is one"));
    }
    let rows: Vec<Value> = texts.iter().enumerate().map(row).collect();
    Ok(Response::new(Full::new(json!({ "data": rows }).to_string().into())))
}

fn direction_of(text: &str) -> Vec<f32> {
    Sha256::digest(text).iter().take(DIMENSIONS).map(|byte| f32::from(*byte) - 127.5).collect()
}
