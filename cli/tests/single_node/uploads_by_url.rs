//! Uploads by URL on a real node: the bytes go to a signed URL, completion comes by itself or by call, and a node that dies
//! in between loses nothing. That URLs expire is tested in the API's own tests, where time can be moved.

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, Client, eventually};
use crate::keys::create_key;
use crate::node::{Folder, Node};

/// A text of so many MiB at least; the word stands in it once.
fn large_text(word: &str, mebibytes: usize) -> Bytes {
    let line = "It rains in the mountains, and the rivers rise slowly towards the evening.\n";
    let body = line.repeat((mebibytes << 20) / line.len() + 1);
    format!("{word} begins here.\n\n{body}").into()
}

fn announcement(content: &[u8]) -> Value {
    json!({
        "filename": "large.txt",
        "media_type": "text/plain",
        "size": content.len(),
        "sha256": hex::encode(Sha256::digest(content)),
    })
}

async fn start(client: &Client, announced: &Value) -> Value {
    client.post("/v1/uploads", announced).await.expect(201)
}

/// The path and query of a link of a node.
fn target(link: &Value) -> String {
    let link = link.as_str().unwrap().strip_prefix("http://").expect("the link is absolute");
    link[link.find('/').unwrap()..].to_owned()
}

async fn put(client: &Client, upload: &Value, content: impl Into<Bytes>) -> Answer {
    let headers = [("content-type", "text/plain")];
    client.send(Method::PUT, &target(&upload["url"]), &headers, content).await
}

async fn complete(client: &Client, upload: &Value) -> Answer {
    client.send(Method::POST, &target(&upload["complete_url"]), &[], "").await
}

async fn uploaded_events(client: &Client, id: &str) -> usize {
    let events = client.timeline(id).await;
    events.iter().filter(|event| event["type"] == "millrace.document.uploaded").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_becomes_searchable_by_itself_and_completing_gives_the_answer() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let content = large_text("zqbyurl", 1);
    let upload = start(&client, &announcement(&content)).await;
    assert!(upload["url"].as_str().unwrap().starts_with(&node.url), "{upload}");
    complete(&client, &upload).await.expect_problem(409, "upload_not_received");
    assert_eq!(put(&client, &upload, content.clone()).await.status, 200);
    let id = upload["document_id"].as_str().unwrap();
    eventually("the document begins without a call", async || {
        client.get(&format!("/v1/documents/{id}")).await.status == 200
    })
    .await;
    let (first, second) = tokio::join!(complete(&client, &upload), complete(&client, &upload));
    assert_eq!(first.headers["location"], format!("/v1/documents/{id}"));
    let (first, second) = (first.expect(202), second.expect(202));
    assert_eq!(first, second);
    client.send(Method::POST, &format!("/v1/documents/{id}/cancel"), &[], "").await.expect(202);
    let stored = client.get(&format!("/v1/documents/{id}/content")).await;
    assert_eq!(stored.body, content);
    assert_eq!(uploaded_events(&client, id).await, 1);
    assert_eq!(client.document(id).await["job_id"], first["job_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_make_one_event() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let content = b"zqmany calls for one small content".as_slice();
    let upload = start(&client, &announcement(content)).await;
    let puts = join_all((0..8).map(|_| put(&client, &upload, content))).await;
    assert!(puts.iter().all(|answer| answer.status == 200));
    let answers = join_all((0..16).map(|_| complete(&client, &upload))).await;
    let answers: Vec<Value> = answers.into_iter().map(|answer| answer.expect(202)).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let id = upload["document_id"].as_str().unwrap();
    client.ready(id).await;
    assert_eq!(uploaded_events(&client, id).await, 1);
    assert_eq!(client.documents_with("zqmany").await, [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_and_changed_urls_are_refused() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let content = large_text("zqwrong", 1);
    let upload = start(&client, &announcement(&content)).await;
    let mut changed = content.to_vec();
    changed[500_000] ^= 1;
    put(&client, &upload, changed).await.expect_problem(422, "upload_mismatch");
    put(&client, &upload, content.slice(1..)).await.expect_problem(422, "upload_mismatch");
    let mut tampered = upload.clone();
    let url = upload["url"].as_str().unwrap();
    tampered["url"] = url[..url.len() - 1].into();
    put(&client, &tampered, content.clone()).await.expect_problem(403, "upload_url_invalid");
    complete(&client, &upload).await.expect_problem(409, "upload_not_received");
    // The limit is the node's.
    let mut too_large = announcement(&content);
    too_large["size"] = (101 << 20).into();
    client.post("/v1/uploads", &too_large).await.expect_problem(413, "content_too_large");
}

/// Its folder keeps what was announced, the secret of the URLs, and the notification.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_between_start_put_and_completion_loses_nothing() {
    let folder = Folder::new();
    let mut node = folder.start();
    let content = large_text("zqdying", 1);
    let upload = start(&node.client(), &announcement(&content)).await;
    node = again(node, &folder);
    assert_eq!(put(&node.client(), &upload, content.clone()).await.status, 200);
    node = again(node, &folder);
    let client = node.client();
    let id = upload["document_id"].as_str().unwrap();
    eventually("the upload is completed after the restart", async || {
        client.get(&format!("/v1/documents/{id}")).await.status == 200
    })
    .await;
    let accepted = complete(&client, &upload).await.expect(202);
    node = again(node, &folder);
    let client = node.client();
    assert_eq!(complete(&client, &upload).await.expect(202), accepted);
    client.wait_for(id, &["processing", "ready"]).await;
    assert_eq!(uploaded_events(&client, id).await, 1);
    assert_eq!(client.get(&format!("/v1/documents/{id}/content")).await.body, content);
}

fn again(node: Node, folder: &Folder) -> Node {
    node.kill();
    folder.start()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_completes_nothing_and_the_url_needs_no_key() {
    let folder = Folder::new();
    let node = Node::start(&folder.path(), &["--require-api-keys"]);
    let bearer = |tenant: &str| format!("Bearer {}", create_key(&folder, tenant));
    let (ours, theirs) = (bearer("ours"), bearer("theirs"));
    let client = node.client();
    let content = b"zqtenant is ours".as_slice();
    let headers = [("content-type", "application/json"), ("authorization", ours.as_str())];
    let body = announcement(content).to_string();
    client
        .send(Method::POST, "/v1/uploads", &headers[..1], body.clone())
        .await
        .expect_problem(401, "unauthenticated");
    let upload = client.send(Method::POST, "/v1/uploads", &headers, body).await.expect(201);
    assert_eq!(put(&client, &upload, content).await.status, 200);
    let completing = async |key: &str| {
        client.send(Method::POST, &target(&upload["complete_url"]), &[("authorization", key)], "").await
    };
    completing(&theirs).await.expect_problem(404, "upload_not_found");
    completing(&ours).await.expect(202);
    completing(&theirs).await.expect_problem(404, "upload_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_generation_by_url_replaces_in_one_switch() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("large.txt", "zqfirst of two").await;
    client.ready(&id).await;
    let content = b"zqsecond of two".as_slice();
    let mut announced = announcement(content);
    announced["document_id"] = id.as_str().into();
    let upload = start(&client, &announced).await;
    assert_eq!(put(&client, &upload, content).await.status, 200);
    assert_eq!(complete(&client, &upload).await.expect(202)["generation"], 2);
    eventually("the next generation is published", async || {
        client.document(&id).await["published_generation"] == 2
    })
    .await;
    assert_eq!(client.documents_with("zqsecond").await, [id.as_str()]);
    assert!(client.documents_with("zqfirst").await.is_empty());
    assert_eq!(complete(&client, &upload).await.expect(202)["generation"], 2);
    assert_eq!(uploaded_events(&client, &id).await, 2);
}

/// The command against a real node, with a file that is too large for a Lambda's body.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_uploads_a_large_file_by_url() {
    let folder = Folder::new();
    let node = folder.start();
    let files = tempfile::tempdir().unwrap();
    let content = large_text("zqcommand", 5);
    std::fs::write(files.path().join("large.txt"), &content).unwrap();
    for expected in ["1 uploaded", "1 already there"] {
        let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args(["upload", "large.txt", "--no-wait"])
            .current_dir(files.path())
            .env_clear()
            .env("MILLRACE_URL", &node.url)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            ran.status.success() && told.contains(expected),
            "{told}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    let client = node.client();
    let listed = async || client.get("/v1/documents").await.expect(200)["documents"].clone();
    eventually("the document is listed", async || listed().await.as_array().unwrap().len() == 1).await;
    let id = listed().await[0]["document_id"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/v1/documents/{id}/content")).await.body, content);
    assert_eq!(uploaded_events(&client, &id).await, 1);
}
