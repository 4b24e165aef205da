//! Accepting contents: raw, as forms, repeated, replaced, refused.

use bytes::Bytes;
use futures::stream;
use millrace_domain::{CollectionName, QueueName, TenantId};
use serde_json::json;

use crate::schema_check::assert_valid;
use crate::server::{Ask, CONTENT_BYTES_MAX, Server, ask};

fn upload() -> Ask {
    ask("POST", "/v1/documents")
}

fn form(parts: &[(&str, &str, &str)]) -> Ask {
    let part = |(name, extra, content): &(&str, &str, &str)| {
        format!("--BB\r\nContent-Disposition: form-data; name=\"{name}\"{extra}\r\n\r\n{content}\r\n")
    };
    let body: String = parts.iter().map(part).collect();
    upload().with("content-type", "multipart/form-data; boundary=BB").body(format!("{body}--BB--\r\n"))
}

#[tokio::test]
async fn a_raw_body_is_accepted_and_enqueued() {
    let server = Server::start().await;
    let correlation = "01890a5d-ac96-774b-bcce-b302099a8057";
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let reply = ask("POST", "/v1/documents?collection=papers")
        .with("content-type", "text/plain; charset=koi8-r")
        .with("x-filename", "dir%2FZo%C3%AB.txt")
        .with("x-metadata", r#"{"year":2025}"#)
        .with("x-correlation-id", &correlation.to_uppercase())
        .with("traceparent", trace)
        .body("the content")
        .of(&server.router)
        .await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let json = reply.json();
    assert_valid("Accepted", &json);
    assert_eq!(reply.header("location"), format!("/v1/documents/{}", json["document_id"].as_str().unwrap()));
    assert_eq!(reply.header("etag"), "\"v1\"");
    assert!(!reply.headers.contains_key("idempotency-replayed"));
    assert_eq!(json["status"], "processing");
    assert_eq!(json["stage"], "extract");
    assert_eq!(json["generation"], 1);
    assert_eq!(json["filename"], "Zoë.txt");
    assert_eq!(json["correlation_id"], correlation);
    assert_eq!(reply.header("x-correlation-id"), correlation);
    assert_eq!(server.waiting(QueueName::Ingest).await, 1);

    let status = server.get(reply.header("location")).await.json();
    assert_valid("Document", &status);
    assert_eq!(status["collection"], "papers");
    assert_eq!(status["declared_media_type"], "text/plain; charset=koi8-r");
    assert_eq!(status["metadata"], json!({"year": 2025}));
    assert_eq!(status["size_bytes"], 11);
    let events = server.get(&format!("{}/timeline", reply.header("location"))).await.json();
    assert_valid("Timeline", &events);
    assert_eq!(events["events"][0]["correlation_id"], correlation);
    assert_eq!(events["events"][0]["traceparent"], trace);
}

#[tokio::test]
async fn a_form_is_accepted_like_a_raw_body() {
    let server = Server::start().await;
    let reply = form(&[
        ("collection", "", "papers"),
        ("metadata", "", r#"{"year":2025}"#),
        ("file", "; filename=\"C:\\x\\Zoë.md\"\r\nContent-Type: text/markdown", "# Title"),
    ])
    .of(&server.router)
    .await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let status = server.get(reply.header("location")).await.json();
    assert_eq!(status["filename"], "Zoë.md");
    assert_eq!(status["collection"], "papers");
    assert_eq!(status["declared_media_type"], "text/markdown");
    assert_eq!(status["metadata"]["year"], 2025);
    assert_eq!(status["size_bytes"], 7);
}

#[tokio::test]
async fn a_form_that_is_refused_leaves_nothing_behind() {
    let server = Server::start().await;
    let file = ("file", "; filename=\"a\"", "x");
    let several = form(&[file, file]).of(&server.router).await;
    assert!(several.problem(422, "invalid_member").contains("one document per request"));
    form(&[file, ("collection", "", "late")]).of(&server.router).await.problem(422, "invalid_member");
    form(&[("other", "", "x"), file]).of(&server.router).await.problem(422, "invalid_member");
    form(&[("metadata", "", "{"), file]).of(&server.router).await.problem(400, "malformed_json");
    form(&[("file", "", "")]).of(&server.router).await.problem(422, "empty_content");
    let long = "x".repeat(usize::try_from(CONTENT_BYTES_MAX).unwrap() + 1);
    form(&[("file", "", &long)]).of(&server.router).await.problem(413, "content_too_large");
    let cut = upload().with("content-type", "multipart/form-data; boundary=BB").body("--BB\r\nContent-");
    cut.of(&server.router).await.problem(400, "malformed_multipart");
    let twice =
        ask("POST", "/v1/documents?collection=a").with("content-type", "multipart/form-data; boundary=BB");
    let body = "--BB\r\nContent-Disposition: form-data; name=\"collection\"\r\n\r\nb\r\n\
                --BB\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--BB--\r\n";
    twice.body(body).of(&server.router).await.problem(422, "invalid_member");
    assert_eq!(server.blobs.len(), 0);
    assert_eq!(server.waiting(QueueName::Ingest).await, 0);
    let collection =
        server.ports.collections.get(&TenantId::local_default(), &CollectionName::default()).await;
    assert_eq!(collection.unwrap(), None);
}

#[tokio::test]
async fn a_content_is_bounded_whether_or_not_it_declares_its_length() {
    let server = Server::start().await;
    let declared = upload().with("content-length", &(CONTENT_BYTES_MAX + 1).to_string()).body("x");
    let problem = declared.of(&server.router).await;
    assert!(problem.problem(413, "content_too_large").contains("100000 bytes"));
    let blocks = stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 10_000]))));
    let streamed = upload().body(axum::body::Body::from_stream(blocks)).of(&server.router).await;
    streamed.problem(413, "content_too_large");
    let exact = upload().body("x".repeat(usize::try_from(CONTENT_BYTES_MAX).unwrap()));
    assert_eq!(exact.of(&server.router).await.status, 202);
    assert_eq!(server.blobs.len(), 1);
}

#[tokio::test]
async fn what_a_client_gets_wrong_is_named() {
    let server = Server::start().await;
    upload().of(&server.router).await.problem(422, "empty_content");
    upload().with("x-filename", "%ff").body("x").of(&server.router).await.problem(400, "invalid_header");
    upload().with("x-metadata", "[]").body("x").of(&server.router).await.problem(422, "invalid_member");
    upload().with("idempotency-key", "a b").body("x").of(&server.router).await.problem(400, "invalid_header");
    upload()
        .with("content-type", "nonsense")
        .body("x")
        .of(&server.router)
        .await
        .problem(400, "invalid_header");
    let bad = ask("POST", "/v1/documents?collection=No+Slug").body("x").of(&server.router).await;
    assert!(bad.problem(400, "invalid_query").contains("collection name"));
    let unknown = ask("POST", "/v1/documents?colection=a").body("x").of(&server.router).await;
    assert!(unknown.problem(400, "invalid_query").contains("colection"));
    let broken = stream::iter([Ok(Bytes::from_static(b"x")), Err(std::io::Error::other("reset"))]);
    let broken = upload().body(axum::body::Body::from_stream(broken)).of(&server.router).await;
    broken.problem(400, "incomplete_body");
    assert_eq!(server.blobs.len(), 0);
}

#[tokio::test]
async fn an_idempotency_key_makes_repetition_harmless() {
    let server = Server::start().await;
    let send = |content: &'static str| upload().with("idempotency-key", "k").body(content).of(&server.router);
    let first = send("one").await;
    let again = send("one").await;
    assert_eq!((first.status, again.status), (202.try_into().unwrap(), 202.try_into().unwrap()));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), again.json());
    send("two").await.problem(422, "idempotency_key_reused");
    assert_eq!(server.blobs.len(), 1);
}

#[tokio::test]
async fn a_collection_keeps_its_model() {
    let server = Server::start().await;
    server.upload("a.txt", "one").await;
    let other = server.router_with_model("other");
    upload().body("x").of(&other).await.problem(409, "embedding_model_mismatch");
    let search = ask("POST", "/v1/search").json(json!({"query": "x"}));
    search.of(&other).await.problem(409, "embedding_model_mismatch");
}

#[tokio::test]
async fn the_content_that_is_accepted_first_chooses_the_model_of_its_collection() {
    let server = Server::start().await;
    let other = server.router_with_model("other");
    let overtaken = stream::once(async move {
        assert_eq!(upload().body("first").of(&other).await.status, 202);
        Ok::<_, std::io::Error>(Bytes::from_static(b"second"))
    });
    let late = upload().body(axum::body::Body::from_stream(overtaken)).of(&server.router).await;
    late.problem(409, "embedding_model_mismatch");
    assert_eq!(server.blobs.len(), 1);
}

#[tokio::test]
async fn a_replacement_is_the_next_generation() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}");
    let put =
        |version: &str, content: &'static str| ask("PUT", &path).with("if-match", version).body(content);
    let reply = put("\"v1\"", "two").of(&server.router).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_valid("Accepted", &reply.json());
    assert_eq!(reply.json()["generation"], 2);
    assert_eq!(reply.header("etag"), "\"v2\"");
    let stale = put("\"v1\"", "three").of(&server.router).await;
    stale.problem(412, "version_differs");
    assert_eq!(stale.header("etag"), "\"v2\"");
    put("v2", "three").of(&server.router).await.problem(400, "invalid_header");
    put("\"v2\"", "").of(&server.router).await.problem(422, "empty_content");
    let moved = ask("PUT", &format!("{path}?collection=other")).body("x").of(&server.router).await;
    assert!(moved.problem(409, "other_collection").contains("default"));
    let missing = "/v1/documents/01890a5d-ac96-774b-bcce-b302099a8057";
    ask("PUT", missing).body("x").of(&server.router).await.problem(404, "document_not_found");
}

#[tokio::test]
async fn a_repeated_replacement_gets_the_first_answer_even_after_the_version_moved_on() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}");
    let put = || ask("PUT", &path).with("if-match", "\"v1\"").with("idempotency-key", "k").body("two");
    let first = put().of(&server.router).await;
    let again = put().of(&server.router).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), again.json());
    let other = ask("PUT", &path).with("if-match", "\"v1\"").with("idempotency-key", "k2").body("three");
    other.of(&server.router).await.problem(412, "version_differs");
}
