//! A message that is given up, from its last attempt to a ready document, as an operator sees it: an embedder that is away, the
//! dead letter, the commands that list it and put it back.

use std::convert::Infallible;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use millrace_adapters_local::{DataFolder, Database};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::eventually;
use crate::node::{Folder, Node};

/// An embedding service that is away until it is told to work.
#[derive(Debug, Default)]
struct Service {
    works: AtomicBool,
    requests: AtomicUsize,
}

impl Service {
    /// Starts it; gives its address.
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = Arc::clone(&service);
                let answer = service_fn(move |request| Arc::clone(&service).embed(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        url
    }

    async fn embed(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let texts = serde_json::from_slice::<Value>(&body).unwrap()["input"].as_array().unwrap().len();
        let vector = |index: usize| json!({ "index": index, "embedding": [1.0, 0.0, 0.0, 0.5] });
        let answer = json!({ "data": (0..texts).map(vector).collect::<Vec<_>>() });
        let status = if self.works.load(Ordering::SeqCst) { 200 } else { 500 };
        Ok(Response::builder().status(status).body(Full::new(answer.to_string().into())).unwrap())
    }
}

/// Leaves the folder of a stopped node as it would be some minutes later: all attempts but one failed, and the last is due.
async fn pass_over_the_waits(folder: &Folder) {
    let database = Database::open(&DataFolder::database_in(&folder.path())).unwrap();
    let changes = "UPDATE ledger SET attempt = 5 WHERE step LIKE 'embed/%'; \
                   UPDATE messages SET visible_at = 0 WHERE queue = 'embed' AND state = 1;";
    database
        .write("pass over the waits", |connection| {
            connection.execute_batch(changes).unwrap();
            Ok(())
        })
        .await
        .unwrap();
}

/// Runs a command of an operator and gives what it printed.
async fn operator(node: &Node, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(arguments).args(["--url", &node.url]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn json_of(node: &Node, arguments: &[&str]) -> Value {
    serde_json::from_str(&operator(node, &[arguments, &["--json"]].concat()).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_redriven_and_its_document_becomes_ready() {
    let (service, folder) = (Arc::new(Service::default()), Folder::new());
    let url = service.start().await;
    let options = ["--embedder-url", &url, "--embedder-model", "stand-in", "--embedder-dimensions", "4"];
    let node = Node::start(&folder.path(), &options);
    let id = node.client().upload("ferry.txt", "the zqferry leaves at noon").await;
    eventually("the embedder is asked", async || service.requests.load(Ordering::SeqCst) > 0).await;
    assert_eq!(node.stop(), Some(0));
    pass_over_the_waits(&folder).await;

    let node = Node::start(&folder.path(), &options);
    let client = node.client();
    let failed = client.wait_for(&id, &["failed"]).await;
    assert_eq!(failed["error"]["code"], "dead_lettered", "{failed}");
    let embed_queue = async || json_of(&node, &["queues"]).await["queues"][1].clone();
    eventually("the message is given up", async || embed_queue().await["dead"] == 1).await;
    assert!(embed_queue().await["oldest_dead_age_ms"].is_u64());

    let list = json_of(&node, &["dead-letters"]).await;
    assert_eq!(
        (&list["groups"][0]["error_code"], &list["groups"][0]["count"]),
        (&json!("unavailable"), &json!(1))
    );
    let letter = &list["dead_letters"][0];
    assert_eq!((&letter["document_id"], &letter["kind"]), (&json!(id), &json!("embed_chunks")));
    let table = operator(&node, &["dead-letters", "--error-code", "unavailable"]).await;
    assert!(table.contains(&id) && table.contains("embed chunks: unavailable"), "{table}");
    let would = operator(&node, &["dead-letters", "redrive", "--all", "--dry-run"]).await;
    assert!(would.ends_with("1 message would go back to work\n"), "{would}");
    assert_eq!(client.document(&id).await["status"], "failed");

    service.works.store(true, Ordering::SeqCst);
    let message_id = letter["message_id"].as_str().unwrap();
    let did = operator(&node, &["dead-letters", "redrive", message_id, "--rate", "10"]).await;
    assert_eq!(did, "1 message goes back to work\n");
    // Until its worker takes the message, the document is failed still.
    eventually("the document is ready", async || client.document(&id).await["status"] == "ready").await;
    assert_eq!(client.documents_with("zqferry").await, [id.as_str()]);
    let events = client.timeline(&id).await;
    let count =
        |name: &str| events.iter().filter(|event| event["type"].as_str().unwrap().ends_with(name)).count();
    assert_eq!((count("text_extracted"), count("ingestion_failed"), count("ingestion_retried")), (1, 1, 1));
    assert_eq!(json_of(&node, &["dead-letters"]).await["groups"], json!([]));
}
