//! A small server with the routes of the API, in memory. A document moves on with each look at it: extract, embed, ready;
//! its file name says if something is to go wrong: `bad…` fails for good, `flaky…` fails until it is retried.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::uploads::Upload;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Document {
    filename: String,
    collection: String,
    pub(super) content: Bytes,
    status: &'static str,
    stage: &'static str,
    version: u32,
    seen_version: u32,
    retries: u32,
    pub(super) generation: u32,
}

/// An answer to be given in place of the ordinary one.
#[derive(Debug, Clone)]
struct Scripted {
    method: Method,
    path: &'static str,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) documents: BTreeMap<String, Document>,
    by_key: HashMap<String, String>,
    recorded: Vec<Recorded>,
    scripted: VecDeque<Scripted>,
    pub(super) uploads: Vec<Upload>,
    is_stuck: bool,
    tells_replays: bool,
    knows_no_uploads: bool,
}

/// A running server; ends with the test.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let state = Arc::new(Mutex::new(State { tells_replays: true, ..State::default() }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { url, state, accepting }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }

    /// The next request of this kind gets this answer. `path` is the beginning of it.
    pub(crate) fn answer_once(
        &self,
        method: Method,
        path: &'static str,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
    ) {
        let headers = headers.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        self.state().scripted.push_back(Scripted { method, path, status, headers, body: body.to_owned() });
    }

    /// From now on no document moves.
    pub(crate) fn get_stuck(&self) {
        self.state().is_stuck = true;
    }

    /// From now on a replayed answer looks like a first one.
    pub(crate) fn hide_replays(&self) {
        self.state().tells_replays = false;
    }

    /// From now on there is no route for uploads by URL.
    pub(crate) fn forget_uploads_by_url(&self) {
        self.state().knows_no_uploads = true;
    }

    /// Everything that was asked.
    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        self.state().recorded.clone()
    }

    /// Requests of one kind.
    pub(crate) fn asked(&self, method: &Method, path_end: &str) -> Vec<Recorded> {
        let mut recorded = self.recorded();
        recorded.retain(|request| request.method == *method && request.path.ends_with(path_end));
        recorded
    }

    /// File names of the documents that are there.
    pub(crate) fn filenames(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .state()
            .documents
            .values()
            .filter(|document| document.status != "deleted")
            .map(|document| document.filename.clone())
            .collect();
        names.sort();
        names
    }

    /// The id of the newest document with this file name.
    pub(crate) fn id_of(&self, filename: &str) -> String {
        let state = self.state();
        let found = state.documents.iter().rev().find(|(_, document)| document.filename == filename);
        found.expect("it was uploaded").0.clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(Arc::clone(&state), request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let recorded = Recorded {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        at: Instant::now(),
    };
    let mut state = state.lock().expect("no test panics while it holds the state");
    state.recorded.push(recorded.clone());
    let scripted = state
        .scripted
        .iter()
        .position(|scripted| scripted.method == recorded.method && recorded.path.starts_with(scripted.path));
    if let Some(scripted) = scripted.and_then(|at| state.scripted.remove(at)) {
        return Ok(scripted_answer(&scripted));
    }
    Ok(state.route(&recorded))
}

fn scripted_answer(scripted: &Scripted) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(scripted.status);
    for (name, value) in &scripted.headers {
        response = response.header(*name, value);
    }
    response.body(Full::new(Bytes::from(scripted.body.clone()))).expect("the test's headers are valid")
}

pub(super) fn respond(
    status: u16,
    headers: &[(&str, String)],
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Full::new(body.into())).expect("our own headers are valid")
}

fn json_answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    respond(status, &[("content-type", "application/json".into())], body.to_string())
}

pub(super) fn problem(status: u16, title: &str, more: Value) -> Response<Full<Bytes>> {
    let mut body = json!({"type": "about:blank", "title": title, "status": status, "correlation_id": "c-7"});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    respond(status, &[("content-type", "application/problem+json".into())], body.to_string())
}

impl State {
    fn route(&mut self, request: &Recorded) -> Response<Full<Bytes>> {
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (&request.method, segments.as_slice()) {
            (&Method::POST, ["v1", "documents"]) => self.upload(request),
            (&Method::GET, ["v1", "documents"]) => self.list(request),
            (method, ["v1", "uploads", rest @ ..]) if !self.knows_no_uploads => {
                self.route_upload(method, rest, request)
            }
            (&Method::POST, ["v1", "search"]) => search(request),
            (&Method::GET, ["v1", "stats"]) => json_answer(
                200,
                &json!({"collections": [{"collection": "default", "documents": {"ready": 2}, "chunks": 9, "bytes": 1500}]}),
            ),
            (method, ["v1", "documents", id, rest @ ..]) => match self.documents.get(*id).cloned() {
                None => problem(404, "Document not found", json!({"detail": format!("no document {id}")})),
                Some(document) => self.route_document(method, id, rest, document, request),
            },
            _ => problem(404, "No such route", json!({"code": "route_not_found"})),
        }
    }

    pub(super) fn add_document(&mut self, filename: String, collection: String, content: Bytes) -> String {
        let id = format!("00000000-0000-7000-8000-{:012}", self.documents.len() + 1);
        let document = Document {
            filename,
            collection,
            content,
            status: "processing",
            stage: "extract",
            version: 1,
            seen_version: 0,
            retries: 0,
            generation: 1,
        };
        self.documents.insert(id.clone(), document);
        id
    }

    fn route_document(
        &mut self,
        method: &Method,
        id: &str,
        rest: &[&str],
        mut document: Document,
        request: &Recorded,
    ) -> Response<Full<Bytes>> {
        let response = match (method, rest) {
            (&Method::GET, []) => look(id, &mut document, request, self.is_stuck),
            (&Method::GET, ["content"]) => content(&document),
            (&Method::GET, ["timeline"]) => timeline(request),
            (&Method::GET, ["chunks"]) => chunks(request),
            (&Method::PUT, []) => replace(id, &mut document, request),
            (&Method::DELETE, []) => {
                document.become_("deleting", "complete");
                json_answer(202, &document.to_json(id))
            }
            (&Method::POST, ["retry"]) => {
                document.retries += 1;
                document.become_("processing", "extract");
                json_answer(202, &document.to_json(id))
            }
            (&Method::POST, ["cancel"]) => {
                document.become_("cancelled", document.stage);
                json_answer(202, &document.to_json(id))
            }
            _ => problem(404, "No such route", json!({})),
        };
        self.documents.insert(id.to_owned(), document);
        response
    }

    fn upload(&mut self, request: &Recorded) -> Response<Full<Bytes>> {
        let key = request.header("idempotency-key").expect("every upload has a key").to_owned();
        let (id, is_replay) = match self.by_key.get(&key) {
            Some(id) => (id.clone(), true),
            None => {
                let filename = request.header("x-filename").expect("the file is named").to_owned();
                let collection = request.query.strip_prefix("collection=").expect("the collection is named");
                let id = self.add_document(filename, collection.to_owned(), request.body.clone());
                self.by_key.insert(key, id.clone());
                (id, false)
            }
        };
        let mut headers = vec![("location", format!("/v1/documents/{id}"))];
        if self.tells_replays {
            headers.push(("idempotency-replayed", is_replay.to_string()));
        }
        respond(202, &headers, json!({"document_id": id, "job_id": "j", "status": "processing"}).to_string())
    }

    fn list(&self, request: &Recorded) -> Response<Full<Bytes>> {
        let wanted = request.query.split('&').find_map(|pair| pair.strip_prefix("status="));
        let mut documents: Vec<Value> = self
            .documents
            .iter()
            .filter(|(_, document)| wanted.is_none_or(|wanted| wanted == document.status))
            .map(|(id, document)| document.to_json(id))
            .collect();
        // Two pages of what there is: the cursor `2` names the second.
        let first_page = documents.len().div_ceil(2);
        let is_second = request.query.contains("cursor=2");
        let next = if is_second { Value::Null } else { json!("2") };
        let page = if is_second { documents.split_off(first_page) } else { documents[..first_page].to_vec() };
        json_answer(200, &json!({"documents": page, "next_cursor": next}))
    }
}

impl Document {
    pub(super) fn become_(&mut self, status: &'static str, stage: &'static str) {
        (self.status, self.stage) = (status, stage);
        self.version += 1;
    }

    fn move_on(&mut self) {
        match (self.status, self.stage) {
            ("processing", "extract") if self.filename.starts_with("bad") => {
                self.become_("failed", "extract")
            }
            ("processing", "extract") if self.filename.starts_with("flaky") && self.retries == 0 => {
                self.become_("failed", "extract");
            }
            ("processing", "extract") => self.become_("processing", "embed"),
            ("processing", _) => self.become_("ready", "complete"),
            ("deleting", _) => self.become_("deleted", "complete"),
            _ => {}
        }
    }

    fn to_json(&self, id: &str) -> Value {
        let error = (self.status == "failed").then(|| {
            let retryable = self.filename.starts_with("flaky");
            json!({"stage": "extract", "code": "empty", "reason": "no text in it", "attempts": 1, "retryable": retryable})
        });
        let chunks = (self.stage != "extract").then_some(4);
        json!({
            "document_id": id, "collection": self.collection, "filename": self.filename, "status": self.status,
            "stage": self.stage, "generation": self.generation, "version": self.version, "error": error,
            "progress": {"chunks_embedded": 2, "chunks_total": chunks}, "size_bytes": self.content.len(),
            "created_at": "2020-01-01T00:00:00.000Z", "updated_at": "2026-11-21T10:00:00.000Z",
            "searchable_by": ["words"],
        })
    }
}

/// Answers 304 once to every version, so that a client without entity tags would not get on.
fn look(id: &str, document: &mut Document, request: &Recorded, is_stuck: bool) -> Response<Full<Bytes>> {
    let etag = format!("\"{}\"", document.version);
    if request.header("if-none-match") == Some(&etag) {
        if !is_stuck {
            document.move_on();
        }
        return respond(304, &[], "");
    }
    document.seen_version = document.version;
    if document.status == "deleted" {
        let receipt = json!({"requested_at": "2026-11-21T10:00:00Z", "verified_at": "2026-11-21T10:00:01Z",
            "chunks": 4, "vectors": 4, "cached_vectors": 0, "blobs": 3, "bytes": 1200});
        return problem(410, "Document deleted", json!({"receipt": receipt}));
    }
    let body = document.to_json(id).to_string();
    respond(200, &[("etag", etag), ("date", "Sat, 21 Nov 2026 10:00:00 GMT".into())], body)
}

fn replace(id: &str, document: &mut Document, request: &Recorded) -> Response<Full<Bytes>> {
    if request.header("if-match") != Some(&format!("\"{}\"", document.version)) {
        return problem(412, "Precondition failed", json!({}));
    }
    document.content = request.body.clone();
    document.generation += 1;
    document.become_("processing", "extract");
    json_answer(202, &json!({"document_id": id, "status": "processing"}))
}

fn content(document: &Document) -> Response<Full<Bytes>> {
    let disposition = format!("attachment; filename*=UTF-8''{}", document.filename);
    respond(200, &[("content-disposition", disposition)], document.content.clone())
}

fn timeline(request: &Recorded) -> Response<Full<Bytes>> {
    let event = |sequence: u64, name: &str| {
        json!({"sequence": sequence, "type": format!("millrace.document.{name}"), "time": "2026-11-21T10:00:00.000Z",
            "data": {"generation": 1}})
    };
    let (events, next) = match request.query.as_str() {
        "after=0" => (vec![event(1, "uploaded"), event(2, "text_extracted")], json!(2)),
        _ => (vec![event(3, "chunked")], Value::Null),
    };
    let steps = json!([
        {"saga": "ingestion", "step": "extract", "generation": 1, "retry": 0, "started_at": "2026-11-21T10:00:00.000Z",
            "ended_at": "2026-11-21T10:00:02.500Z", "duration_ms": 2_500, "outcome": "failed", "error_code": "corrupt",
            "attempts": 3, "cause": null, "details": {}},
        {"saga": "compensation", "step": "purge_generation", "generation": 1, "retry": 0,
            "started_at": "2026-11-21T10:00:02.500Z", "ended_at": null, "duration_ms": null, "outcome": "running",
            "error_code": null, "attempts": null, "cause": "failure", "details": {}}
    ]);
    let steps = if next.is_null() { Value::Null } else { steps };
    json_answer(200, &json!({"events": events, "next_after": next, "steps": steps}))
}

fn chunks(request: &Recorded) -> Response<Full<Bytes>> {
    let (index, next) = if request.query.is_empty() { (0, json!("x")) } else { (1, Value::Null) };
    let chunk =
        json!({"index": index, "page": 1, "heading": "Weather", "start": 0, "end": 9, "text": "It rains."});
    json_answer(200, &json!({"chunks": [chunk], "next_cursor": next}))
}

fn search(request: &Recorded) -> Response<Full<Bytes>> {
    let asked: Value = serde_json::from_slice(&request.body).expect("a search is JSON");
    if asked["query"] == "nothing" {
        return json_answer(200, &json!({"hits": []}));
    }
    let status = StatusCode::OK.as_u16();
    json_answer(
        status,
        &json!({"hits": [{"document_id": "d-1", "filename": "rain.pdf", "page": 3, "heading": "Weather", "start": 0,
            "end": 9, "text": "It rains.\u{1b}[2J", "score": 0.83}]}),
    )
}
