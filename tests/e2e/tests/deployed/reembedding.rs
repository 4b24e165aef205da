//! A collection moves to another model while its documents are searched, uploaded and deleted.

use std::time::Instant;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::client::Tenant;
use crate::emulated_aws::{DEADLINE, eventually};
use crate::faults::{Counted, Fault, Rule};
use crate::stack::{Stack, run};
use crate::stand_in_embedder::{DIMENSIONS, MODEL, REFUSED};

const COLLECTION: &str = "/v1/collections/default";
const REEMBEDDING: &str = "/v1/collections/default/re-embedding";
/// Long enough for three chunks, which are two batches.
const LONG: usize = 420;

struct Moving {
    stack: &'static Stack,
    tenant: Tenant,
}

impl Moving {
    async fn of(stack: &'static Stack, tenant: &str) -> Self {
        Self { stack, tenant: Tenant::new(stack, tenant).await }
    }

    async fn upload(&self, text: &str) -> String {
        let id = self.tenant.upload(text.to_owned()).await;
        self.tenant.wait_for(&id, "ready").await;
        id
    }

    /// Uploads, and waits until lists show it: what they do not show yet is not waited for by a saga with so short a pause.
    async fn listed(&self, text: &str) -> String {
        let id = self.upload(text).await;
        self.tenant.listed(&id).await;
        id
    }

    async fn collection(&self) -> Value {
        self.tenant.get(COLLECTION).await.expect(200)
    }

    async fn start(&self) -> Value {
        self.tenant.post(REEMBEDDING, &json!({ "model": MODEL })).await.expect(202)
    }

    /// Sweeps until the saga stands at this step.
    async fn sweep_until(&self, step: &str) {
        eventually(step, async || {
            self.stack.aws.sweep().await;
            self.collection().await["reembedding"]["step"] == step
        })
        .await;
    }

    /// Sweeps until the saga has ended; at each look every document is found. Gives the collection.
    async fn sweep_to_the_end(&self, documents: &[(&str, &str)]) -> Value {
        self.sweep_to_the_end_with(documents, async || ()).await
    }

    /// The same, with something to be done after each sweep.
    async fn sweep_to_the_end_with(&self, documents: &[(&str, &str)], after: impl AsyncFn()) -> Value {
        let begun = Instant::now();
        loop {
            for (id, word) in documents {
                assert_eq!(self.tenant.documents_with(word).await, [*id], "{word}");
            }
            let collection = self.collection().await;
            if collection["reembedding"].is_null() {
                return collection;
            }
            assert!(begun.elapsed() < DEADLINE, "the saga stands still: {collection}");
            self.stack.aws.sweep().await;
            after().await;
        }
    }

    /// Vectors and word parts in an index space.
    async fn entries(&self, space: u32) -> (usize, u64) {
        let aws = &self.stack.aws;
        (
            aws.vectors_in_space(&self.tenant.name, space).await.len(),
            aws.word_parts_in_space(&self.tenant.name, space).await,
        )
    }

    async fn is_marked(&self) -> bool {
        self.stack.aws.tenants_under_reembedding().await.contains(&self.tenant.name)
    }
}

fn long_text(word: &str) -> String {
    format!("the {word} leaves at noon. {}", "and then it crosses the lake again. ".repeat(LONG / 7))
}

fn steps(saga: &Value) -> Vec<&str> {
    saga["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn a_collection_moves_to_another_model_and_searches_find_everything_meanwhile() {
    run(async |stack| {
        let moving = Moving::of(stack, "moving").await;
        let tenant = &moving.tenant;
        let long = moving.listed(&long_text("zqlong")).await;
        let gone = moving.listed("the zqgone ferry").await;
        let old = moving.collection().await;
        assert_eq!((&old["documents"], &old["reembedding"]), (&json!(2), &Value::Null));
        let chunks = tenant.document(&long).await["progress"]["chunks_total"].as_u64().unwrap();
        assert!(chunks > 2, "more than one batch: {chunks}");

        let begun = moving.start().await;
        assert_eq!(begun["model"], old["model"], "searches use the old one");
        tenant.post(REEMBEDDING, &json!({ "model": MODEL })).await.expect(409);
        assert!(moving.is_marked().await);
        moving.sweep_until("settle_writers").await;

        // Both models embed what comes now, and neither keeps what goes.
        let late = moving.upload("the zqlate ferry").await;
        let path = format!("/v1/documents/{gone}");
        tenant.send(Method::DELETE, &path, &[], Bytes::new()).await.expect(202);
        eventually("the purge is verified", async || tenant.get(&path).await.status == 410).await;

        let moved = moving.sweep_to_the_end(&[(&long, "zqlong"), (&late, "zqlate")]).await;
        assert_eq!((&moved["model"], &moved["dimensions"]), (&json!(MODEL), &json!(DIMENSIONS)));
        let saga = &moved["last_reembedding"];
        assert_eq!((&saga["status"], &saga["from_model"]), (&json!("completed"), &old["model"]));
        let expected = ["build", "settle_writers", "verify", "switch", "settle_readers", "drop_old"];
        assert_eq!(steps(saga), expected, "{saga}");
        assert!(!moving.is_marked().await);
        let new = moving.entries(1).await;
        assert_eq!((moving.entries(0).await, new), ((0, 0), (chunks as usize + 1, 2)));

        // The very text has the very direction under the new model.
        let by_meaning = tenant.search("the zqlate ferry").await;
        let best = &by_meaning["hits"][0];
        assert_eq!((&best["document_id"], &by_meaning["by_meaning"]), (&json!(late), &json!(true)));
        let after = moving.upload("the zqafter ferry").await;
        assert_eq!(tenant.documents_with("zqafter").await, [after]);
        assert_eq!((moving.entries(0).await, moving.entries(1).await), ((0, 0), (new.0 + 1, new.1 + 1)));
    });
}

#[test]
fn a_move_that_is_aborted_leaves_the_collection_as_it_was() {
    run(async |stack| {
        let moving = Moving::of(stack, "staying").await;
        let id = moving.listed("the zqstaying ferry").await;
        let old = moving.collection().await;
        moving.start().await;
        moving.sweep_until("settle_writers").await;
        eventually("it is built", async || moving.entries(1).await == (1, 1)).await;
        let abort = async || moving.tenant.send(Method::DELETE, REEMBEDDING, &[], Bytes::new()).await;
        abort().await.expect(202);
        let stayed = moving.sweep_to_the_end(&[(&id, "zqstaying")]).await;
        assert_eq!((&stayed["model"], &stayed["dimensions"]), (&old["model"], &old["dimensions"]));
        assert_eq!(stayed["last_reembedding"]["status"], "aborted");
        assert_eq!(steps(&stayed["last_reembedding"])[1..], ["settle_writers", "settle_stopped", "drop_new"]);
        assert_eq!((moving.entries(0).await, moving.entries(1).await), ((1, 1), (0, 0)));
        assert!(!moving.is_marked().await);
        abort().await.expect(409);
    });
}

#[test]
fn a_model_that_refuses_a_text_ends_the_move_and_harms_no_document() {
    run(async |stack| {
        let moving = Moving::of(stack, "refused").await;
        let id = moving.listed(&format!("the zqharmless ferry, {REFUSED}")).await;
        let old = moving.collection().await;
        moving.start().await;
        let stayed = moving.sweep_to_the_end(&[(&id, "zqharmless")]).await;
        let saga = &stayed["last_reembedding"];
        assert_eq!((&saga["status"], &saga["error_code"]), (&json!("failed"), &json!("embedder_refused")));
        assert_eq!((&saga["document_id"], &stayed["model"]), (&json!(id), &old["model"]));
        assert_eq!((moving.entries(0).await, moving.entries(1).await), ((1, 1), (0, 0)));
        assert!(!moving.is_marked().await);
        assert_eq!(moving.tenant.document(&id).await["status"], "ready");
    });
}

/// The embed-worker after it wrote, the sweeper after it took note of a document, after it sent, and after each transition of
/// the saga: so each of its sweeps ends at the first.
#[test]
fn workers_and_sweepers_that_die_on_the_way_move_the_collection_all_the_same() {
    run(async |stack| {
        let moving = Moving::of(stack, "dying-move").await;
        let id = moving.listed(&long_text("zqdying")).await;
        let deaths = [
            ("embed-worker", "s3vectors PutVectors", 1),
            ("sweeper", "dynamodb PutItem", 1),
            ("sweeper", "sqs Send", 1),
            ("sweeper", "dynamodb TransactWriteItems", 100),
        ];
        for (function, operation, times) in deaths {
            let (tenant, counted) = (moving.tenant.name.clone(), Counted::Operation(operation));
            let rule = Rule { tenant, function, counted, first: 0, times, fault: Fault::KillAfter };
            stack.faults.add(rule);
        }
        moving.start().await;
        let moved = moving
            .sweep_to_the_end_with(&[(&id, "zqdying")], async || {
                // What died with a worker cannot be given back; and what was noted as sent was not.
                stack.aws.end_leases().await;
            })
            .await;
        let fired = stack.faults.end(&moving.tenant.name);
        assert!(fired[..3] == [1, 1, 1] && fired[3] > 4, "{fired:?}");
        assert_eq!(
            (&moved["model"], &moved["last_reembedding"]["status"]),
            (&json!(MODEL), &json!("completed"))
        );
        let chunks = moving.tenant.document(&id).await["progress"]["chunks_total"].as_u64().unwrap();
        assert_eq!((moving.entries(0).await, moving.entries(1).await), ((0, 0), (chunks as usize, 1)));
        assert!(!moving.is_marked().await);
    });
}
