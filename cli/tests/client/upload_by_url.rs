//! `millrace upload` of files that are too large for one request: started, put, completed; continued where an earlier run
//! stopped; sent in one request to a server that knows no other way.

use std::fs;

use http::Method;
use tempfile::TempDir;

use crate::run::run;
use crate::stand_in::StandIn;

/// Five MiB and a little of text.
fn large_text() -> String {
    "It rains in the mountains.\n".repeat(200_000)
}

fn folder_with_large_file() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    fs::write(folder.path().join("large.txt"), large_text()).expect("the file can be written");
    folder
}

fn puts(server: &StandIn) -> usize {
    server.asked(&Method::PUT, "/content").len()
}

#[tokio::test]
async fn a_large_file_goes_by_url_and_the_key_only_to_the_api() {
    let server = StandIn::start().await;
    let folder = folder_with_large_file();
    let arguments = ["upload", "large.txt", "-c", "legal", "-m", "author=Zoë", "--api-key", "k-1"];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(0);
    assert!(ran.stdout.ends_with("1 uploaded\n"), "{}", ran.stdout);
    let started = server.asked(&Method::POST, "/v1/uploads");
    let announced: serde_json::Value = serde_json::from_slice(&started[0].body).unwrap();
    assert_eq!(announced["filename"], "large.txt");
    assert_eq!(announced["size"], large_text().len());
    assert_eq!(announced["collection"], "legal");
    assert_eq!(announced["metadata"]["author"], "Zoë");
    assert_eq!(announced["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(started[0].header("authorization"), Some("Bearer k-1"));
    assert!(started[0].header("idempotency-key").is_some());
    let put = &server.asked(&Method::PUT, "/content")[0];
    assert_eq!(put.body, large_text());
    assert_eq!(put.header("content-length"), Some(large_text().len().to_string().as_str()));
    assert_eq!(put.header("authorization"), None, "a signed URL needs no key");
    assert!(server.asked(&Method::POST, "/v1/documents").is_empty());
}

#[tokio::test]
async fn the_same_file_again_is_not_put_again() {
    let server = StandIn::start().await;
    let folder = folder_with_large_file();
    run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    let ran = run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    assert!(ran.stdout.ends_with("1 already there\n"), "{}", ran.stdout);
    assert_eq!(puts(&server), 1);
}

#[tokio::test]
async fn a_broken_put_is_repeated_and_an_upload_that_was_begun_is_continued() {
    let server = StandIn::start().await;
    server.answer_once(Method::PUT, "/v1/uploads", 503, &[("retry-after", "0")], "{}");
    server.answer_once(Method::PUT, "/v1/uploads", 400, &[], "{\"title\":\"Refused\"}");
    let folder = folder_with_large_file();
    run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(6);
    assert_eq!(puts(&server), 2);
    let ran = run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    assert!(ran.stdout.ends_with("1 uploaded\n"), "{}", ran.stdout);
    assert_eq!(puts(&server), 3);
    assert_eq!(server.filenames(), ["large.txt"]);
}

#[tokio::test]
async fn a_url_that_expired_on_the_way_is_asked_for_again() {
    let server = StandIn::start().await;
    server.answer_once(Method::PUT, "/v1/uploads", 410, &[], "{\"code\":\"upload_expired\"}");
    let of_s3 = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    server.answer_once(Method::PUT, "/v1/uploads", 403, &[], of_s3);
    let folder = folder_with_large_file();
    let ran = run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    assert!(ran.stdout.ends_with("1 uploaded\n"), "{}", ran.stdout);
    assert_eq!((puts(&server), server.asked(&Method::POST, "/v1/uploads").len()), (3, 3));
}

#[tokio::test]
async fn a_large_replacement_goes_by_url_too() {
    let server = StandIn::start().await;
    let folder = folder_with_large_file();
    fs::write(folder.path().join("small.txt"), "alpha").unwrap();
    run(&server.url, folder.path(), &["upload", "small.txt"]).await.expect_code(0);
    let id = server.id_of("small.txt");
    run(&server.url, folder.path(), &["upload", "large.txt", "--replace", &id]).await.expect_code(0);
    let started = &server.asked(&Method::POST, "/v1/uploads")[0];
    let announced: serde_json::Value = serde_json::from_slice(&started.body).unwrap();
    assert_eq!(announced["document_id"], id);
    assert!(started.header("if-match").is_some());
}

#[tokio::test]
async fn a_server_without_the_route_gets_it_in_one_request_and_the_user_is_told() {
    let server = StandIn::start().await;
    server.forget_uploads_by_url();
    let folder = folder_with_large_file();
    let ran = run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    assert!(ran.stderr.contains("takes no uploads by URL"), "{}", ran.stderr);
    assert_eq!(server.asked(&Method::POST, "/v1/documents")[0].body, large_text());
}

/// An earlier release sent it so, under the same key.
#[tokio::test]
async fn a_key_that_was_used_for_one_request_is_repeated_as_one() {
    let server = StandIn::start().await;
    let problem = "{\"code\":\"idempotency_key_reused\"}";
    server.answer_once(Method::POST, "/v1/uploads", 422, &[], problem);
    let folder = folder_with_large_file();
    run(&server.url, folder.path(), &["upload", "large.txt"]).await.expect_code(0);
    assert_eq!(server.asked(&Method::POST, "/v1/documents").len(), 1);
}
