//! A collection moves from the built-in model to one behind an endpoint, as an operator sees it, while a client goes on
//! searching and uploading; a move to an endpoint that refuses is taken back.

use std::convert::Infallible;
use std::process::Command;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::node::{Folder, Node};

/// An embedding service with one direction for each first letter; or one that refuses.
async fn service(refuses: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(move |request| embed(request, refuses));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    url
}

async fn embed(request: Request<Incoming>, refuses: bool) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let vector = |(index, text): (usize, &Value)| {
        let mut numbers = [0.1; 8];
        numbers[usize::from(text.as_str().unwrap().as_bytes()[0] % 8)] = 1.0;
        json!({ "index": index, "embedding": numbers })
    };
    let texts = body["input"].as_array().unwrap();
    let answer = json!({ "data": texts.iter().enumerate().map(vector).collect::<Vec<_>>() });
    let status = if refuses { 401 } else { 200 };
    Ok(Response::builder().status(status).body(Full::new(answer.to_string().into())).unwrap())
}

fn options(url: &str) -> [&str; 6] {
    [
        "--further-embedder-url",
        url,
        "--further-embedder-model",
        "stand-in",
        "--further-embedder-dimensions",
        "8",
    ]
}

/// Runs a command of an operator and gives how it ended and what it printed.
async fn operator(node: &Node, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(arguments).args(["--url", &node.url]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_moves_to_another_model_while_it_is_searched() {
    let (url, folder) = (service(false).await, Folder::new());
    let node = Node::start(&folder.path(), &options(&url));
    let client = node.client();
    let first = client.upload("ferry.txt", "the zqferry leaves at noon").await;
    client.wait_for(&first, &["ready"]).await;
    let (code, list) = operator(&node, &["collections"]).await;
    assert!(code == Some(0) && list.contains("all-MiniLM-L6-v2-int8"), "{list}");

    let moving = ["collections", "reembed", "default", "--model", "stand-in:8", "--wait"];
    let mut moved = Box::pin(operator(&node, &moving));
    let (mut searches, mut second) = (0, None);
    let (code, text) = loop {
        tokio::select! {
            ended = &mut moved => break ended,
            found = client.documents_with("zqferry") => {
                assert_eq!(found, [first.as_str()], "search {searches} missed the document");
                searches += 1;
            }
        }
        if second.is_none() {
            second = Some(client.upload("tower.txt", "the zqtower shines at night").await);
        }
    };
    drop(moved);
    assert_eq!(code, Some(0), "{text}");
    assert!(searches > 3 && text.contains("drop_old"), "{searches} searches\n{text}");
    let second = second.unwrap();
    client.wait_for(&second, &["ready"]).await;
    for (id, word) in [(&first, "zqferry"), (&second, "zqtower")] {
        assert_eq!(client.documents_with(word).await, [id.as_str()]);
    }
    let (_, shown) = operator(&node, &["collections", "show", "default", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["model"], &shown["dimensions"]), (&json!("stand-in:8"), &json!(8)));
    assert_eq!(shown["last_reembedding"]["status"], "completed");
    // A node that starts anew finds it so.
    assert_eq!(node.stop(), Some(0));
    let node = Node::start(&folder.path(), &options(&url));
    assert_eq!(node.client().documents_with("zqtower").await, [second.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_a_model_that_refuses_is_taken_back_and_says_why() {
    let (url, folder) = (service(true).await, Folder::new());
    let node = Node::start(&folder.path(), &options(&url));
    let client = node.client();
    let id = client.upload("ferry.txt", "the zqferry leaves at noon").await;
    client.wait_for(&id, &["ready"]).await;
    let moving = ["collections", "reembed", "default", "--model", "stand-in:8", "--wait"];
    let (code, text) = operator(&node, &moving).await;
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("failed") && text.contains("embedder_refused") && text.contains("↩ drop_new"),
        "{text}"
    );
    assert_eq!(client.documents_with("zqferry").await, [id.as_str()]);
    let (code, text) = operator(&node, &["collections", "abort", "default"]).await;
    assert_eq!(code, Some(6), "{text}");
}
