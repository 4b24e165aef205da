//! `millrace upload`: what is sent, what is found there already, what is tried again.

use std::fs;

use http::Method;
use tempfile::TempDir;

use crate::run::run;
use crate::stand_in::StandIn;

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    folder
}

#[tokio::test]
async fn a_folder_is_uploaded_and_waited_for() {
    let server = StandIn::start().await;
    let folder =
        folder_with(&[("docs/a.pdf", "alpha"), ("docs/deep/Übersicht.md", "beta"), ("docs/.git/x", "no")]);
    let arguments = ["upload", "docs", "-c", "legal", "-m", "author=Zoë", "--api-key", "k-1"];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(0);
    assert!(ran.stdout.ends_with("2 uploaded\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("ready      docs/a.pdf"), "{}", ran.stdout);
    assert!(ran.stderr.contains("docs/a.pdf: embed"), "{}", ran.stderr);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "no colours into a pipe");

    let uploads = server.asked(&Method::POST, "/v1/documents");
    assert_eq!(uploads.len(), 2);
    let pdf = uploads.iter().find(|upload| upload.header("x-filename") == Some("a.pdf")).unwrap();
    assert_eq!(pdf.body, "alpha");
    assert_eq!(pdf.query, "collection=legal");
    assert_eq!(pdf.header("content-type"), Some("application/pdf"));
    assert_eq!(pdf.header("content-length"), Some("5"));
    assert_eq!(pdf.header("authorization"), Some("Bearer k-1"));
    assert_eq!(pdf.header("x-metadata"), Some(r#"{"author":"Zo\u00eb"}"#));
    assert!(uploads.iter().any(|upload| upload.header("x-filename") == Some("%C3%9Cbersicht.md")));
    let polls = server.recorded();
    assert!(polls.iter().any(|poll| poll.header("if-none-match").is_some()), "polls carry the entity tag");
}

#[tokio::test]
async fn the_same_command_again_adds_nothing() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha"), ("b.txt", "beta")]);
    run(&server.url, folder.path(), &["upload", "a.txt"]).await.expect_code(0);
    let ran = run(&server.url, folder.path(), &["upload", "a.txt", "b.txt"]).await.expect_code(0);
    assert!(ran.stdout.ends_with("1 uploaded, 1 already there\n"), "{}", ran.stdout);
    assert_eq!(server.filenames(), ["a.txt", "b.txt"]);
    assert!(server.asked(&Method::POST, "/retry").is_empty());
}

#[tokio::test]
async fn what_is_there_is_recognised_by_its_age_if_the_server_does_not_say() {
    let server = StandIn::start().await;
    server.hide_replays();
    let folder = folder_with(&[("a.txt", "alpha")]);
    let ran = run(&server.url, folder.path(), &["upload", "a.txt"]).await.expect_code(0);
    // The stand-in's documents are all from 2020.
    assert!(ran.stdout.ends_with("1 already there\n"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_file_moved_to_another_folder_is_the_same_and_a_changed_one_is_not() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha"), ("moved/a.txt", "alpha"), ("changed/a.txt", "alpha!")]);
    let arguments = ["upload", "a.txt", "moved/a.txt", "changed/a.txt", "--jobs", "1"];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(0);
    assert!(ran.stdout.ends_with("2 uploaded, 1 the same as another\n"), "{}", ran.stdout);
    assert_eq!(server.asked(&Method::POST, "/v1/documents").len(), 2);
}

#[tokio::test]
async fn what_failed_and_may_pass_is_tried_again_and_what_cannot_is_not() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("bad.pdf", "x"), ("flaky.pdf", "y"), ("good.pdf", "z")]);
    let arguments = ["upload", "."];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(3);
    assert!(ran.stdout.contains("1 uploaded, 2 failed"), "{}", ran.stdout);
    assert!(ran.stdout.contains("no text in it (empty in extract)"), "{}", ran.stdout);

    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(3);
    assert!(ran.stdout.contains("2 already there, 1 failed"), "{}", ran.stdout);
    let retried = server.asked(&Method::POST, "/retry");
    assert_eq!(retried.len(), 1);
    assert!(retried[0].path.contains(&server.id_of("flaky.pdf")));
    assert_eq!(server.filenames().len(), 3);
}

#[tokio::test]
async fn what_was_deleted_is_uploaded_anew_and_then_known() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha")]);
    run(&server.url, folder.path(), &["upload", "a.txt"]).await.expect_code(0);
    let id = server.id_of("a.txt");
    run(&server.url, folder.path(), &["delete", &id, "--wait"]).await.expect_code(0);
    for expected in ["1 uploaded\n", "1 already there\n"] {
        let ran = run(&server.url, folder.path(), &["upload", "a.txt"]).await.expect_code(0);
        assert!(ran.stdout.ends_with(expected), "{}", ran.stdout);
    }
    assert_ne!(server.id_of("a.txt"), id);
    assert_eq!(server.filenames(), ["a.txt"]);
}

#[tokio::test]
async fn without_waiting_the_promise_is_enough() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha")]);
    let ran =
        run(&server.url, folder.path(), &["upload", "a.txt", "--no-wait", "--json"]).await.expect_code(0);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["outcome"], "uploaded");
    assert_eq!(told["status"], "processing");
    assert_eq!(told["document_id"], server.id_of("a.txt"));
    assert_eq!(ran.stderr, "");
    assert_eq!(server.recorded().len(), 1);
}

#[tokio::test]
async fn a_replacement_names_the_version_it_replaces() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha"), ("b.txt", "beta")]);
    run(&server.url, folder.path(), &["upload", "a.txt"]).await.expect_code(0);
    let id = server.id_of("a.txt");
    let ran = run(&server.url, folder.path(), &["upload", "b.txt", "--replace", &id]).await.expect_code(0);
    assert!(ran.stdout.contains("ready      b.txt"), "{}", ran.stdout);
    let puts = server.asked(&Method::PUT, &id);
    assert_eq!(puts.len(), 1);
    assert_eq!(puts[0].body, "beta");
    run(&server.url, folder.path(), &["upload", "a.txt", "b.txt", "--replace", &id]).await.expect_code(1);
}

#[tokio::test]
async fn patience_has_an_end() {
    let server = StandIn::start().await;
    server.get_stuck();
    let folder = folder_with(&[("a.txt", "alpha")]);
    let ran = run(&server.url, folder.path(), &["upload", "a.txt", "--timeout", "1s"]).await.expect_code(7);
    assert!(ran.stdout.contains("not settled within 1 seconds"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_large_file_arrives_whole() {
    let server = StandIn::start().await;
    let text: String = (0..400_000).map(|number| format!("{number},")).collect();
    let folder = folder_with(&[("large.csv", &text)]);
    run(&server.url, folder.path(), &["upload", "large.csv", "--no-wait", "-q"]).await.expect_code(0);
    assert_eq!(server.recorded()[0].body, text);
}

#[tokio::test]
async fn a_missing_file_does_not_hide_the_others() {
    let server = StandIn::start().await;
    let folder = folder_with(&[("a.txt", "alpha")]);
    let ran = run(&server.url, folder.path(), &["upload", "missing.txt", "a.txt"]).await.expect_code(3);
    assert!(ran.stdout.contains("cannot use missing.txt"), "{}", ran.stdout);
    assert_eq!(server.filenames(), ["a.txt"]);
    run(&server.url, folder.path(), &["upload", "missing.txt"]).await.expect_code(1);
}
