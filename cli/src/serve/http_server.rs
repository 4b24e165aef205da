//! Listens, and serves the API function's router over HTTP/1.1. What a client can hold is bounded here: how many connections
//! there are, how long one may wait for a request, how long it may leave an answer untaken. How long a body may take is the
//! API's to say.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::write_deadline::WriteDeadline;

/// Longest head of a request; beyond it the answer is 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause after the machine gave no connection, for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// What clients may hold, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections at the same time; others wait until one ends.
    pub(crate) connections_max: usize,
    /// From when a request may come until its head is complete: who sends it slowly is cut off, and so is a connection
    /// that is kept open and not used.
    pub(crate) head_time_max: Duration,
    /// How long a client may take nothing of an answer.
    pub(crate) write_stall_max: Duration,
    /// How long requests in progress may take to end after the signal.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            head_time_max: Duration::from_secs(10),
            write_stall_max: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: is another server there? choose another with --listen")
    })
}

/// Serves until told to stop; requests in progress end first, within the grace.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let service = TowerToHyperService::new(router);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "connection failed");
                }
            }
            stream = accept(&listener), if connections.len() < limits.connections_max => {
                connections.spawn(converse(stream, service.clone(), limits.clone(), stop.clone()));
            }
        }
    }
    drop(listener);
    let ended =
        tokio::time::timeout(limits.grace, async { while connections.join_next().await.is_some() {} });
    if ended.await.is_err() {
        tracing::warn!(left = connections.len(), "requests cut off; nothing acknowledged is lost");
    }
}

/// The next connection. Failures of one that is already gone again are passed over.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => error,
        };
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            tracing::error!(%error, "connection not accepted, trying again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One connection: request after request, until either side ends it.
async fn converse(
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    limits: Limits,
    stop: CancellationToken,
) {
    // Answers are small and waited for: they must not wait for more to send.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::trace!(%error, "connection keeps its delay");
    }
    let io = TokioIo::new(WriteDeadline::new(stream, limits.write_stall_max));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use futures::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    use super::*;

    /// A deadline that a test waits for.
    const SHORT: Duration = Duration::from_millis(100);
    /// A deadline that is a fault if it passes.
    const LONG: Duration = Duration::from_secs(20);

    /// Limits that no test meets by accident.
    fn wide() -> Limits {
        Limits { connections_max: 64, head_time_max: LONG, write_stall_max: LONG, grace: LONG }
    }

    /// A server of a router, where it listens, how to stop it.
    async fn start(router: Router, limits: Limits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        (address, stop.clone(), tokio::spawn(serve(listener, router, limits, stop)))
    }

    async fn in_time<T>(work: impl Future<Output = T>) -> T {
        tokio::time::timeout(LONG, work).await.expect("it should have ended long ago")
    }

    async fn sent(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn read_to_end(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn read_answer(stream: &mut TcpStream, body: &str) {
        let mut answer = String::new();
        while !answer.ends_with(body) {
            let byte = in_time(stream.read_u8()).await.unwrap();
            answer.push(byte.into());
        }
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    /// `/held` tells when a request is in it, and answers when it is let go; everything else answers at once.
    fn holding() -> (Router, Arc<Notify>, Arc<Notify>) {
        let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&entered), Arc::clone(&release));
        let held = get(move || async move {
            tell.notify_one();
            wait.notified().await;
            "finished"
        });
        (Router::new().route("/held", held).route("/", get(|| async { "at once" })), entered, release)
    }

    const HELD: &str = "GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const AT_ONCE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    #[tokio::test]
    async fn half_a_head_and_an_unused_connection_are_cut_off() {
        let (address, ..) = start(holding().0, Limits { head_time_max: SHORT, ..wide() }).await;
        assert_eq!(read_to_end(sent(address, "GET / HTTP/1.1\r\nHost: loc").await).await, "");
        assert_eq!(read_to_end(sent(address, "").await).await, "");
        let used_once = read_to_end(sent(address, AT_ONCE).await).await;
        assert!(used_once.starts_with("HTTP/1.1 200 ") && used_once.ends_with("at once"), "{used_once}");
    }

    #[tokio::test]
    async fn a_head_is_bounded_in_length() {
        let (address, ..) = start(holding().0, wide()).await;
        let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
        let answer = read_to_end(sent(address, &long).await).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    #[tokio::test]
    async fn a_request_in_progress_ends_before_the_server() {
        let (router, entered, release) = holding();
        let (address, stop, server) = start(router, wide()).await;
        let unused = sent(address, "").await;
        let in_progress = sent(address, HELD).await;
        in_time(entered.notified()).await;
        stop.cancel();
        // That the other connection ends shows that the signal has been seen.
        assert_eq!(read_to_end(unused).await, "");
        assert!(!server.is_finished());
        release.notify_one();
        let answer = read_to_end(in_progress).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("finished"), "{answer}");
        in_time(server).await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_off_after_the_grace() {
        let (router, entered, _never) = holding();
        let (address, stop, server) = start(router, Limits { grace: SHORT, ..wide() }).await;
        let _in_progress = sent(address, HELD).await;
        in_time(entered.notified()).await;
        stop.cancel();
        in_time(server).await.unwrap();
    }

    #[tokio::test]
    async fn beyond_the_most_connections_clients_wait() {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let router = Router::new().route(
            "/",
            get(move || async move {
                counter.fetch_add(1, Ordering::SeqCst);
                "counted"
            }),
        );
        let (address, ..) = start(router, Limits { connections_max: 1, ..wide() }).await;
        let mut first = sent(address, AT_ONCE).await;
        read_answer(&mut first, "counted").await;
        let mut second = sent(address, AT_ONCE).await;
        for _ in 0..10 {
            first.write_all(AT_ONCE.as_bytes()).await.unwrap();
            read_answer(&mut first, "counted").await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 11);
        drop(first);
        read_answer(&mut second, "counted").await;
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (dropped, is_dropped) = oneshot::channel::<()>();
        let dropped = Arc::new(Mutex::new(Some(dropped)));
        let endless = get(async move || {
            let held = dropped.lock().unwrap().take();
            assert!(held.is_some(), "asked once");
            Body::from_stream(stream::repeat_with(move || {
                let _ = &held;
                Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 65_536]))
            }))
        });
        let router = Router::new().route("/", endless);
        let (address, ..) = start(router, Limits { write_stall_max: SHORT, ..wide() }).await;
        let _takes_nothing = sent(address, AT_ONCE).await;
        in_time(is_dropped).await.unwrap_err();
    }
}
