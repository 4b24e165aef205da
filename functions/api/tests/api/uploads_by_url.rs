//! Uploads by URL: started, put, completed; repeated, refused, expired. Completing by the store's notification is the
//! workers' business and not run here; that it was sent is.

use std::sync::Arc;

use axum::Router;
use millrace_api::ApiKeyAuthenticator;
use millrace_application::{CreateApiKey, UPLOAD_URL_MS};
use millrace_domain::QueueName;
use millrace_test_support::SimClock;
use millrace_test_support::builders::tenant;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::schema_check::assert_valid;
use crate::server::{Ask, Reply, Server, UPLOAD_BYTES_MAX, ask};

const CONTENT: &str = "A content that came by another way.";

/// What announces a content.
fn announcement(content: &str) -> Value {
    json!({
        "filename": "dir/Zoë.txt",
        "media_type": "text/plain; charset=utf-8",
        "size": content.len(),
        "sha256": Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    })
}

fn start(announced: &Value) -> Ask {
    ask("POST", "/v1/uploads").json(announced.clone())
}

async fn started(server: &Server, announced: &Value) -> Value {
    let reply = start(announced).of(&server.router).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_valid("Upload", &reply.json());
    reply.json()
}

/// The path and query of a link that was given.
fn target(link: &Value) -> String {
    link.as_str().unwrap().strip_prefix("http://localhost:8080").expect("absolute as asked").to_owned()
}

fn put_to(upload: &Value) -> Ask {
    assert_eq!(upload["method"], "PUT");
    let headers = upload["headers"].as_object().unwrap();
    let put = ask("PUT", &target(&upload["url"]));
    headers.iter().fold(put, |put, (name, value)| put.with(name, value.as_str().unwrap()))
}

async fn put(router: &Router, upload: &Value, content: &str) -> Reply {
    put_to(upload).body(content.to_owned()).of(router).await
}

async fn complete(router: &Router, upload: &Value) -> Reply {
    ask("POST", &target(&upload["complete_url"])).of(router).await
}

#[tokio::test]
async fn a_content_goes_its_own_way_and_is_accepted_once() {
    let server = Server::start().await;
    let mut announced = announcement(CONTENT);
    announced["collection"] = "papers".into();
    announced["metadata"] = json!({"year": 2025});
    let begun = start(&announced).with("idempotency-key", "k").of(&server.router).await;
    assert_eq!(begun.header("cache-control"), "no-store");
    let upload = begun.json();
    let path = format!("/v1/documents/{}", upload["document_id"].as_str().unwrap());
    server.get(&path).await.problem(404, "document_not_found");
    let early = complete(&server.router, &upload).await;
    assert!(early.problem(409, "upload_not_received").contains("PUT"));
    assert_eq!(early.json()["retryable"], true);

    let received = put(&server.router, &upload, CONTENT).await;
    assert_eq!(received.status, 200, "{received:?}");
    assert_eq!(server.waiting(QueueName::Uploads).await, 1, "the notification is on its way");
    server.get(&path).await.problem(404, "document_not_found");

    let first = complete(&server.router, &upload).await;
    assert_eq!(first.status, 202, "{first:?}");
    assert_valid("Accepted", &first.json());
    assert_eq!(first.header("location"), path);
    assert_eq!(first.header("etag"), "\"v1\"");
    assert_eq!(first.json()["filename"], "Zoë.txt");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = complete(&server.router, &upload).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), again.json());

    let document = server.get(&path).await.json();
    assert_eq!(document["collection"], "papers");
    assert_eq!(document["metadata"], json!({"year": 2025}));
    assert_eq!(document["declared_media_type"], "text/plain; charset=utf-8");
    assert_eq!(document["sha256"], announced["sha256"]);
    let events = server.get(&format!("{path}/timeline")).await.json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1, "one event");
    assert_eq!(events["events"][0]["correlation_id"], begun.header("x-correlation-id"));
    assert_eq!(events["events"][0]["idempotency_key"], "k");
    let content = server.get(&format!("{path}/content")).await;
    assert_eq!(content.body, CONTENT);
    assert_eq!(server.blobs.len(), 1, "the record of the upload is gone");
}

#[tokio::test]
async fn a_put_after_completion_stores_nothing_and_is_no_error() {
    let server = Server::start().await;
    let upload = started(&server, &announcement(CONTENT)).await;
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200);
    let accepted = complete(&server.router, &upload).await;
    server.execute(upload["document_id"].as_str().unwrap(), millrace_domain::Command::RequestDeletion).await;
    server.blobs.clear();
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200);
    assert_eq!(server.blobs.len(), 0, "what was deleted does not come back");
    let again = complete(&server.router, &upload).await;
    assert_eq!(again.json(), accepted.json());
    assert_eq!(server.blobs.len(), 0);
}

#[tokio::test]
async fn a_repetition_under_the_same_key_continues_the_same_upload() {
    let server = Server::start().await;
    let announced = announcement(CONTENT);
    let begin = || start(&announced).with("idempotency-key", "k").of(&server.router);
    let first = begin().await.json();
    server.clock.advance_ms(UPLOAD_URL_MS.unsigned_abs());
    put(&server.router, &first, CONTENT).await.problem(410, "upload_expired");
    complete(&server.router, &first).await.problem(410, "upload_expired");
    let reply = begin().await;
    assert_eq!(reply.header("idempotency-replayed"), "true");
    let second = reply.json();
    assert_eq!(second["upload_id"], first["upload_id"]);
    assert_ne!(second["expires_at"], first["expires_at"]);
    assert_eq!(put(&server.router, &second, CONTENT).await.status, 200);
    assert_eq!(complete(&server.router, &first).await.status, 202);
    // After completion it is still the same upload, and nothing is pending again.
    let third = begin().await.json();
    assert_eq!(third["upload_id"], first["upload_id"]);
    assert_eq!(server.blobs.len(), 1);
    assert_eq!(complete(&server.router, &third).await.header("idempotency-replayed"), "true");

    let other = announcement("another content");
    let reused = start(&other).with("idempotency-key", "k").of(&server.router).await;
    reused.problem(422, "idempotency_key_reused");
    let in_one = ask("POST", "/v1/documents").with("idempotency-key", "k").body(CONTENT);
    in_one.of(&server.router).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn other_bytes_are_not_kept() {
    let server = Server::start().await;
    let upload = started(&server, &announcement(CONTENT)).await;
    let pending = server.blobs.len();
    let changed = CONTENT.replace("way", "WAY");
    for wrong in [changed.as_str(), &CONTENT[1..], &format!("{CONTENT}!"), ""] {
        put(&server.router, &upload, wrong).await.problem(422, "upload_mismatch");
        // Without a declared length they are found out while they stream by.
        let blocks: Vec<_> =
            wrong.as_bytes().chunks(5).map(|b| Ok::<_, std::io::Error>(b.to_vec())).collect();
        let streamed = put_to(&upload).body(axum::body::Body::from_stream(futures::stream::iter(blocks)));
        streamed.of(&server.router).await.problem(422, "upload_mismatch");
        assert_eq!(server.blobs.len(), pending, "{wrong:?} was kept");
    }
    complete(&server.router, &upload).await.problem(409, "upload_not_received");
    assert_eq!(server.waiting(QueueName::Uploads).await, 0);
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200);
}

#[tokio::test]
async fn a_url_is_good_only_as_it_was_signed() {
    let server = Server::start().await;
    let upload = started(&server, &announcement(CONTENT)).await;
    let other = started(&server, &announcement("another content")).await;
    let url = target(&upload["url"]);
    let (path, query) = url.split_once('?').unwrap();
    let other_url = target(&other["url"]);
    let (other_path, other_query) = other_url.split_once('?').unwrap();
    let (grant, signature) = query.split_once("&signature=").unwrap();
    let (other_grant, _) = other_query.split_once("&signature=").unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    for forged in [
        format!("{other_path}?{query}"),
        format!("{path}?{other_grant}&signature={signature}"),
        format!("{path}?{grant}&signature={flipped}{}", &signature[1..]),
        format!("{path}?{grant}&signature="),
        format!("{path}?{query}&x=1"),
        format!("{path}?{grant}"),
        path.to_owned(),
    ] {
        let put = ask("PUT", &forged).with("content-type", "text/plain; charset=utf-8").body(CONTENT);
        put.of(&server.router).await.problem(403, "upload_url_invalid");
    }
    let untyped = ask("PUT", &url).body(CONTENT).of(&server.router).await;
    assert!(untyped.problem(403, "upload_url_invalid").contains("Content-Type: text/plain; charset=utf-8"));
    let no_name = ask("PUT", &format!("/v1/uploads/x/content?{query}")).body(CONTENT);
    no_name.of(&server.router).await.problem(404, "upload_not_found");
    assert_eq!(server.waiting(QueueName::Uploads).await, 0);
}

#[tokio::test]
async fn an_upload_is_its_tenants_and_the_url_needs_no_key() {
    let server = Server::with(|keys| Arc::new(ApiKeyAuthenticator::new(keys))).await;
    let create = CreateApiKey::new(Arc::clone(&server.keys), Arc::new(SimClock::default()));
    let ours = create.run(tenant("ours"), "test".into(), [1; 32]).await.unwrap().secret;
    let theirs = create.run(tenant("theirs"), "test".into(), [2; 32]).await.unwrap().secret;
    start(&announcement(CONTENT)).of(&server.router).await.problem(401, "unauthenticated");
    let upload = start(&announcement(CONTENT)).with("x-api-key", &ours).of(&server.router).await.json();
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200, "without a key");
    let completing = |key: &str| ask("POST", &target(&upload["complete_url"])).with("x-api-key", key);
    complete(&server.router, &upload).await.problem(401, "unauthenticated");
    completing(&theirs).of(&server.router).await.problem(404, "upload_not_found");
    assert_eq!(completing(&ours).of(&server.router).await.status, 202);
    completing(&theirs).of(&server.router).await.problem(404, "upload_not_found");
    let theirs_on_ours =
        json!({"filename": "a", "size": 1, "sha256": "0".repeat(64), "document_id": upload["document_id"]});
    let stolen = start(&theirs_on_ours).with("x-api-key", &theirs).of(&server.router).await;
    stolen.problem(404, "document_not_found");
}

#[tokio::test]
async fn an_upload_may_be_a_documents_next_generation() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let mut announced = announcement(CONTENT);
    announced["document_id"] = id.as_str().into();
    let stale = start(&announced).with("if-match", "\"v7\"").of(&server.router).await;
    stale.problem(412, "version_differs");
    let mut moved = announced.clone();
    moved["collection"] = "other".into();
    start(&moved).of(&server.router).await.problem(409, "other_collection");

    let upload = start(&announced).with("if-match", "\"v1\"").of(&server.router).await.json();
    assert_eq!(upload["document_id"], id);
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200);
    let first = complete(&server.router, &upload).await;
    assert_eq!(first.status, 202, "{first:?}");
    assert_eq!(first.json()["generation"], 2);
    // The document moved on by this very upload, which the condition does not forbid.
    assert_eq!(complete(&server.router, &upload).await.json(), first.json());
    // Nor does a later generation make the upload a new one.
    let third = ask("PUT", &format!("/v1/documents/{id}")).body("three").of(&server.router).await;
    assert_eq!(third.json()["generation"], 3);
    assert_eq!(complete(&server.router, &upload).await.json(), first.json());
    assert_eq!(server.document(&id).await.generation.get(), 3);
}

#[tokio::test]
async fn a_document_that_moved_on_refuses_an_upload_that_insists_on_its_version() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let mut announced = announcement(CONTENT);
    announced["document_id"] = id.as_str().into();
    let upload = start(&announced).with("if-match", "\"v1\"").of(&server.router).await.json();
    let unconditional = started(&server, &announced).await;
    for upload in [&upload, &unconditional] {
        assert_eq!(put(&server.router, upload, CONTENT).await.status, 200);
    }
    server.fail(&id).await;
    complete(&server.router, &upload).await.problem(412, "version_differs");
    assert_eq!(complete(&server.router, &unconditional).await.json()["generation"], 2);
    server.execute(&id, millrace_domain::Command::RequestDeletion).await;
    start(&announced).of(&server.router).await.problem(410, "document_deleted");
}

#[tokio::test]
async fn a_content_equal_to_the_current_one_is_answered_alike_each_time() {
    let server = Server::start().await;
    let id = server.upload("Zoë.txt", CONTENT).await;
    let mut announced = announcement(CONTENT);
    announced["document_id"] = id.as_str().into();
    announced["media_type"] = "text/plain".into();
    let upload = started(&server, &announced).await;
    assert_eq!(put(&server.router, &upload, CONTENT).await.status, 200);
    let first = complete(&server.router, &upload).await;
    assert_eq!(first.json()["generation"], 1, "{first:?}");
    assert_eq!(complete(&server.router, &upload).await.json(), first.json());
    assert_eq!(server.document(&id).await.version.get(), 1);
    assert_eq!(server.blobs.len(), 2, "the document's content and the record, not the superfluous content");
}

#[tokio::test]
async fn what_cannot_be_uploaded_is_refused_at_the_start() {
    let server = Server::start().await;
    let with = |member: &str, value: Value| {
        let mut announced = announcement(CONTENT);
        announced[member] = value;
        announced
    };
    for (member, value, status, code) in [
        ("size", json!(UPLOAD_BYTES_MAX + 1), 413, "content_too_large"),
        ("size", json!(0), 422, "empty_content"),
        ("size", json!(-1), 422, "invalid_member"),
        ("sha256", json!("abc"), 422, "invalid_member"),
        ("media_type", json!("text"), 422, "invalid_member"),
        ("media_type", json!("text/plain; a=\u{1}"), 422, "invalid_member"),
        ("metadata", json!({"a": {}}), 422, "invalid_member"),
        ("metadata", json!({"a": "x".repeat(5_000)}), 422, "invalid_member"),
        ("collection", json!("No Slug"), 422, "invalid_member"),
        ("document_id", json!("01890a5d-ac96-774b-bcce-b302099a8057"), 404, "document_not_found"),
        ("url", json!("https://example.com"), 422, "invalid_member"),
    ] {
        start(&with(member, value)).of(&server.router).await.problem(status, code);
    }
    let condition = start(&announcement(CONTENT)).with("if-match", "\"v1\"").of(&server.router).await;
    assert!(condition.problem(400, "invalid_header").contains("document_id"));
    assert_eq!(server.blobs.len(), 0);
    // Upper-case digits are the same hash, and a large content by URL is no too large one.
    let upper = announcement(CONTENT)["sha256"].as_str().unwrap().to_uppercase();
    started(&server, &with("sha256", upper.into())).await;
    started(&server, &with("size", json!(UPLOAD_BYTES_MAX))).await;
}

#[tokio::test]
async fn a_content_too_large_for_a_request_is_told_the_way() {
    let server = Server::start().await;
    let long = "x".repeat(100_001);
    let reply = ask("POST", "/v1/documents").body(long).of(&server.router).await;
    assert!(reply.problem(413, "content_too_large").contains("/v1/uploads"));
}

#[tokio::test]
async fn an_unknown_upload_is_not_found() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for name in ["x", unknown, &format!("{unknown}.{unknown}"), &format!("{id}.{unknown}")] {
        let reply = ask("POST", &format!("/v1/uploads/{name}/complete")).of(&server.router).await;
        reply.problem(404, "upload_not_found");
    }
}
