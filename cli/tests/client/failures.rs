//! What the user meets when the server is away, busy or says no: words, repetition and exit codes.

use std::process::Stdio;
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::run::{millrace, run};
use crate::stand_in::StandIn;

const ID: &str = "00000000-0000-7000-8000-000000000001";
const PROBLEM: &str = r#"{"type":"about:blank","title":"Key not valid","status":401,"detail":"the key was revoked",
    "code":"key_revoked","correlation_id":"c-42","retryable":false}"#;

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "alpha").unwrap();
    server.answer_once(Method::POST, "/v1/documents", 503, &[("retry-after", "1")], "");
    server.answer_once(Method::POST, "/v1/documents", 429, &[("retry-after", "0")], "");
    run(&server.url, folder.path(), &["upload", "a.txt", "--no-wait"]).await.expect_code(0);
    let uploads = server.asked(&Method::POST, "/v1/documents");
    assert_eq!(uploads.len(), 3);
    assert!(uploads[1].at - uploads[0].at >= Duration::from_secs(1));
    assert!(uploads.iter().all(|upload| upload.body == "alpha"), "the content is sent again each time");
    let keys: Vec<_> = uploads.iter().map(|upload| upload.header("idempotency-key")).collect();
    assert!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]), "under the same key");
}

#[tokio::test]
async fn a_conflict_that_passes_is_waited_out_and_another_is_told() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "alpha").unwrap();
    let passing = r#"{"title":"Request is in progress","status":409,"retryable":true}"#;
    server.answer_once(Method::POST, "/v1/documents", 409, &[], passing);
    run(&server.url, folder.path(), &["upload", "a.txt", "--no-wait"]).await.expect_code(0);
    assert_eq!(server.asked(&Method::POST, "/v1/documents").len(), 2);

    let lasting = r#"{"title":"Not possible in this state","status":409,"retryable":false}"#;
    server.answer_once(Method::POST, "/v1/documents/", 409, &[], lasting);
    let ran = run(&server.url, folder.path(), &["cancel", &server.id_of("a.txt")]).await.expect_code(6);
    assert!(ran.stderr.contains("Not possible in this state (409)"), "{}", ran.stderr);
    assert_eq!(server.asked(&Method::POST, "/cancel").len(), 1);
}

#[tokio::test]
async fn what_does_not_speak_http_is_asked_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accepted = tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example ready\r\n").await.unwrap();
            if connections > 1 {
                break;
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let ran = run(&url, folder.path(), &["stats"]).await.expect_code(4);
    assert!(ran.stderr.contains(&format!("the connection to {url} broke")), "{}", ran.stderr);
    assert!(!accepted.is_finished(), "a second connection was made");
    accepted.abort();
}

#[tokio::test]
async fn a_server_that_stays_busy_is_unavailable() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.answer_once(Method::GET, "/v1/stats", 503, &[("retry-after", "86400")], "");
    let ran = run(&server.url, folder.path(), &["stats"]).await.expect_code(4);
    assert!(ran.stderr.contains("Service Unavailable (503)"), "{}", ran.stderr);
    assert_eq!(server.recorded().len(), 1, "nobody waits for a day");
}

#[tokio::test]
async fn a_server_that_does_not_run_can_be_started() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "alpha").unwrap();
    std::fs::write(folder.path().join("b.txt"), "beta").unwrap();
    // Port 1 is reserved and nobody listens on it.
    let url = "http://127.0.0.1:1";
    for arguments in [&["stats"][..], &["upload", "a.txt", "b.txt"], &["search", "rain"], &["status", ID]] {
        let ran = run(url, folder.path(), arguments).await.expect_code(4);
        assert!(ran.stderr.contains("cannot reach http://127.0.0.1:1"), "{}", ran.stderr);
        assert!(ran.stderr.contains("is it running? start it with: millrace serve"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_problem_is_told_with_title_detail_and_correlation_id() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.answer_once(Method::GET, "/v1/stats", 401, &[], PROBLEM);
    let ran = run(&server.url, folder.path(), &["stats"]).await.expect_code(6);
    for part in
        ["error: Key not valid (401)", "the key was revoked", "correlation id: c-42", "MILLRACE_API_KEY"]
    {
        assert!(ran.stderr.contains(part), "{part} is missing:\n{}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");

    server.answer_once(Method::GET, "/v1/stats", 401, &[], PROBLEM);
    let ran = run(&server.url, folder.path(), &["stats", "--json"]).await.expect_code(6);
    let told: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(told["code"], "key_revoked");
}

#[tokio::test]
async fn a_key_that_is_refused_stops_the_whole_upload() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    server.answer_once(Method::POST, "/v1/documents", 401, &[], PROBLEM);
    let ran = run(&server.url, folder.path(), &["upload", ".", "--jobs", "1"]).await.expect_code(6);
    assert!(ran.stdout.contains("1 failed, 2 not tried"), "{}", ran.stdout);
    assert!(ran.stderr.contains("correlation id: c-42"), "{}", ran.stderr);
    assert_eq!(server.recorded().len(), 1);
}

#[tokio::test]
async fn one_refused_file_is_no_trouble_of_the_others() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let too_large =
        r#"{"title":"Content too large","status":413,"detail":"at most 4 MB","correlation_id":"c-9"}"#;
    server.answer_once(Method::POST, "/v1/documents", 413, &[], too_large);
    let ran = run(&server.url, folder.path(), &["upload", "a", "b", "--jobs", "1"]).await.expect_code(3);
    assert!(
        ran.stdout.contains("Content too large (413): at most 4 MB (correlation id c-9)"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("1 uploaded, 1 failed"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_document_that_is_not_there_is_not_found() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    for command in ["status", "timeline", "content", "cancel", "retry", "delete", "watch"] {
        let ran = run(&server.url, folder.path(), &[command, ID]).await.expect_code(5);
        assert!(ran.stderr.contains("Document not found (404)"), "{command}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn a_redirect_says_where_to_go() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.answer_once(Method::GET, "/v1/stats", 301, &[("location", "https://millrace.example/")], "");
    let ran = run(&server.url, folder.path(), &["stats"]).await.expect_code(1);
    assert!(ran.stderr.contains("https://millrace.example/"), "{}", ran.stderr);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_told_as_such() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.answer_once(Method::GET, "/v1/stats", 200, &[], "<html>welcome</html>");
    let ran = run(&server.url, folder.path(), &["stats"]).await.expect_code(1);
    assert!(ran.stderr.contains("cannot read the server's answer to the statistics"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "alpha\n".repeat(200_000)).unwrap();
    run(&server.url, folder.path(), &["upload", "a.txt", "--no-wait"]).await.expect_code(0);
    let id = server.id_of("a.txt");
    let mut child = millrace(&server.url, folder.path(), &["content", &id, "--output", "-"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("alpha"));
    drop(lines);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_leaves_cleanly() {
    let server = StandIn::start().await;
    server.get_stuck();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "alpha").unwrap();
    let mut child = millrace(&server.url, folder.path(), &["upload", "a.txt"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // When it tells of the server's stage, it is waiting.
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.ends_with("extract") {
            break;
        }
    }
    let pid = child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill").args(["-INT", &pid]).stdin(Stdio::null()).status().await;
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    let mut rest = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        rest.push_str(&line);
    }
    assert!(rest.contains("interrupted"), "{rest}");
}
