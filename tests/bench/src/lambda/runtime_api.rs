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
const ANSWER: &str = "/response";
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
    let (call, status) = match body.map(|body| body.to_bytes()) {
        Ok(body) if path.ends_with(ANSWER) => (Call::Answer { at, body }, StatusCode::ACCEPTED),
        Ok(body) => (Call::Failure { body }, StatusCode::ACCEPTED),
        Err(error) => {
            let body = format!("its answer could not be read: {error}").into();
            (Call::Failure { body }, StatusCode::PAYLOAD_TOO_LARGE)
        }
    };
    let _ = calls.send(call);
    Ok(of_status(status))
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

#[cfg(test)]
mod tests {
    use hyper_util::client::legacy::Client;
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::rt::TokioExecutor;

    use super::*;

    /// A function's side of the calls.
    #[derive(Clone)]
    struct Function {
        http: Client<HttpConnector, Full<Bytes>>,
        address: String,
    }

    impl Function {
        fn of(api: &RuntimeApi) -> Self {
            let http = Client::builder(TokioExecutor::new()).build_http();
            Self { http, address: api.address() }
        }

        async fn poll(self) -> Response<Bytes> {
            self.send(Request::get(format!("http://{}{NEXT}", self.address)), Bytes::new()).await
        }

        async fn post(&self, path: &str, body: impl Into<Bytes>) -> StatusCode {
            let request = Request::post(format!("http://{}/2018-06-01/runtime/{path}", self.address));
            self.send(request, body.into()).await.status()
        }

        async fn send(&self, request: http::request::Builder, body: Bytes) -> Response<Bytes> {
            let answer = self.http.request(request.body(Full::new(body)).unwrap()).await.unwrap();
            let (head, body) = answer.into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        }
    }

    async fn next_poll(api: &mut RuntimeApi) -> WaitingPoll {
        match api.call().await.unwrap() {
            Call::Poll(poll) => poll,
            other => panic!("no poll but {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_poll_waits_for_its_event_and_gets_it_as_lambda_gives_it() {
        let mut api = RuntimeApi::start().await.unwrap();
        let before = Instant::now();
        let polling = tokio::spawn(Function::of(&api).poll());
        let poll = next_poll(&mut api).await;
        assert!(poll.at >= before && !polling.is_finished(), "it was answered before there was an event");
        let given = poll.give(Bytes::from_static(b"{\"event\":1}"));
        let answer = polling.await.unwrap();
        assert!(given >= before && given <= Instant::now());
        assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"{\"event\":1}"[..]));
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let deadline_ms: u128 = header("lambda-runtime-deadline-ms").parse().unwrap();
        assert!((now_ms..=now_ms + INVOCATION_TIME.as_millis()).contains(&deadline_ms), "{deadline_ms}");
        assert_eq!(header("lambda-runtime-invoked-function-arn"), FUNCTION_ARN);
        assert_eq!(header("lambda-runtime-aws-request-id").len(), 36);
    }

    #[tokio::test]
    async fn answers_and_failures_are_told_apart() {
        let mut api = RuntimeApi::start().await.unwrap();
        let function = Function::of(&api);
        let sent = [
            ("invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response", "done", true),
            ("invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/error", "failed", false),
            ("init/error", "did not start", false),
        ];
        for (path, said, answered) in sent {
            assert_eq!(function.post(path, said).await, StatusCode::ACCEPTED);
            match api.call().await.unwrap() {
                Call::Answer { body, .. } => {
                    assert_eq!((&body[..], true), (said.as_bytes(), answered), "{path}")
                }
                Call::Failure { body } => {
                    assert_eq!((&body[..], false), (said.as_bytes(), answered), "{path}")
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn an_answer_beyond_lambda_s_bound_is_a_failure() {
        let mut api = RuntimeApi::start().await.unwrap();
        let function = Function::of(&api);
        let path = "invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response";
        assert_eq!(function.post(path, vec![b' '; ANSWER_BYTES_MAX]).await, StatusCode::ACCEPTED);
        assert!(matches!(api.call().await, Ok(Call::Answer { body, .. }) if body.len() == ANSWER_BYTES_MAX));
        let answered = function.post(path, vec![b' '; ANSWER_BYTES_MAX + 1]).await;
        assert_eq!(answered, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(matches!(api.call().await, Ok(Call::Failure { .. })));
    }

    #[tokio::test]
    async fn a_poll_that_nobody_answers_any_more_ends() {
        let mut api = RuntimeApi::start().await.unwrap();
        let polling = tokio::spawn(Function::of(&api).poll());
        drop(next_poll(&mut api).await);
        assert_eq!(polling.await.unwrap().status(), StatusCode::GONE);
    }
}
