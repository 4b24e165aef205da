//! Searching.

use serde_json::json;

use crate::schema_check::assert_valid;
use crate::server::{Server, ask};

#[tokio::test]
async fn passages_are_found_and_filtered() {
    let server = Server::start().await;
    let fruit = server.upload("fruit.txt", "one").await;
    server.ingest(&fruit, "text/plain", &["apples and pears", "apples only"]).await;
    let tools = server.upload("tools.txt", "two").await;
    server.ingest(&tools, "text/plain", &["hammers for apples"]).await;
    let search = |body: serde_json::Value| ask("POST", "/v1/search").json(body).of(&server.router);

    let found = search(json!({"query": "apples"})).await;
    assert_eq!(found.status, 200, "{found:?}");
    let json = found.json();
    assert_valid("SearchAnswer", &json);
    assert_eq!(json["hits"].as_array().unwrap().len(), 3);
    assert_eq!(json["by_meaning"], true);
    assert_eq!(json["hits"][0]["filename"], "fruit.txt");
    assert_eq!(json["hits"][0]["generation"], 1);

    let one = search(json!({"query": "apples", "limit": 1})).await.json();
    assert_eq!(one["hits"].as_array().unwrap().len(), 1);
    let each = search(json!({"query": "apples", "hits_per_document_max": 1})).await.json();
    assert_eq!(each["hits"].as_array().unwrap().len(), 2);
    let only = search(json!({"query": "apples", "filter": {"documents": [tools]}})).await.json();
    assert_eq!(only["hits"][0]["filename"], "tools.txt");
    let none = search(json!({"query": "apples", "collection": "empty"})).await.json();
    assert_eq!(none["hits"], json!([]));
}

#[tokio::test]
async fn a_search_that_cannot_be_meant_is_refused() {
    let server = Server::start().await;
    let search = |body: serde_json::Value| ask("POST", "/v1/search").json(body).of(&server.router);
    for (body, hint) in [
        (json!({"query": " "}), "empty"),
        (json!({"query": "x", "limit": 0}), "1 to 100"),
        (json!({"query": "x", "limit": -1}), "limit"),
        (json!({"query": "x", "limits": 3}), "limits"),
        (json!({"query": "x", "filter": {"document": []}}), "document"),
        (json!({"query": "x", "filter": {"documents": ["no id"]}}), "documents"),
        (json!({"query": "x", "filter": {"metadata": {"a": {}}}}), "filter.metadata"),
        (json!({"query": "x", "collection": "No Slug"}), "collection name"),
        (json!({"limit": 3}), "query"),
        (json!(["x"]), "object"),
        (json!({"query": "x", "filter": []}), "object"),
        (json!(null), "object"),
    ] {
        let detail = search(body.clone()).await.problem(422, "invalid_member");
        assert!(detail.contains(hint), "{body}: {detail}");
    }
    let raw = |kind: &str, body: &str| {
        ask("POST", "/v1/search").with("content-type", kind).body(body.to_owned()).of(&server.router)
    };
    raw("application/json", "{\"query\":").await.problem(400, "malformed_json");
    let form = raw("application/x-www-form-urlencoded", "{}").await;
    assert!(form.problem(415, "unsupported_content_type").contains("application/json"));
    let long = format!("{{\"query\":\"{}\"}}", "x".repeat(70_000));
    raw("application/json", &long).await.problem(413, "content_too_large");
}
