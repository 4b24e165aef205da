//! The operator's commands: how queues and dead letters are shown, and what a redrive asks of the server.

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::run;
use crate::stand_in::StandIn;

const QUEUES: &str = "/v1/operations/queues";
const LETTERS: &str = "/v1/operations/dead-letters";
const REDRIVE: &str = "/v1/operations/dead-letters/redrive";
const DOCUMENT: &str = "0199a000-0000-7000-8000-000000000001";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn letter(id: &str, code: &str, reason: &str) -> Value {
    json!({
        "message_id": id, "queue": "embed", "kind": "embed_chunks", "document_id": DOCUMENT, "tenant_id": "default",
        "error_code": code, "reason": reason, "receive_count": 5, "sent_at": "2026-11-21T10:00:00.000Z"
    })
}

fn page(next_cursor: Option<&str>) -> String {
    let group = |code: &str, count: u64| {
        json!({
            "error_code": code, "count": count, "oldest_at": "2026-11-21T10:00:00.000Z",
            "newest_at": "2026-11-21T11:00:00.000Z", "sample_message_ids": ["7"], "sample_reason": "embedder away"
        })
    };
    json!({
        "groups": [group("unavailable", 41), group("malformed", 1)],
        "dead_letters": [letter("7", "unavailable", "embedder\naway"), letter("8", "malformed", "no job")],
        "next_cursor": next_cursor, "complete": true
    })
    .to_string()
}

fn redriven(moved: u64, more: bool, lasting_ms: u64) -> String {
    let letters: Vec<Value> =
        (0..moved.min(2)).map(|id| letter(&id.to_string(), "unavailable", "away")).collect();
    json!({
        "dry_run": false, "matched": moved, "moved": moved, "more": more, "lasting_ms": lasting_ms,
        "dead_letters": letters
    })
    .to_string()
}

/// What the redrives that were sent asked for.
fn asked(server: &StandIn) -> Vec<Value> {
    let bodies = server.asked(&Method::POST, "/redrive").into_iter();
    bodies.map(|request| serde_json::from_slice(&request.body).expect("a redrive is JSON")).collect()
}

#[tokio::test]
async fn queues_are_a_table_with_ages() {
    let (server, folder) = (StandIn::start().await, folder());
    let body = json!({"queues": [
        {"queue": "ingest", "visible": 12, "in_flight": 2, "delayed": 1, "dead": 3, "oldest_age_ms": 90_000,
         "oldest_dead_age_ms": 7_200_000},
        {"queue": "embed", "visible": 0, "in_flight": 0, "delayed": 0, "dead": 0, "oldest_age_ms": null,
         "oldest_dead_age_ms": null},
    ]});
    server.answer_once(Method::GET, QUEUES, 200, &[], &body.to_string());
    let ran = run(&server.url, folder.path(), &["queues"]).await.expect_code(0);
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["ingest", "12", "2", "1", "90", "s", "3", "2", "h"]);
    assert_eq!(lines[2], ["embed", "0", "0", "0", "-", "0", "-"]);
    assert!(ran.stderr.contains("millrace dead-letters"), "{}", ran.stderr);

    server.answer_once(Method::GET, QUEUES, 200, &[], &body.to_string());
    let ran = run(&server.url, folder.path(), &["queues", "--json"]).await.expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), body);
}

#[tokio::test]
async fn dead_letters_are_grouped_first_and_then_listed() {
    let (server, folder) = (StandIn::start().await, folder());
    server.answer_once(Method::GET, LETTERS, 200, &[], &page(Some("next")));
    let arguments =
        ["dead-letters", "--error-code", "unavailable", "--reason", "a&b", "--document", DOCUMENT, "-n", "2"];
    let ran = run(&server.url, folder.path(), &arguments).await.expect_code(0);
    let query = &server.asked(&Method::GET, "dead-letters")[0].query;
    assert_eq!(*query, format!("error_code=unavailable&reason=a%26b&document_id={DOCUMENT}&limit=2"));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("ERROR CODE"), "{}", ran.stdout);
    assert!(
        lines[1].starts_with("unavailable     41  2026-11-21 10:00:00  2026-11-21 11:00:00"),
        "{}",
        lines[1]
    );
    assert!(lines[4].starts_with("MESSAGE") && lines[5].ends_with("embedder away"), "{}", ran.stdout);
    assert!(lines[5].contains(DOCUMENT), "{}", lines[5]);
    assert_eq!(lines.len(), 7, "{}", ran.stdout);
    assert!(ran.stderr.contains("--cursor next"), "{}", ran.stderr);

    server.answer_once(Method::GET, LETTERS, 200, &[], &page(None));
    let ran = run(&server.url, folder.path(), &["dead-letters", "--cursor", "next"]).await.expect_code(0);
    assert!(ran.stdout.starts_with("MESSAGE"), "the groups were on the first page: {}", ran.stdout);

    server.answer_once(Method::GET, LETTERS, 200, &[], &page(None));
    let ran = run(&server.url, folder.path(), &["dead-letters", "--json"]).await.expect_code(0);
    assert_eq!(ran.stdout.trim_end(), page(None));

    let none = json!({"groups": [], "dead_letters": [], "next_cursor": null, "complete": true}).to_string();
    server.answer_once(Method::GET, LETTERS, 200, &[], &none);
    let ran = run(&server.url, folder.path(), &["dead-letters"]).await.expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.contains("no dead letters")), ("", true));
}

#[tokio::test]
async fn a_redrive_asks_for_exactly_what_was_said() {
    let (server, folder) = (StandIn::start().await, folder());
    let cases: [(&[&str], Value); 4] = [
        (&["7", "8"], json!({"message_ids": ["7", "8"], "all": false, "dry_run": false})),
        (&["--all", "--rate", "5"], json!({"all": true, "dry_run": false, "max_per_second": 5})),
        (
            &["--error-code", "unavailable", "--queue", "embed", "--dry-run"],
            json!({"filter": {"error_code": "unavailable", "queue": "embed"}, "all": false, "dry_run": true}),
        ),
        (
            &["--document", DOCUMENT],
            json!({"filter": {"document_id": DOCUMENT}, "all": false, "dry_run": false}),
        ),
    ];
    for (arguments, expected) in cases {
        server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(2, false, 0));
        let arguments = [&["dead-letters", "redrive"], arguments].concat();
        run(&server.url, folder.path(), &arguments).await.expect_code(0);
        assert_eq!(asked(&server).last(), Some(&expected), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_redrive_says_what_went_back_and_goes_on_until_nothing_is_left() {
    let (server, folder) = (StandIn::start().await, folder());
    server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(1_000, true, 0));
    server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(17, false, 0));
    let line = ["dead-letters", "redrive", "--error-code", "unavailable"];
    let ran = run(&server.url, folder.path(), &line).await.expect_code(0);
    assert_eq!(ran.stdout, "1017 messages go back to work\n");
    assert_eq!(asked(&server).len(), 2);

    // With a rate the rest waits for the next run.
    server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(1_000, true, 100_000));
    let line = ["dead-letters", "redrive", "--error-code", "unavailable", "--rate", "10"];
    let ran = run(&server.url, folder.path(), &line).await.expect_code(0);
    assert_eq!(ran.stdout, "1000 messages go back to work, the last after 100 s\n");
    assert!(ran.stderr.contains("run it again"), "{}", ran.stderr);
    assert_eq!(asked(&server).len(), 3);

    server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(1, false, 0));
    let ran = run(&server.url, folder.path(), &["dead-letters", "redrive", "--all", "--dry-run"]).await;
    let ran = ran.expect_code(0);
    assert!(ran.stdout.starts_with("MESSAGE"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("1 message would go back to work\n"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_message_that_is_not_there_and_a_refusal_have_their_exit_codes() {
    let (server, folder) = (StandIn::start().await, folder());
    server.answer_once(Method::POST, REDRIVE, 200, &[], &redriven(1, false, 0));
    let ran = run(&server.url, folder.path(), &["dead-letters", "redrive", "7", "8"]).await.expect_code(5);
    assert!(ran.stderr.contains("1 of them is not among the dead letters"), "{}", ran.stderr);

    let problem =
        json!({"type": "urn:millrace:problem:invalid-member", "title": "Invalid member", "status": 422});
    server.answer_once(Method::POST, REDRIVE, 422, &[], &problem.to_string());
    run(&server.url, folder.path(), &["dead-letters", "redrive", "--all"]).await.expect_code(6);
    run(&server.url, folder.path(), &["dead-letters", "redrive"]).await.expect_code(2);
}
