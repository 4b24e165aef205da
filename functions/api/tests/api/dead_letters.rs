//! Dead letters over HTTP: who sees which, what a redrive moves, and what is refused.

use std::sync::Arc;

use millrace_api::ApiKeyAuthenticator;
use millrace_application::CreateApiKey;
use millrace_domain::QueueName;
use millrace_ports::DeadLetterCode;
use millrace_test_support::SimClock;
use millrace_test_support::builders::tenant;
use serde_json::{Value, json};

use crate::schema_check::assert_valid;
use crate::server::{Server, ask};

const PATH: &str = "/v1/operations/dead-letters";
const REDRIVE: &str = "/v1/operations/dead-letters/redrive";

/// A server with two documents whose jobs were given up, and a message of nobody's.
async fn with_letters() -> (Server, [String; 2]) {
    let server = Server::start().await;
    let first = server.upload("a.txt", "one").await;
    server.bury(DeadLetterCode::Unavailable, "extractor away").await;
    server.clock.advance_ms(1_000);
    let second = server.upload("b.txt", "two").await;
    server.bury(DeadLetterCode::Unavailable, "embedder away").await;
    server.clock.advance_ms(1_000);
    server.bury_nonsense().await;
    (server, [first, second])
}

async fn redrive(server: &Server, body: Value) -> Value {
    let reply = ask("POST", REDRIVE).json(body).of(&server.router).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_valid("Redriven", &reply.json());
    reply.json()
}

#[tokio::test]
async fn dead_letters_are_grouped_and_listed_from_the_oldest() {
    let (server, documents) = with_letters().await;
    let list = server.get(PATH).await.json();
    assert_valid("DeadLetterPage", &list);
    assert_eq!((&list["complete"], &list["next_cursor"]), (&json!(true), &Value::Null));
    let groups = list["groups"].as_array().unwrap();
    assert_eq!((&groups[0]["error_code"], &groups[0]["count"]), (&json!("unavailable"), &json!(2)));
    assert_eq!(groups[0]["sample_reason"], "embedder away");
    assert!(groups[0]["oldest_at"].as_str() < groups[0]["newest_at"].as_str());
    assert_eq!((&groups[1]["error_code"], &groups[1]["count"]), (&json!("malformed"), &json!(1)));
    let letters = list["dead_letters"].as_array().unwrap();
    let about: Vec<&Value> = letters.iter().map(|letter| &letter["document_id"]).collect();
    assert_eq!(about, [&json!(documents[0]), &json!(documents[1]), &Value::Null]);
    assert_eq!(letters[0]["kind"], "ingest_document");
    assert_eq!((&letters[0]["tenant_id"], &letters[2]["tenant_id"]), (&json!("default"), &Value::Null));
    assert_eq!((&letters[0]["queue"], &letters[2]["queue"]), (&json!("ingest"), &json!("projector")));

    let mut seen = Vec::new();
    let mut path = format!("{PATH}?limit=1");
    loop {
        let page = server.get(&path).await.json();
        seen.extend(page["dead_letters"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{PATH}?limit=1&cursor={cursor}");
    }
    assert_eq!(&seen, letters);
}

#[tokio::test]
async fn a_list_can_be_narrowed() {
    let (server, documents) = with_letters().await;
    for (query, expected) in [
        ("error_code=malformed".to_owned(), 1),
        ("error_code=unavailable".to_owned(), 2),
        ("reason=EMBEDDER".to_owned(), 1),
        ("queue=ingest".to_owned(), 2),
        ("queue=embed".to_owned(), 0),
        (format!("document_id={}", documents[0]), 1),
        (format!("document_id={}&queue=projector", documents[0]), 0),
    ] {
        let list = server.get(&format!("{PATH}?{query}")).await.json();
        assert_eq!(list["dead_letters"].as_array().unwrap().len(), expected, "{query}");
    }
    server.get(&format!("{PATH}?queue=letters")).await.problem(400, "invalid_query");
    server.get(&format!("{PATH}?tenant_id=default")).await.problem(400, "invalid_query");
    server.get(&format!("{PATH}?cursor=x")).await.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn a_redrive_moves_what_it_names_and_says_so() {
    let (server, documents) = with_letters().await;
    let list = server.get(PATH).await.json();
    let id = list["dead_letters"][0]["message_id"].clone();

    let would = redrive(&server, json!({ "message_ids": [id, "unknown"], "dry_run": true })).await;
    assert_eq!((&would["matched"], &would["moved"], &would["dry_run"]), (&json!(1), &json!(1), &json!(true)));
    assert_eq!(server.waiting(QueueName::Ingest).await, 0);

    let did = redrive(&server, json!({ "message_ids": [id, "unknown"] })).await;
    assert_eq!((&did["matched"], &did["moved"], &did["more"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!(did["dead_letters"][0]["document_id"], documents[0]);
    assert_eq!(server.waiting(QueueName::Ingest).await, 1);
    let again = redrive(&server, json!({ "message_ids": [id] })).await;
    assert_eq!((&again["matched"], &again["moved"]), (&json!(0), &json!(0)));

    let by_document = redrive(&server, json!({ "filter": { "document_id": documents[1] } })).await;
    assert_eq!((&by_document["moved"], server.waiting(QueueName::Ingest).await), (&json!(1), 2));

    let all = redrive(&server, json!({ "all": true, "max_per_second": 10 })).await;
    assert_eq!((&all["moved"], server.waiting(QueueName::Projector).await), (&json!(1), 1));
    assert_eq!(server.get(PATH).await.json()["dead_letters"], json!([]));
}

#[tokio::test]
async fn a_rate_spreads_the_deliveries() {
    let (server, _) = with_letters().await;
    let body = json!({ "filter": { "error_code": "unavailable" }, "max_per_second": 2 });
    let moved = redrive(&server, body).await;
    assert_eq!((&moved["moved"], &moved["lasting_ms"]), (&json!(2), &json!(500)));
    assert_eq!(server.waiting(QueueName::Ingest).await, 1);
    server.clock.advance_ms(500);
    assert_eq!(server.waiting(QueueName::Ingest).await, 2);
}

/// "Everything" must be said, never left to a member that was forgotten or misspelt.
#[tokio::test]
async fn a_redrive_of_nothing_in_particular_is_refused() {
    let (server, _) = with_letters().await;
    for body in [
        json!({}),
        json!({ "dry_run": true }),
        json!({ "all": false }),
        json!({ "filter": {} }),
        json!({ "message_ids": [] }),
        json!({ "message_ids": vec!["1"; 1_001] }),
        json!({ "all": true, "filter": { "error_code": "malformed" } }),
        json!({ "all": true, "message_ids": ["1"] }),
        json!({ "filter": { "error_cod": "malformed" } }),
        json!({ "filter": { "tenant_id": "other" } }),
        json!({ "all": true, "max_per_second": 0 }),
        json!({ "all": true, "max_per_second": 501 }),
    ] {
        let reply = ask("POST", REDRIVE).json(body.clone()).of(&server.router).await;
        let detail = reply.problem(422, "invalid_member");
        assert!(!detail.is_empty(), "{body}");
    }
    ask("POST", REDRIVE)
        .with("content-type", "application/json")
        .body("{")
        .of(&server.router)
        .await
        .problem(400, "malformed_json");
    assert_eq!(server.get(PATH).await.json()["dead_letters"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn with_keys_a_tenant_sees_and_redrives_its_own_letters_only() {
    let server = Server::with(|keys| Arc::new(ApiKeyAuthenticator::new(keys))).await;
    let create = CreateApiKey::new(Arc::clone(&server.keys), Arc::new(SimClock::default()));
    let ours = create.run(tenant("ours"), "test".into(), [1; 32]).await.unwrap().secret;
    let theirs = create.run(tenant("theirs"), "test".into(), [2; 32]).await.unwrap().secret;
    let upload = ask("POST", "/v1/documents").with("x-api-key", &ours).body("x");
    assert_eq!(upload.of(&server.router).await.status, 202);
    server.bury(DeadLetterCode::Unavailable, "extractor away").await;
    server.bury_nonsense().await;
    let seen = async |key: &str| ask("GET", PATH).with("x-api-key", key).of(&server.router).await.json();
    let letters = seen(&ours).await["dead_letters"].as_array().unwrap().clone();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["tenant_id"], "ours");
    assert_eq!(seen(&theirs).await["dead_letters"], json!([]));
    assert_eq!(seen(&theirs).await["groups"], json!([]));

    let id = &letters[0]["message_id"];
    for body in
        [json!({ "message_ids": [id] }), json!({ "all": true }), json!({ "filter": { "queue": "ingest" } })]
    {
        let reply =
            ask("POST", REDRIVE).with("x-api-key", &theirs).json(body).of(&server.router).await.json();
        assert_eq!((&reply["matched"], &reply["moved"]), (&json!(0), &json!(0)));
    }
    assert_eq!(server.waiting(QueueName::Ingest).await, 0);
    let reply =
        ask("POST", REDRIVE).with("x-api-key", &ours).json(json!({ "all": true })).of(&server.router).await;
    assert_eq!(reply.json()["moved"], 1);
    assert_eq!((server.waiting(QueueName::Ingest).await, server.waiting(QueueName::Projector).await), (1, 0));
    ask("GET", PATH).of(&server.router).await.problem(401, "unauthenticated");
}
