//! A new content replaces the old in one switch; cancel and retry; conditional requests.

use std::fmt::Write as _;

use http::Method;
use serde_json::json;

use crate::client::Client;
use crate::node::Folder;

/// A text of many chunks, every one of which holds the word.
fn long_text(word: &str, paragraphs: usize) -> String {
    (0..paragraphs).fold(String::new(), |mut text, number| {
        writeln!(text, "{}\n", format!("Paragraph {number} tells of {word} at some length. ").repeat(24))
            .unwrap();
        text
    })
}

async fn put(client: &Client, id: &str, content: String) -> serde_json::Value {
    let headers = [("x-filename", "story.txt")];
    client.send(Method::PUT, &format!("/v1/documents/{id}"), &headers, content).await.expect(202)
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_never_see_a_mix_or_a_gap_while_a_generation_is_replaced() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("story.txt", long_text("zqalpha", 12)).await;
    client.ready(&id).await;
    let accepted = put(&client, &id, long_text("zqbeta", 12)).await;
    assert_eq!(accepted["generation"], 2);
    let mut searches = 0;
    loop {
        let ready = client.document(&id).await["status"] == "ready";
        let answer =
            client.post("/v1/search", &json!({ "query": "zqalpha zqbeta paragraph", "limit": 50 })).await;
        let hits = answer.expect(200)["hits"].as_array().unwrap().clone();
        let texts: Vec<&str> = hits.iter().map(|hit| hit["text"].as_str().unwrap()).collect();
        let (old, new) =
            (texts.iter().any(|t| t.contains("zqalpha")), texts.iter().any(|t| t.contains("zqbeta")));
        assert!(old != new, "old {old}, new {new}: one generation is seen, wholly");
        searches += 1;
        if ready && new {
            break;
        }
        assert!(!(ready && old), "ready, yet the old generation is found");
        assert!(searches < 100_000, "the new generation never came");
    }
    let document = client.document(&id).await;
    assert_eq!((&document["generation"], &document["published_generation"]), (&json!(2), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_replacement_leaves_the_old_content_published() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("kept.txt", "the zqkept original").await;
    client.ready(&id).await;
    let path = format!("/v1/documents/{id}");
    let broken = b"%PDF-1.7\nnot a pdf at all".to_vec();
    client.send(Method::PUT, &path, &[("x-filename", "broken.pdf")], broken).await.expect(202);
    let document = client.wait_for(&id, &["failed"]).await;
    assert_eq!(document["error"]["code"], "corrupt");
    assert_eq!(client.documents_with("zqkept").await, [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_document_is_not_found_and_can_be_retried() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("long.txt", long_text("zqlong", 60)).await;
    let cancelled = client.post(&format!("/v1/documents/{id}/cancel"), &json!({})).await.expect(202);
    assert_eq!(cancelled["status"], "cancelled");
    assert!(client.documents_with("zqlong").await.is_empty());
    let retried = client.post(&format!("/v1/documents/{id}/retry"), &json!({})).await.expect(202);
    assert_eq!(retried["status"], "processing");
    let document = client.ready(&id).await;
    assert_eq!(document["progress"]["chunks_embedded"], document["progress"]["chunks_total"]);
    assert_eq!(client.documents_with("zqlong").await, [id.as_str()]);
    client.post(&format!("/v1/documents/{id}/cancel"), &json!({})).await.expect_problem(409, "not_possible");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_requests_save_bytes_and_lost_updates() {
    let folder = Folder::new();
    let node = folder.start();
    let client = node.client();
    let id = client.upload("tag.txt", "a tagged text").await;
    client.ready(&id).await;
    let path = format!("/v1/documents/{id}");
    let etag = client.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = client.send(Method::GET, &path, &[("if-none-match", &etag)], "").await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    let headers = [("if-match", "\"v1\""), ("x-filename", "tag.txt")];
    let late = client.send(Method::PUT, &path, &headers, "a lost update").await;
    late.expect_problem(412, "version_differs");
    let headers = [("if-match", etag.as_str()), ("x-filename", "tag.txt")];
    client.send(Method::PUT, &path, &headers, "an update in time").await.expect(202);
}
