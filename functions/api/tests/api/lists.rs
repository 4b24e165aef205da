//! Pages: documents, chunks, events, counts. And the queues.

use millrace_domain::QueueName;
use millrace_ports::DeadLetterCode;
use serde_json::Value;

use crate::schema_check::assert_valid;
use crate::server::Server;

fn ids(page: &Value) -> Vec<&str> {
    page["documents"].as_array().unwrap().iter().map(|d| d["document_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn documents_are_listed_newest_first_page_by_page() {
    let server = Server::start().await;
    let mut uploaded = Vec::new();
    for number in 0..5 {
        let id = server.upload(&format!("{number}.txt"), &format!("content {number}")).await;
        server.project(&id).await;
        uploaded.insert(0, id);
    }
    server.fail(&uploaded[1]).await;
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/documents?limit=2".to_owned();
    for _ in 0..3 {
        let page = server.get(&path).await.json();
        assert_valid("DocumentPage", &page);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/documents?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, uploaded);
    let failed = server.get("/v1/documents?status=failed&collection=default").await.json();
    assert_eq!(ids(&failed), [&uploaded[1]]);
    assert!(ids(&server.get("/v1/documents?label=none").await.json()).is_empty());
    server.get("/v1/documents?cursor=nonsense").await.problem(400, "invalid_cursor");
    server.get("/v1/documents?status=lost").await.problem(400, "invalid_query");
    server.get("/v1/documents?limit=many").await.problem(400, "invalid_query");
    server.get("/v1/documents?limit=1&limit=2").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn chunks_are_paged_within_one_content() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    let path = format!("/v1/documents/{id}/chunks");
    let none = server.get(&path).await.json();
    assert_valid("ChunkPage", &none);
    assert_eq!(none["total"], 0);
    server.ingest(&id, "text/plain", &["a", "b", "c", "d", "e"]).await;
    let first = server.get(&format!("{path}?limit=4")).await.json();
    assert_valid("ChunkPage", &first);
    assert_eq!((first["chunks"].as_array().unwrap().len(), &first["total"]), (4, &5.into()));
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = server.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!(second["chunks"][0]["text"], "e");
    assert_eq!(second["next_cursor"], Value::Null);
    let replaced =
        crate::server::ask("PUT", &format!("/v1/documents/{id}")).body("two").of(&server.router).await;
    assert_eq!(replaced.status, 202);
    server.get(&format!("{path}?cursor={cursor}")).await.problem(409, "cursor_outdated");
    server.get(&format!("{path}?cursor=x")).await.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn a_timeline_goes_on_where_it_stopped() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    server.ingest(&id, "text/plain", &["a"]).await;
    let path = format!("/v1/documents/{id}/timeline");
    let first = server.get(&format!("{path}?limit=2")).await.json();
    assert_valid("Timeline", &first);
    assert_eq!(first["next_after"], 2);
    assert_eq!(first["steps"].as_array().unwrap().len(), 5, "the steps are those of the whole history");
    let second = server.get(&format!("{path}?after=2")).await.json();
    assert_eq!(second["events"][0]["sequence"], 3);
    assert_valid("Timeline", &second);
    assert_eq!((&second["next_after"], &second["steps"]), (&Value::Null, &Value::Null));
    server.get(&format!("{path}?after=-1")).await.problem(400, "invalid_query");
}

#[tokio::test]
async fn documents_are_counted_by_collection_and_state() {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    server.ingest(&id, "text/plain", &["a", "b"]).await;
    let stats = server.get("/v1/stats").await.json();
    assert_valid("Stats", &stats);
    assert_eq!(stats["collections"][0]["collection"], "default");
    assert_eq!(stats["collections"][0]["documents"]["ready"], 1);
    assert_eq!(stats["collections"][0]["documents"]["failed"], 0);
    assert_eq!(stats["collections"][0]["chunks"], 2);
}

#[tokio::test]
async fn queues_are_counted() {
    let server = Server::start().await;
    server.upload("a.txt", "one").await;
    server.bury(DeadLetterCode::Unavailable, "extractor away").await;
    server.clock.advance_ms(1_000);
    server.upload("b.txt", "two").await;
    server.clock.advance_ms(2_000);
    let queues = server.get("/v1/operations/queues").await.json();
    assert_valid("Queues", &queues);
    let names: Vec<&str> =
        queues["queues"].as_array().unwrap().iter().map(|queue| queue["queue"].as_str().unwrap()).collect();
    assert_eq!(names, QueueName::ALL.map(QueueName::as_str));
    let ingest = serde_json::json!({
        "queue": "ingest", "visible": 1, "in_flight": 0, "delayed": 0, "dead": 1,
        "oldest_age_ms": 2_000, "oldest_dead_age_ms": 3_000
    });
    assert_eq!(queues["queues"][0], ingest);
    let embed = &queues["queues"][1];
    assert_eq!((&embed["oldest_age_ms"], &embed["oldest_dead_age_ms"]), (&Value::Null, &Value::Null));
}
