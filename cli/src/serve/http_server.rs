//! Listens, and serves the API function's router over HTTP/1.1.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: is another server there? choose another with --listen")
    })
}

/// Serves until told to stop; requests in progress end first.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Answers are small and waited for: they must not wait for more to send.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::trace!(%error, "connection keeps its delay");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await.context("serve HTTP")
}
