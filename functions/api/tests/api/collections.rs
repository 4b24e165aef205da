//! Collections over HTTP: listing them, moving one to another model, aborting that, and what is refused.

use millrace_application::ReembedPolicy;
use millrace_application::{IndexSpaces, Workbench, WorkbenchPorts};
use millrace_domain::{CollectionName, ErrorCode, ReembeddingFailure, TenantId};
use serde_json::{Value, json};

use crate::schema_check::assert_valid;
use crate::server::{FURTHER_MODEL, MODEL, Server, ask};

const COLLECTION: &str = "/v1/collections/default";
const REEMBEDDING: &str = "/v1/collections/default/re-embedding";

impl Server {
    /// One slice of the sweeper's work, after everybody has settled.
    async fn move_on(&self) {
        let ports = self.ports.clone();
        let bench = Workbench::new(WorkbenchPorts {
            events: ports.events,
            ledger: ports.ledger,
            queue: ports.queue,
            blobs: ports.blobs,
            clock: ports.clock,
            ids: ports.ids,
        });
        let policy = ReembedPolicy::default();
        self.clock.advance_ms(policy.settle_ms);
        let index = IndexSpaces::new(ports.index, ports.collections);
        bench.advance_reembeddings(index, ports.views, policy).run().await.unwrap();
    }

    async fn collection(&self) -> Value {
        let reply = self.get(COLLECTION).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_valid("Collection", &reply.json());
        reply.json()
    }
}

async fn with_collection() -> Server {
    let server = Server::start().await;
    let id = server.upload("a.txt", "one").await;
    server.project(&id).await;
    server
}

#[tokio::test]
async fn a_collection_comes_to_be_with_its_first_document_and_tells_its_model() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/collections").await.json()["collections"], json!([]));
    server.get(COLLECTION).await.problem(404, "collection_not_found");
    let id = server.upload("a.txt", "one").await;
    server.project(&id).await;
    let page = server.get("/v1/collections").await.json();
    assert_valid("CollectionPage", &page);
    assert_eq!(page["collections"], json!([server.collection().await]));
    let found = server.collection().await;
    assert_eq!((&found["collection"], &found["model"]), (&json!("default"), &json!(MODEL)));
    assert_eq!((&found["documents"], &found["reembedding"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn collections_are_listed_in_pages_by_name() {
    let server = Server::start().await;
    for name in ["b", "c", "a"] {
        let reply = ask("POST", &format!("/v1/documents?collection={name}"))
            .with("x-filename", "a.txt")
            .with("content-type", "text/plain")
            .body("text")
            .of(&server.router)
            .await;
        assert_eq!(reply.status, 202, "{reply:?}");
    }
    let (mut names, mut path) = (Vec::new(), "/v1/collections?limit=1".to_owned());
    loop {
        let page = server.get(&path).await.json();
        names.push(page["collections"][0]["collection"].as_str().unwrap().to_owned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/collections?limit=1&cursor={cursor}");
    }
    assert_eq!(names, ["a", "b", "c"]);
    server.get("/v1/collections?cursor=!").await.problem(400, "invalid_cursor");
}

#[tokio::test]
async fn a_move_is_begun_followed_and_ends_under_the_new_model() {
    let server = with_collection().await;
    let begun = ask("POST", REEMBEDDING).json(json!({ "model": FURTHER_MODEL })).of(&server.router).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_valid("Collection", &begun.json());
    let saga = &begun.json()["reembedding"];
    assert_eq!((&saga["status"], &saga["step"]), (&json!("running"), &json!("build")));
    assert_eq!((&saga["from_model"], &saga["model"]), (&json!(MODEL), &json!(FURTHER_MODEL)));
    assert_eq!(saga["correlation_id"], begun.header("x-correlation-id"));
    assert_eq!(saga["documents_total"], 1);
    ask("POST", REEMBEDDING).of(&server.router).await.problem(409, "reembedding_in_progress");
    for _ in 0..8 {
        server.move_on().await;
    }
    let found = server.collection().await;
    assert_eq!((&found["model"], &found["reembedding"]), (&json!(FURTHER_MODEL), &Value::Null));
    let ended = &found["last_reembedding"];
    assert_eq!((&ended["status"], &ended["step"]), (&json!("completed"), &Value::Null));
    let steps: Vec<_> =
        ended["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["build", "settle_writers", "verify", "switch", "settle_readers", "drop_old"]);
    assert!(ended["duration_ms"].as_u64() > Some(0));
    // Without a model it goes to that of new collections.
    let back = ask("POST", REEMBEDDING).of(&server.router).await;
    assert_eq!((back.status.as_u16(), &back.json()["reembedding"]["model"]), (202, &json!(MODEL)));
}

#[tokio::test]
async fn a_move_is_aborted_until_the_switch_and_says_that_it_compensates() {
    let server = with_collection().await;
    ask("DELETE", REEMBEDDING).of(&server.router).await.problem(409, "not_possible");
    let move_it = || ask("POST", REEMBEDDING).json(json!({ "model": FURTHER_MODEL })).of(&server.router);
    assert_eq!(move_it().await.status, 202);
    for _ in 0..2 {
        let aborted = ask("DELETE", REEMBEDDING).of(&server.router).await;
        assert_eq!(aborted.status, 202, "{aborted:?}");
        let saga = &aborted.json()["reembedding"];
        assert_eq!(
            (&saga["status"], &saga["steps"][1]["compensates"]),
            (&json!("compensating"), &json!(true))
        );
    }
    for _ in 0..4 {
        server.move_on().await;
    }
    let found = server.collection().await;
    assert_eq!((&found["model"], &found["last_reembedding"]["status"]), (&json!(MODEL), &json!("aborted")));
    assert_eq!(move_it().await.status, 202);
    while server.collection().await["reembedding"]["step"] != "settle_readers" {
        server.move_on().await;
    }
    let refused = ask("DELETE", REEMBEDDING).of(&server.router).await.problem(409, "not_possible");
    assert!(refused.contains("switched"), "{refused}");
}

#[tokio::test]
async fn a_failure_is_told_with_the_document_at_which_it_was_noticed() {
    let server = with_collection().await;
    assert_eq!(
        ask("POST", REEMBEDDING).json(json!({ "model": FURTHER_MODEL })).of(&server.router).await.status,
        202
    );
    let (tenant, name) = (TenantId::local_default(), CollectionName::default());
    let collection = server.ports.collections.get(&tenant, &name).await.unwrap().unwrap();
    let failure = ReembeddingFailure {
        error_code: ErrorCode::EmbedderRefused,
        reason: "quota exceeded".into(),
        document_id: None,
    };
    let failed = collection.fail_reembedding(failure, server.ports.clock.now()).unwrap();
    server.ports.collections.replace(failed).await.unwrap();
    let saga = &server.collection().await["reembedding"];
    assert_eq!((&saga["status"], &saga["error_code"]), (&json!("compensating"), &json!("embedder_refused")));
    assert_eq!((&saga["reason"], &saga["steps"][0]["outcome"]), (&json!("quota exceeded"), &json!("failed")));
}

#[tokio::test]
async fn unknown_models_the_same_model_and_unknown_collections_are_refused() {
    let server = with_collection().await;
    let post = |path: &str, body: Value| ask("POST", path).json(body).of(&server.router);
    let unknown = post(REEMBEDDING, json!({ "model": "gpt-9" })).await.problem(422, "invalid_member");
    assert!(unknown.contains("gpt-9") && unknown.contains(FURTHER_MODEL), "{unknown}");
    post(REEMBEDDING, json!({ "model": MODEL })).await.problem(422, "invalid_member");
    post(REEMBEDDING, json!({})).await.problem(422, "invalid_member");
    post(REEMBEDDING, json!({ "modle": MODEL })).await.problem(422, "invalid_member");
    let ask_other = post("/v1/collections/other/re-embedding", json!({ "model": FURTHER_MODEL }));
    ask_other.await.problem(404, "collection_not_found");
    post("/v1/collections/a~1/re-embedding", json!({})).await.problem(404, "collection_not_found");
    ask("DELETE", "/v1/collections/other/re-embedding")
        .of(&server.router)
        .await
        .problem(404, "collection_not_found");
}
