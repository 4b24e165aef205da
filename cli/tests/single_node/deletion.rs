//! Deleted is deleted: not found from the answer on, purged and receipted a moment later.

use http::Method;
use serde_json::json;

use crate::client::eventually;
use crate::node::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_document_is_gone_at_once_and_receipted() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("secret.txt", "the zqsecret recipe").await;
    let document = client.ready(&id).await;
    assert_eq!(client.documents_with("zqsecret").await, [id.as_str()]);
    let path = format!("/v1/documents/{id}");
    client.delete(&path).await.expect(202);
    assert!(client.documents_with("zqsecret").await.is_empty(), "found after the tombstone");
    eventually("the receipt", || async { client.get(&path).await.status.as_u16() == 410 }).await;
    let gone = client.get(&path).await.expect_problem(410, "document_deleted");
    let receipt = &gone["receipt"];
    assert_eq!(receipt["chunks"], document["progress"]["chunks_total"]);
    assert_eq!(receipt["vectors"], receipt["chunks"]);
    assert!(receipt["blobs"].as_u64().is_some_and(|blobs| blobs >= 3), "source, text and chunks: {receipt}");
    client.get(&format!("{path}/content")).await.expect_problem(410, "document_deleted");
    let left = std::fs::read_dir(folder.path().join("blobs/default")).map_or(0, |entries| {
        entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy() == id).count()
    });
    assert_eq!(left, 0, "its folder of blobs is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_deleted_while_it_is_processed_leaves_nothing() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let text = "A zqhasty sentence that says little. ".repeat(3_000);
    for _ in 0..5 {
        let id = client.upload("hasty.txt", text.clone()).await;
        let path = format!("/v1/documents/{id}");
        client.delete(&path).await.expect(202);
        eventually("the receipt", || async { client.get(&path).await.status.as_u16() == 410 }).await;
        assert!(client.documents_with("zqhasty").await.is_empty());
    }
    let listed = client.get("/v1/documents").await.expect(200);
    let processing = |document: &serde_json::Value| document["status"] == "processing";
    assert!(!listed["documents"].as_array().unwrap().iter().any(processing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_survives_a_crash() {
    let folder = Folder::new();
    let node = folder.start();
    let id = node.client().upload("crash.txt", "the zqcrash text").await;
    node.client().ready(&id).await;
    let path = format!("/v1/documents/{id}");
    node.client().delete(&path).await.expect(202);
    node.kill();
    let node = folder.start();
    let client = node.client();
    assert!(client.documents_with("zqcrash").await.is_empty());
    eventually("the receipt", || async { client.get(&path).await.status.as_u16() == 410 }).await;
    client.send(Method::PUT, &path, &[("x-filename", "again.txt")], "again").await.expect(410);
    client.post(&format!("{path}/retry"), &json!({})).await.expect(410);
}
