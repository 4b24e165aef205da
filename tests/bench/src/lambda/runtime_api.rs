//! Lambda's Runtime API as one function sees it, on a loopback port: the function polls, gets an event, answers. Whoever
//! measures sees each call with the moment it came, and decides when a poll gets which event.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long a function may take for one step, on a machine that compiles meanwhile.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What the function is told about its deadline; longer than any of them may run.
const INVOCATION_TIME: Duration = Duration::from_secs(300);
/// Lambda's own bound.
const ANSWER_BYTES_MAX: usize = 6 << 20;
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";

/// What a function asked of the Runtime API.
#[derive(Debug)]
pub(crate) enum Call {
    /// It is ready for an event.
    Poll(WaitingPoll),
    /// It has handled the last one.
    Answer { at: Instant, body: Bytes },
    /// It could not start, or not handle the last one.
    Failure { body: Bytes },
}

/// A poll without an event yet.
#[derive(Debug)]
pub(crate) struct WaitingPoll {
    /// When it came.
    pub(crate) at: Instant,
    event: oneshot::Sender<Bytes>,
}

impl WaitingPoll {
    /// Answers the poll; gives the moment of it.
    pub(crate) fn give(self, event: Bytes) -> Instant {
        let now = Instant::now();
        // A function that died meanwhile is noticed where its answer is waited for.
        let _ = self.event.send(event);
        now
    }
}

/// A running Runtime API; dropped, it takes no new connections.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    accepting: JoinHandle<()>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen for the function")?;
        let address = listener.local_addr().context("listen for the function")?;
        let (sender, calls) = mpsc::unbounded_channel();
        Ok(Self { address, calls, accepting: tokio::spawn(accept(listener, sender)) })
    }

    /// As `AWS_LAMBDA_RUNTIME_API` has it.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What the function does next; an error if it does nothing for too long.
    pub(crate) async fn call(&mut self) -> Result<Call> {
        let call = tokio::time::timeout(CALL_TIMEOUT, self.calls.recv()).await;
        call.with_context(|| format!("the function did nothing for {CALL_TIMEOUT:?}"))?
            .context("the Runtime API ended")
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, calls: mpsc::UnboundedSender<Call>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let calls = calls.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &calls));
            // A connection that breaks off is the function's end.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    calls: &mpsc::UnboundedSender<Call>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let path = request.uri().path().to_owned();
    if path == NEXT {
        let (event, given) = oneshot::channel();
        let _ = calls.send(Call::Poll(WaitingPoll { at, event }));
        return Ok(given.await.map_or_else(|_| of_status(StatusCode::GONE), invocation));
    }
    let body = Limited::new(request.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let call = if path.ends_with("/response") { Call::Answer { at, body } } else { Call::Failure { body } };
    let _ = calls.send(call);
    Ok(of_status(StatusCode::ACCEPTED))
}

fn invocation(event: Bytes) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now() + INVOCATION_TIME;
    let deadline_ms = deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", deadline_ms.to_string())
        .header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
        .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        .body(Full::new(event));
    response.unwrap_or_else(|_| of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn of_status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
