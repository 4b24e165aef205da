//! The commands that read and order: what they print, in text and as JSON.

use http::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::run;
use crate::stand_in::StandIn;

/// Three documents: a.txt ready, bad.txt failed, c.txt being processed.
async fn with_documents() -> (StandIn, TempDir) {
    let server = StandIn::start().await;
    let folder = tempfile::tempdir().expect("a folder for the test");
    for name in ["a.txt", "bad.txt", "c.txt"] {
        std::fs::write(folder.path().join(name), name).expect("the file can be written");
    }
    run(&server.url, folder.path(), &["upload", "a.txt", "bad.txt"]).await.expect_code(3);
    run(&server.url, folder.path(), &["upload", "c.txt", "--no-wait"]).await.expect_code(0);
    (server, folder)
}

#[tokio::test]
async fn status_tells_all_there_is_to_know() {
    let (server, folder) = with_documents().await;
    let (ready, failed) = (server.id_of("a.txt"), server.id_of("bad.txt"));
    let ran = run(&server.url, folder.path(), &["status", &ready, &failed]).await.expect_code(0);
    for part in ["a.txt  ready", "bad.txt  failed", "no text in it (empty in extract)", "2026-11-21 10:00:00"]
    {
        assert!(ran.stdout.contains(part), "{part} is missing:\n{}", ran.stdout);
    }
    let ran = run(&server.url, folder.path(), &["status", &ready, "--json"]).await.expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["version"], 3);
}

#[tokio::test]
async fn status_of_several_goes_on_after_one_that_is_missing() {
    let (server, folder) = with_documents().await;
    let missing = "00000000-0000-7000-8000-999999999999";
    let ran =
        run(&server.url, folder.path(), &["status", missing, &server.id_of("a.txt")]).await.expect_code(5);
    assert!(ran.stdout.contains("a.txt  ready"), "{}", ran.stdout);
    assert!(ran.stderr.contains(missing), "{}", ran.stderr);
}

#[tokio::test]
async fn a_list_is_a_table_of_a_page_or_of_all() {
    let (server, folder) = with_documents().await;
    let ran = run(&server.url, folder.path(), &["list"]).await.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    assert!(ran.stderr.contains("--cursor 2"), "{}", ran.stderr);

    let ran = run(&server.url, folder.path(), &["list", "--all"]).await.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 4, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("DOCUMENT"), "{}", ran.stdout);

    let ran = run(&server.url, folder.path(), &["list", "--all", "--json"]).await.expect_code(0);
    let names: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["filename"].clone())
        .collect();
    assert_eq!(names.len(), 3);

    run(&server.url, folder.path(), &["list", "--status", "failed", "-c", "legal", "-n", "7"])
        .await
        .expect_code(0);
    assert_eq!(server.recorded().last().unwrap().query, "collection=legal&status=failed&limit=7");
}

#[tokio::test]
async fn watching_ends_when_all_are_settled() {
    let (server, folder) = with_documents().await;
    let ran = run(&server.url, folder.path(), &["watch"]).await.expect_code(0);
    assert!(ran.stdout.contains("ready      c.txt"), "{}", ran.stdout);
    let ran = run(&server.url, folder.path(), &["watch"]).await.expect_code(0);
    assert!(ran.stderr.contains("no document is being processed"), "{}", ran.stderr);
    let ran = run(&server.url, folder.path(), &["watch", &server.id_of("bad.txt")]).await.expect_code(3);
    assert!(ran.stdout.contains("failed     bad.txt"), "{}", ran.stdout);
}

#[tokio::test]
async fn watching_gives_up_when_told_to() {
    let (server, folder) = with_documents().await;
    server.get_stuck();
    run(&server.url, folder.path(), &["watch", "--timeout", "1"]).await.expect_code(7);
}

#[tokio::test]
async fn a_search_shows_where_the_words_are() {
    let (server, folder) = with_documents().await;
    let id = server.id_of("a.txt");
    let arguments = ["search", "rain", "today", "-c", "legal", "-d", &id, "-m", "year:=2024", "-n", "3"];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(0);
    assert_eq!(ran.stdout, "1. rain.pdf  page 3  Weather\n   ████████░░ 0.83  d-1\n   It rains.[2J\n");
    let asked: Value = serde_json::from_slice(&server.recorded().last().unwrap().body).unwrap();
    assert_eq!(
        asked,
        serde_json::json!({"query": "rain today", "collection": "legal", "limit": 3,
            "filter": {"documents": [id], "metadata": {"year": 2024}}})
    );
    let ran = run(&server.url, folder.path(), &["search", "nothing"]).await.expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "note: nothing found\n"));
    let ran = run(&server.url, folder.path(), &["search", "rain", "--json"]).await.expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["hits"][0]["score"], 0.83);
}

#[tokio::test]
async fn a_deletion_is_seen_through_to_its_receipt() {
    let (server, folder) = with_documents().await;
    let (first, second) = (server.id_of("a.txt"), server.id_of("bad.txt"));
    let ran = run(&server.url, folder.path(), &["delete", &first, &second, "--wait"]).await.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(
        ran.stdout.contains("4 chunks, 4 vectors, 0 cached vectors, 3 files of 1.2 kB"),
        "{}",
        ran.stdout
    );

    let third = server.id_of("c.txt");
    let ran = run(&server.url, folder.path(), &["delete", &third, "--wait", "--json"]).await.expect_code(0);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["receipt"]["vectors"], 4);
    assert_eq!(server.filenames(), Vec::<String>::new());

    let ran = run(&server.url, folder.path(), &["status", &first]).await.expect_code(5);
    assert!(ran.stderr.contains("Document deleted (410)"), "{}", ran.stderr);
}

#[tokio::test]
async fn cancel_and_retry_reach_the_server() {
    let (server, folder) = with_documents().await;
    let id = server.id_of("c.txt");
    let ran = run(&server.url, folder.path(), &["cancel", &id]).await.expect_code(0);
    assert!(ran.stdout.starts_with(&format!("cancelled  {id}")), "{}", ran.stdout);
    let ran = run(&server.url, folder.path(), &["retry", &id]).await.expect_code(0);
    assert!(ran.stdout.starts_with(&format!("processing {id}")), "{}", ran.stdout);
    assert_eq!(server.asked(&Method::POST, "/cancel").len(), 1);
    assert_eq!(server.asked(&Method::POST, "/retry").len(), 1);
}

#[tokio::test]
async fn a_timeline_is_exported_whole() {
    let (server, folder) = with_documents().await;
    let id = server.id_of("a.txt");
    let ran = run(&server.url, folder.path(), &["timeline", &id]).await.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 3 + 1 + 4, "{}", ran.stdout);
    assert!(ran.stdout.contains("text_extracted  generation=1"), "{}", ran.stdout);
    let steps = [
        "STEP                CONTENT  ATTEMPTS  STARTED (UTC)         TOOK  OUTCOME  DETAILS",
        "extract             1               3  2026-11-21 10:00:00  2.5 s  failed   corrupt",
        "↩ purge_generation  1                  2026-11-21 10:00:02         running  after failure",
    ];
    assert_eq!(ran.stdout.lines().take(3).collect::<Vec<_>>(), steps);
    let ran = run(&server.url, folder.path(), &["timeline", &id, "--after", "2"]).await.expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 2, "the steps belong to the whole: {}", ran.stdout);
    let ran = run(&server.url, folder.path(), &["timeline", &id, "--json"]).await.expect_code(0);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line["sequence"].is_u64()).count(), 3, "events first");
    assert_eq!((&lines[3]["step"], &lines[4]["cause"]), (&"extract".into(), &"failure".into()));
    let ran = run(&server.url, folder.path(), &["timeline", &id, "--format", "jsonl"]).await.expect_code(0);
    let sequences: Vec<u64> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().expect("an event"))
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_download_takes_the_documents_name_and_overwrites_nothing() {
    let (server, folder) = with_documents().await;
    let id = server.id_of("a.txt");
    let empty = tempfile::tempdir().unwrap();
    run(&server.url, empty.path(), &["content", &id]).await.expect_code(0);
    assert_eq!(std::fs::read_to_string(empty.path().join("a.txt")).unwrap(), "a.txt");
    let ran = run(&server.url, empty.path(), &["content", &id]).await.expect_code(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    run(&server.url, empty.path(), &["content", &id, "--force"]).await.expect_code(0);
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 1, "no temporary file is left");
    let ran = run(&server.url, folder.path(), &["content", &id, "-o", "-"]).await.expect_code(0);
    assert_eq!(ran.stdout, "a.txt");
    let ran = run(&server.url, folder.path(), &["content", &id, "--chunks"]).await.expect_code(0);
    assert_eq!(ran.stdout.matches("It rains.").count(), 2, "{}", ran.stdout);
}

#[tokio::test]
async fn stats_are_a_table() {
    let (server, folder) = with_documents().await;
    let ran = run(&server.url, folder.path(), &["stats"]).await.expect_code(0);
    assert!(ran.stdout.contains("default             2       9  1.5 kB  2 ready"), "{}", ran.stdout);
}
