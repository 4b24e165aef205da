//! Requests through the API's router, over adapters in memory that never fail: bodies, forms, JSON, cursors, keys,
//! ranges. Whatever comes, the answer is no fault of ours, and a refusal is a problem with a code. What a socket makes of
//! broken heads is hyper's, and tested in `cli`.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use millrace_adapters_local::{
    Database, LocalUploadUrls, MemoryBlobStore, Publications, SqliteEmbeddingCache, SqliteEventStore,
    SqliteJobLedger, SqliteJobQueue, SqliteReadModel, SqliteSearchIndex, SqliteSettings,
};
use millrace_api::{AlwaysTenant, ApiContext, ApiPorts, ApiSettings, router};
use millrace_application::Embedders;
use millrace_domain::{ByteSize, QueueName, TenantId};
use millrace_ports::{Clock, IdGenerator, QueuePolicy};
use millrace_test_support::{SeededIds, SimClock};
use tower::ServiceExt as _;

use super::stand_ins::ConstantEmbedder;
use super::{Input, Judged, Target, Verdict, panic_text};
use crate::corpus::{CorpusFile, corpus_files};
use crate::json_mutation::mutate_json;
use crate::mutation::mutate;
use crate::random::Random;

/// Largest content here; more than a JSON body may have.
const CONTENT_BYTES_MAX: u64 = 100_000;
/// What stands in a seed for the id of the document that is there.
const DOCUMENT_ID: &str = "{id}";
const WORDS: &[&[u8]] = &[
    b"limit=",
    b"cursor=",
    b"&",
    b"=",
    b"?",
    b"%",
    b"%00",
    b"%ff",
    b"+",
    b"status=",
    b"collection=",
    b"label=",
    b"after=18446744073709551615",
    b"after=-1",
    b"limit=0",
    b"limit=4294967296",
    b"MS40Mjk0OTY3Mjk2",
    b"bytes=0-0",
    b"bytes=-1",
    b"bytes=18446744073709551615-",
    b"bytes=5-2",
    b"bytes=0-1,3-4",
    b"bytes=-0",
    b"\"v1\"",
    b"W/\"v1\"",
    b"*",
    b"\"v18446744073709551616\"",
    b"multipart/form-data; boundary=XX",
    b"multipart/form-data; boundary=",
    b"--XX\r\n",
    b"--XX--\r\n",
    b"\r\n\r\n",
    b"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%ff\r\n",
    b"Content-Disposition: form-data; name=\"metadata\"\r\n\r\n{}\r\n",
    b"application/json",
    b"text/plain; charset=\"",
    b"{\"query\":",
    b"\"limit\":-1",
    b"\"filter\":{\"metadata\":{\"a\":[]}}",
    b"null",
    b"[[[[[[[[",
    b"\"\\ud800\"",
    b"\"document_ids\":[]",
    b"1e999",
    b"\xf0\x9f\x91\x8d",
    b"\xe2\x80\xae",
    b"AND OR NOT \"* NEAR(",
    b"../",
    b"\0",
];

/// What stands in front of a cursor, and what is inside of one.
const CURSOR: &[u8] = b"cursor=";
const CURSOR_WORDS: &[&[u8]] =
    &[b".", b"-", b"+1", b"1.", b".1", b"embed", b"ingest", b"\xff", b"\0", b"\xd9\xa3"];
const CURSOR_BYTES_MAX: usize = 8_000;

/// The router and the seeds.
pub struct HttpTarget {
    router: Router,
    seeds: Vec<CorpusFile>,
    document_id: String,
}

impl std::fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTarget").field("document_id", &self.document_id).finish_non_exhaustive()
    }
}

impl HttpTarget {
    /// A router over one document.
    ///
    /// # Errors
    /// If the corpus cannot be read or the fixture not be made.
    pub async fn new() -> anyhow::Result<Self> {
        let seeds = corpus_files("http")?;
        anyhow::ensure!(!seeds.is_empty(), "no requests in the corpus");
        let router = in_memory().await?;
        let upload = Request::post("/v1/documents")
            .header(HOST, "localhost")
            .header("x-filename", "seed.txt")
            .body(Body::from("One document is there, so that paths can name it."))?;
        let response = router.clone().oneshot(upload).await?;
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        let accepted: serde_json::Value = serde_json::from_slice(&body)?;
        let document_id = accepted["document_id"].as_str().unwrap_or_default().to_owned();
        anyhow::ensure!(!document_id.is_empty(), "the fixture's document was not accepted: {accepted}");
        Ok(Self { router, seeds, document_id })
    }

    /// The request that a file describes; none if no client library would let it be sent.
    fn request(&self, text: &[u8]) -> Option<Request<Body>> {
        let (head, body) = parts(text);
        let head = String::from_utf8_lossy(head).replace(DOCUMENT_ID, &self.document_id);
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let mut request =
            Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(target.trim());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            request = request.header(name, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?);
        }
        // In blocks, as a slow sender's body comes.
        let block_bytes = 1 + text.len() % 97;
        let blocks: Vec<_> = body
            .chunks(block_bytes)
            .map(|block| Ok::<_, std::io::Error>(Bytes::copy_from_slice(block)))
            .collect();
        let mut request = request.body(Body::from_stream(futures::stream::iter(blocks))).ok()?;
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        Some(request)
    }
}

/// Head and body, apart by an empty line.
fn parts(text: &[u8]) -> (&[u8], &[u8]) {
    match text.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, b""),
    }
}

/// What clients hand back unread, damaged behind its encoding; none if the request has no cursor.
fn mutate_cursor(head: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let start = head.windows(CURSOR.len()).position(|window| window == CURSOR)? + CURSOR.len();
    let length = head[start..].iter().take_while(|byte| !b"& \n".contains(byte)).count();
    let cursor = URL_SAFE_NO_PAD.decode(&head[start..start + length]).ok()?;
    let damaged = URL_SAFE_NO_PAD.encode(mutate(&cursor, &cursor, CURSOR_WORDS, random));
    // A head has its bounds, in front of the router.
    let damaged = &damaged.as_bytes()[..damaged.len().min(CURSOR_BYTES_MAX)];
    Some([&head[..start], damaged, &head[start + length..]].concat())
}

async fn in_memory() -> anyhow::Result<Router> {
    let database = Database::open_in_memory()?;
    let clock: Arc<dyn Clock> = Arc::new(SimClock::default());
    let ids: Arc<dyn IdGenerator> = Arc::new(SeededIds::new(7));
    let publications = Arc::new(Publications::load(&database).await?);
    let policy = QueuePolicy { visibility_timeout_ms: 30_000, receives_max: 5 };
    let policies: HashMap<_, _> = QueueName::ALL.into_iter().map(|queue| (queue, policy)).collect();
    let queue = Arc::new(SqliteJobQueue::new(database.clone(), Arc::clone(&clock), policies));
    let blobs = Arc::new(MemoryBlobStore::new(Arc::clone(&clock)));
    let urls =
        LocalUploadUrls::open(&database, [7; 32], blobs.clone(), queue.clone(), Arc::clone(&clock)).await?;
    let urls = Arc::new(urls);
    let ports = ApiPorts {
        events: Arc::new(SqliteEventStore::new(database.clone(), Arc::clone(&publications))),
        ledger: Arc::new(SqliteJobLedger::new(database.clone(), Arc::clone(&clock))),
        queue: queue.clone(),
        consumer: queue.clone(),
        dead_letters: queue,
        blobs,
        upload_urls: urls.clone(),
        upload_receiver: Some(urls),
        views: Arc::new(SqliteReadModel::new(database.clone())),
        cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), 1_000)),
        collections: Arc::new(SqliteSettings::new(database.clone())),
        index: Arc::new(SqliteSearchIndex::open(database, publications).await?),
        embedders: Embedders::only(Arc::new(ConstantEmbedder::default())),
        clock,
        ids,
    };
    let tenant = AlwaysTenant::new(TenantId::local_default());
    let settings =
        ApiSettings { content_bytes_max: ByteSize::new(CONTENT_BYTES_MAX), ..ApiSettings::default() };
    Ok(router(ApiContext::new(ports, Arc::new(tenant), settings)))
}

async fn judge_answer(answer: Response<Body>) -> Verdict {
    let status = answer.status();
    let media_type = answer.headers().get(http::header::CONTENT_TYPE).cloned();
    let body = match to_bytes(answer.into_body(), usize::MAX).await {
        Ok(body) => body,
        Err(error) => return Verdict::Broken(format!("the answer {status} broke off: {error}")),
    };
    let text = String::from_utf8_lossy(&body);
    if status.is_server_error() {
        return Verdict::Broken(format!("{status}: {text}"));
    }
    let is_problem = media_type.is_some_and(|media_type| media_type == "application/problem+json")
        && serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|json| json["code"].is_string());
    // Answers to HEAD have no body to look at.
    if status.is_client_error() && !body.is_empty() && !is_problem {
        return Verdict::Broken(format!("{status} without a problem: {text}"));
    }
    Verdict::Fine
}

#[async_trait]
impl Target for HttpTarget {
    fn name(&self) -> &str {
        "http"
    }

    fn input(&self, random: &mut Random) -> Input {
        let (seed, other) = (random.pick(&self.seeds), random.pick(&self.seeds));
        let (head, body) = parts(&seed.bytes);
        let bytes = match random.below(5) {
            0 => mutate(&seed.bytes, &other.bytes, WORDS, random),
            1 => {
                let by_value = mutate_json(body, parts(&other.bytes).1, random);
                let body = by_value.unwrap_or_else(|| mutate(body, parts(&other.bytes).1, WORDS, random));
                [head, b"\n\n", &body].concat()
            }
            2 if let Some(head) = mutate_cursor(head, random) => [&head[..], b"\n\n", body].concat(),
            _ => {
                // One line of the head, so that the others still bring the request to where that line is read.
                let mut lines: Vec<Vec<u8>> = head.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let at = random.below(lines.len());
                let words = [WORDS, &[b" ", b"/"]].concat();
                lines[at] = mutate(&lines[at], parts(&other.bytes).0, &words, random);
                lines[at].retain(|byte| *byte != b'\n');
                [&lines.join(&b'\n')[..], b"\n\n", body].concat()
            }
        };
        Input { name: seed.name.clone(), bytes }
    }

    async fn judge(&self, input: &Input) -> Judged {
        let fine =
            |outcome: &str| Judged { outcome: outcome.to_owned(), verdict: Verdict::Fine, peak_bytes: None };
        let Some(request) = self.request(&input.bytes) else { return fine("unsendable") };
        let asked = AssertUnwindSafe(async {
            let Ok(answer) = self.router.clone().oneshot(request).await;
            (answer.status(), judge_answer(answer).await)
        });
        match asked.catch_unwind().await {
            Ok((status, verdict)) => {
                Judged { outcome: status.as_str().to_owned(), verdict, peak_bytes: None }
            }
            Err(panic) => Judged {
                outcome: "panic".to_owned(),
                verdict: Verdict::Broken(format!("panicked: {}", panic_text(&*panic))),
                peak_bytes: None,
            },
        }
    }
}
