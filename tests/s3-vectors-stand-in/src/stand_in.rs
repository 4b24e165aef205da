//! The server: listens on loopback, reads one request at a time from each connection, answers from memory.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::operations;
use crate::store::Store;

const PAYLOAD_BYTES_MAX: usize = 20 * 1024 * 1024;

/// A running stand-in. It ends when this is dropped.
#[derive(Debug)]
pub struct StandIn {
    endpoint: String,
    server: JoinHandle<()>,
}

impl StandIn {
    /// Starts one on a free port of loopback, with these buckets.
    ///
    /// # Errors
    /// If no port is free, or a bucket's name breaks the rules.
    pub async fn start(buckets: &[&str]) -> anyhow::Result<Self> {
        Self::listen("127.0.0.1:0", buckets).await
    }

    /// Starts one on an address, with these buckets.
    ///
    /// # Errors
    /// If the address is taken, or a bucket's name breaks the rules.
    pub async fn listen(address: &str, buckets: &[&str]) -> anyhow::Result<Self> {
        let mut store = Store::default();
        for bucket in buckets {
            let request = serde_json::json!({ "vectorBucketName": bucket }).to_string();
            let created = operations::run(&mut store, "CreateVectorBucket", request.as_bytes());
            created.map_err(|failure| anyhow::anyhow!("create bucket {bucket}: {failure:?}"))?;
        }
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        let endpoint = format!("http://{}", listener.local_addr().context("read the port")?);
        let router = Router::new()
            .route("/{operation}", post(answer))
            .layer(DefaultBodyLimit::max(PAYLOAD_BYTES_MAX))
            .with_state(Arc::new(Mutex::new(store)));
        let server = tokio::spawn(async move {
            // It ends by being aborted, or with its runtime; an error can reach nobody.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { endpoint, server })
    }

    /// Where it listens, as `http://host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(store): State<Arc<Mutex<Store>>>,
    Path(operation): Path<String>,
    body: Bytes,
) -> Response {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    match operations::run(&mut store, &operation, &body) {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(failure) => failure.into_response(),
    }
}
