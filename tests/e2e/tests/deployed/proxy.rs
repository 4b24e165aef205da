//! The proxy between a function and a service: hands requests and answers on byte for byte, unless a rule says what goes wrong.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::faults::{Call, Fault, Faults};
use crate::worker_process::kill_owner_of;

/// The end of a connection: to the server that it is served by, a reason to close it.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

#[derive(Debug)]
struct Proxy {
    function: String,
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    faults: Arc<Faults>,
}

/// Starts a proxy for a function in front of an endpoint; gives its own. It ends with the runtime.
pub(crate) async fn start_proxy(
    function: &str,
    upstream: &str,
    faults: &Arc<Faults>,
) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("bind a proxy")?;
    let endpoint = format!("http://{}", listener.local_addr().context("read the port")?);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = Arc::new(Proxy {
        function: function.to_owned(),
        upstream: upstream.trim_end_matches('/').to_owned(),
        client: Client::builder(TokioExecutor::new()).build(connector),
        faults: Arc::clone(faults),
    });
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            // Small answers would wait for acknowledgements otherwise.
            let _ = stream.set_nodelay(true);
            let proxy = Arc::clone(&proxy);
            let service = service_fn(move |request| Arc::clone(&proxy).pass(request, peer));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(endpoint)
}

impl Proxy {
    async fn pass(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let call = Call {
            function: self.function.clone(),
            operation: operation(&head),
            target: head.uri.to_string(),
            body: body.clone(),
        };
        match self.faults.next(&call) {
            None => self.forward(head, body).await,
            Some(Fault::CutBefore) => Err(Cut),
            Some(Fault::CutAfter) => self.forward(head, body).await.and(Err(Cut)),
            Some(Fault::KillBefore) => die(peer),
            Some(Fault::KillAfter) => {
                self.forward(head, body).await?;
                die(peer)
            }
            Some(Fault::Throttle) => Ok(throttled(&call.operation)),
            Some(Fault::Fail) => Ok(failed(&call.operation)),
        }
    }

    async fn forward(
        &self,
        mut head: http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        head.uri = format!("{}{target}", self.upstream).parse::<Uri>().map_err(|_| Cut)?;
        // The host stays: it is signed.
        for name in [EXPECT, TRANSFER_ENCODING, CONTENT_LENGTH] {
            head.headers.remove(name);
        }
        let is_head = head.method == Method::HEAD;
        let answer =
            self.client.request(Request::from_parts(head, Full::new(body))).await.map_err(|_| Cut)?;
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        head.headers.remove(TRANSFER_ENCODING);
        if !is_head {
            head.headers.remove(CONTENT_LENGTH);
        }
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

fn die(peer: SocketAddr) -> Result<Response<Full<Bytes>>, Cut> {
    // There is nobody at the other end if another request of the same worker had the same fate a moment before.
    kill_owner_of(peer);
    Err(Cut)
}

/// What a request asks of which service: JSON services name it in a header, S3 Vectors in the path, S3 by the method.
fn operation(head: &http::request::Parts) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((service, operation)) = target.and_then(|target| target.split_once('.')) {
        let service = match service {
            "AmazonSQS" => "sqs",
            "AWSEvents" => "events",
            _ => "dynamodb",
        };
        return format!("{service} {operation}");
    }
    let name = head.uri.path().trim_start_matches('/');
    if name.ends_with("Vectors") || name.ends_with("Index") {
        return format!("s3vectors {name}");
    }
    format!("s3 {}", head.method)
}

/// How a service says that it has no capacity.
fn throttled(operation: &str) -> Response<Full<Bytes>> {
    match operation.split(' ').next() {
        Some("s3") => xml(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some("s3vectors") => json(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
        Some("sqs") => json(StatusCode::BAD_REQUEST, "com.amazonaws.sqs#RequestThrottled"),
        _ => json(StatusCode::BAD_REQUEST, "com.amazonaws#ThrottlingException"),
    }
}

/// How a service says that it failed.
fn failed(operation: &str) -> Response<Full<Bytes>> {
    match operation.split(' ').next() {
        Some("s3") => xml(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        _ => json(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    }
}

fn json(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!(r#"{{"__type":"{code}","message":"of the test's making"}}"#);
    answer(status, "application/x-amz-json-1.0", code, body)
}

fn xml(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<Error><Code>{code}</Code><Message>of the test's making</Message></Error>");
    answer(status, "application/xml", code, body)
}

fn answer(status: StatusCode, media_type: &str, code: &str, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", media_type);
    response.header("x-amzn-errortype", code).body(Full::new(body.into())).unwrap()
}
