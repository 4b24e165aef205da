//! The ordinary way of one document: HTTP, workers, search, events, lists.

use std::process::Command;

use serde_json::{Value, json};

use crate::client::Tenant;
use crate::emulated_aws::eventually;
use crate::history::{assert_ready_once, types};
use crate::stack::run;
use crate::subscriber::Subscriber;

const FERRY: &str = "The zqferry leaves at noon and crosses the lake in half an hour.";

#[test]
fn what_is_uploaded_is_found_by_words_and_by_meaning_and_told_to_subscribers() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "plain").await;
        let subscriber = Subscriber::of(stack, "plain").await;
        let id = tenant.upload(FERRY).await;
        assert_ready_once(stack, &tenant, &id, "zqferry").await;

        let by_meaning = tenant.search("when does the boat depart?").await;
        assert_eq!(
            (&by_meaning["hits"][0]["document_id"], &by_meaning["by_meaning"]),
            (&json!(id), &json!(true))
        );

        let history = tenant.timeline(&id).await;
        let told = subscriber.wait_for(history.len()).await;
        assert_eq!(types(&told), types(&history));
        let ids = |events: &[Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&told), ids(&history));

        tenant.listed(&id).await;
        eventually("the projector counts it", async || {
            let stats = tenant.get("/v1/stats").await.expect(200);
            let counts = &stats["collections"][0];
            counts["documents"]["ready"] == 1 && counts["chunks"] == 1 && counts["bytes"] == FERRY.len()
        })
        .await;
    });
}

#[test]
fn only_who_has_a_key_gets_in_and_sees_its_own() {
    run(async |stack| {
        let (ours, theirs) = (Tenant::new(stack, "ours").await, Tenant::new(stack, "theirs").await);
        let id = ours.upload("zqours alone").await;
        ours.wait_for(&id, "ready").await;
        theirs.get(&format!("/v1/documents/{id}")).await.expect(404);
        assert_eq!(theirs.search("zqours").await["hits"], json!([]));
        assert_eq!(ours.documents_with("zqours").await, [id.as_str()]);
        let refused = ours.with_secret("mr_nobody").get("/v1/documents").await;
        assert_eq!(refused.status, 403, "{refused:?}");
        let health = ours.with_secret("").get("/healthz").await;
        assert_eq!(health.status, 200, "{health:?}");
    });
}

/// infra/create_key.py writes what the adapters read.
#[test]
fn a_key_made_by_the_operators_script_opens_the_api() {
    run(async |stack| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/create_key.py");
        let output =
            Command::new("python3").args([script, "--print", "--tenant", "operated"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let (item, secret) = printed.trim().split_once('\n').unwrap();
        let tenant = Tenant::new(stack, "operated").await.with_secret(secret);
        stack.aws.put_setting(&serde_json::from_str(item).unwrap()).await;
        let list = tenant.get("/v1/documents").await.expect(200);
        assert_eq!(list["documents"], json!([]));
    });
}
