//! One document from upload to receipt.

use serde_json::json;

use crate::schema_check::assert_valid;
use crate::server::{Server, ask};

#[tokio::test]
async fn a_ready_document_tells_how_it_became_so() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one two").await;
    server.ingest(&id, "text/plain", &["apples", "bees", "cats", "dogs"]).await;
    let document = server.get(&format!("/v1/documents/{id}")).await.json();
    assert_valid("Document", &document);
    assert_eq!(document["status"], "ready");
    assert_eq!(document["searchable_by"], json!(["words", "meaning"]));
    assert_eq!(document["published_generation"], 1);
    assert_eq!(document["progress"], json!({"pages_total": 2, "chunks_embedded": 4, "chunks_total": 4}));
    assert_eq!(document["error"], json!(null));
    assert_eq!(document["media_type"], "text/plain");
    assert_eq!(document["title"], "T");
    ask("POST", &format!("/v1/documents/{id}/cancel")).of(&server.router).await.problem(409, "not_possible");
    ask("POST", &format!("/v1/documents/{id}/retry")).of(&server.router).await.problem(409, "not_possible");
}

#[tokio::test]
async fn a_failed_document_tells_why_and_is_tried_again() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    server.fail(&id).await;
    let document = server.get(&format!("/v1/documents/{id}")).await.json();
    assert_valid("Document", &document);
    let error = json!({"stage": "extract", "code": "encrypted", "reason": "a password is needed",
        "attempts": 2, "retryable": false});
    assert_eq!(document["error"], error);
    let retried = ask("POST", &format!("/v1/documents/{id}/retry")).of(&server.router).await;
    assert_eq!(retried.status, 202, "{retried:?}");
    assert_valid("Document", &retried.json());
    assert_eq!(retried.json()["status"], "processing");
    assert_eq!(retried.json()["retries"], 1);
    let cancel = || ask("POST", &format!("/v1/documents/{id}/cancel")).of(&server.router);
    assert_eq!(cancel().await.json()["status"], "cancelled");
    assert_eq!(cancel().await.json()["status"], "cancelled");
}

#[tokio::test]
async fn a_deleted_document_leaves_a_receipt() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}");
    let delete = || ask("DELETE", &path);
    delete().with("if-match", "\"v9\"").of(&server.router).await.problem(412, "version_differs");
    let first = delete().with("if-match", "\"v1\"").of(&server.router).await;
    assert_eq!(first.status, 202);
    assert_valid("Document", &first.json());
    assert_eq!(first.json()["status"], "deleting");
    assert_eq!(delete().with("if-match", "\"v1\"").of(&server.router).await.status, 202);
    assert_eq!(server.get(&path).await.json()["status"], "deleting");
    let early = server.get(&format!("{path}/content")).await;
    early.problem(410, "document_deleted");
    assert!(early.json().get("receipt").is_none());

    server.finish_deletion(&id).await;
    for (method, part) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/retry"),
        ("GET", "/chunks"),
        ("GET", "/content"),
    ] {
        let gone = ask(method, &format!("{path}{part}")).of(&server.router).await;
        gone.problem(410, "document_deleted");
        assert_eq!(gone.json()["receipt"]["blobs"], 3, "{method} {part}");
    }
    ask("PUT", &path).body("x").of(&server.router).await.problem(410, "document_deleted");
    let timeline = server.get(&format!("{path}/timeline")).await.json();
    assert_valid("Timeline", &timeline);
    let deletion: Vec<_> = timeline["steps"].as_array().unwrap().iter().map(|step| &step["step"]).collect();
    assert_eq!(deletion, ["upload", "extract", "tombstone", "purge_index", "purge_content", "verify"]);
    assert_eq!(timeline["steps"][1]["outcome"], "cancelled");
    // The purge succeeded at its second attempt, and the first ended in the index.
    let attempts: Vec<_> = (3..6).map(|at| &timeline["steps"][at]["attempts"]).collect();
    assert_eq!(attempts, [2, 1, 1]);
    let listed = server.get("/v1/documents?status=deleted").await.json();
    assert_valid("DocumentPage", &listed);
    assert_eq!(listed["documents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_timeline_tells_steps_attempts_durations_and_compensations() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}/timeline");
    server.clock.advance_ms(1_500);
    server.ingest(&id, "text/plain", &["a", "b", "c", "d"]).await;
    assert_eq!(ask("PUT", &format!("/v1/documents/{id}")).body("two").of(&server.router).await.status, 202);
    server.clock.advance_ms(700);
    assert_eq!(ask("POST", &format!("/v1/documents/{id}/cancel")).of(&server.router).await.status, 202);
    let timeline = server.get(&path).await.json();
    assert_valid("Timeline", &timeline);
    let steps = timeline["steps"].as_array().unwrap();
    let told = |at: usize, names: [&str; 4]| names.map(|name| steps[at][name].clone());
    let names = ["step", "outcome", "attempts", "duration_ms"];
    let expected = [
        (1, json!(["extract", "done", 2, 1_500])),
        (3, json!(["embed", "done", 2, 0])),
        (6, json!(["extract", "cancelled", null, 700])),
        (7, json!(["purge_generation", "running", null, null])),
    ];
    for (at, step) in expected {
        assert_eq!(json!(told(at, names)), step, "{steps:#?}");
    }
    assert_eq!(steps[3]["details"]["batches_done"], 2);
    let purge = told(7, ["saga", "cause", "generation", "ended_at"]);
    assert_eq!(json!(purge), json!(["compensation", "cancellation", 2, null]));
    for beyond in ["8", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        let page = server.get(&format!("{path}?after={beyond}")).await;
        assert_eq!(page.status, 200, "after {beyond}");
        assert!(page.json()["events"].as_array().unwrap().is_empty(), "after {beyond}");
    }
}
