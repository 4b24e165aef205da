//! The same request twice has one effect; another request under the same key is refused.

use futures::future::join_all;
use http::Method;

use crate::node::Folder;

const FILE: (&str, &str) = ("x-filename", "note.txt");

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_body_get_the_first_answer() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let headers = [FILE, ("idempotency-key", "note-1")];
    let first = client.send(Method::POST, "/v1/documents", &headers, "a short note").await.expect(202);
    let again = client.send(Method::POST, "/v1/documents", &headers, "a short note").await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let again = again.expect(202);
    for name in ["document_id", "job_id", "generation", "correlation_id"] {
        assert_eq!(first[name], again[name], "{name}");
    }
    client.ready(first["document_id"].as_str().unwrap()).await;
    let other = client.send(Method::POST, "/v1/documents", &headers, "another note").await;
    other.expect_problem(422, "idempotency_key_reused");
    assert_eq!(client.documents_with("note").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_takes_effect() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let headers = [FILE, ("idempotency-key", "storm")];
    let sent = (0..32).map(|_| client.send(Method::POST, "/v1/documents", &headers, "a stormy note"));
    let mut ids = Vec::new();
    for answer in join_all(sent).await {
        match answer.status.as_u16() {
            202 => ids.push(answer.json()["document_id"].as_str().unwrap().to_owned()),
            _ => drop(answer.expect_problem(409, "idempotency_in_progress")),
        }
    }
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    client.ready(&ids[0]).await;
    assert_eq!(client.documents_with("stormy").await, [ids[0].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_outlives_a_crash() {
    let folder = Folder::new();
    let node = folder.start();
    let headers = [FILE, ("idempotency-key", "kept")];
    let first = node.client().send(Method::POST, "/v1/documents", &headers, "kept").await.expect(202);
    node.kill();
    let node = folder.start();
    let again = node.client().send(Method::POST, "/v1/documents", &headers, "kept").await.expect(202);
    assert_eq!(first["document_id"], again["document_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_without_a_key_is_another_document() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let one = client.upload("twin.txt", "twins look alike").await;
    let two = client.upload("twin.txt", "twins look alike").await;
    assert_ne!(one, two);
    client.ready(&one).await;
    client.ready(&two).await;
    assert_eq!(client.documents_with("twins").await.len(), 2);
    let embedded = client.timeline(&two).await;
    let cached: u64 = embedded.iter().filter_map(|event| event["data"]["cached"].as_u64()).sum();
    let earlier: u64 =
        client.timeline(&one).await.iter().filter_map(|event| event["data"]["cached"].as_u64()).sum();
    assert!(cached + earlier <= 2, "each text is embedded at least once overall");
}
