//! Messages that are given up: what cannot be read, and what failed at every attempt. Their neighbours go on, and what failed is
//! put back to work through the API.

use millrace_application::StepPolicy;
use millrace_domain::QueueName;
use serde_json::json;

use crate::client::Tenant;
use crate::emulated_aws::eventually;
use crate::faults::{Counted, Fault, Rule};
use crate::history::{assert_ready_once, types};
use crate::stack::run;

#[test]
fn a_message_that_cannot_be_read_is_put_aside_while_its_neighbours_finish() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "neighbours").await;
        stack.aws.send(QueueName::Ingest, "no job at all".to_owned()).await;
        stack.aws.send(QueueName::Embed, "no job either".to_owned()).await;
        let id = tenant.upload("the zqneighbour ferry").await;
        stack.aws.send(QueueName::Embed, "nor this".to_owned()).await;
        assert_ready_once(stack, &tenant, &id, "zqneighbour").await;
        let lies = async |queue: &str, count: usize| {
            eventually(&format!("{count} malformed in {queue}"), async || {
                let codes = stack.aws.dead_letter_codes(queue).await;
                codes.iter().filter(|code| *code == "malformed").count() == count
            })
            .await;
        };
        lies("ingest-dead-letters", 1).await;
        lies("embed-dead-letters", 2).await;
    });
}

#[test]
fn a_document_that_failed_at_every_attempt_is_redriven_and_becomes_ready() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "given-up").await;
        let rule = Rule {
            tenant: tenant.name.clone(),
            function: "embed-worker",
            counted: Counted::Operation("s3vectors PutVectors"),
            first: 0,
            times: usize::MAX,
            fault: Fault::Fail,
        };
        stack.faults.add(rule);
        let id = tenant.upload("the zqgiven ferry").await;
        eventually("the first attempt fails", async || stack.faults.fired(&tenant.name) >= 3).await;
        // The waits between attempts grow to minutes; the next one is the last.
        eventually("the document fails", async || {
            stack.aws.set_attempts(&tenant.name, StepPolicy::default().attempts_max - 1).await;
            tenant.document(&id).await["status"] == "failed"
        })
        .await;
        let failed = tenant.document(&id).await;
        assert_eq!(failed["error"]["code"], "dead_lettered", "{failed}");
        // What could be done is done: it is not found any more, and nothing of it is left but the content.
        assert_eq!(tenant.documents_with("zqgiven").await, [""; 0]);

        let list = async || tenant.get("/v1/operations/dead-letters").await.expect(200);
        eventually("the message is given up", async || list().await["dead_letters"][0]["document_id"] == id)
            .await;
        let letters = list().await;
        assert_eq!(
            (&letters["groups"][0]["error_code"], &letters["groups"][0]["count"]),
            (&json!("unavailable"), &json!(1))
        );
        let message = letters["dead_letters"][0]["message_id"].clone();
        let redrive = async |dry_run: bool| {
            let wanted = json!({ "message_ids": [message], "dry_run": dry_run });
            tenant.post("/v1/operations/dead-letters/redrive", &wanted).await
        };
        let would = redrive(true).await.expect(200);
        assert_eq!((&would["moved"], &would["dry_run"]), (&json!(1), &json!(true)), "{would}");
        assert_eq!(tenant.document(&id).await["status"], "failed");

        stack.faults.end(&tenant.name);
        let did = redrive(false).await;
        assert!(did.status.is_success(), "{did:?}");
        eventually("the document is ready", async || tenant.document(&id).await["status"] == "ready").await;
        let history = tenant.timeline(&id).await;
        let count = |name| types(&history).iter().filter(|found| **found == name).count();
        assert_eq!(
            (count("text_extracted"), count("ingestion_failed"), count("ingestion_retried")),
            (1, 1, 1),
            "{:?}",
            types(&history)
        );
        assert_eq!(count("ingestion_completed"), 1);
        assert_eq!(stack.aws.vectors(&tenant.name).await.len(), 1);
        assert_eq!(tenant.documents_with("zqgiven").await, [id]);
        assert_eq!(list().await["dead_letters"], json!([]));
    });
}
