//! Messages and events that come twice, late and in the wrong order.

use millrace_domain::{BatchIndex, DocumentId, Generation, Job, JobEnvelope, QueueName, TenantId};
use serde_json::{Value, json};

use crate::client::Tenant;
use crate::emulated_aws::eventually;
use crate::history::assert_ready_once;
use crate::stack::{Stack, run};
use crate::subscriber::Subscriber;

const COPIES: usize = 3;

/// The jobs of a document of one batch, as its history makes them.
fn jobs(tenant: &str, id: &str, uploaded: &Value) -> [JobEnvelope; 2] {
    let job = |job| JobEnvelope {
        tenant_id: TenantId::new(tenant).unwrap(),
        document_id: id.parse::<DocumentId>().unwrap(),
        job,
        trace: serde_json::from_value(uploaded.clone()).unwrap(),
    };
    let generation = Generation::FIRST;
    let batch: BatchIndex = serde_json::from_value(json!(0)).unwrap();
    [job(Job::IngestDocument { generation }), job(Job::EmbedChunks { generation, batch })]
}

async fn worked_off(stack: &Stack) {
    for queue in ["ingest", "embed", "projector"] {
        eventually(&format!("{queue} is worked off"), async || stack.aws.messages(queue).await == 0).await;
    }
}

#[test]
fn jobs_that_come_again_while_and_after_they_are_worked_on_change_nothing() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "twice").await;
        let id = tenant.upload("the zqtwice ferry").await;
        let uploaded = tenant.timeline(&id).await.remove(0);
        let jobs = jobs("twice", &id, &uploaded);
        // While it is worked on, the second kind before its time.
        for job in jobs.iter().rev() {
            for _ in 0..COPIES {
                stack.aws.send_job(job).await;
            }
        }
        assert_ready_once(stack, &tenant, &id, "zqtwice").await;
        let history = tenant.timeline(&id).await;
        for job in &jobs {
            stack.aws.send_job(job).await;
        }
        worked_off(stack).await;
        assert_eq!(tenant.timeline(&id).await, history);
        assert_ready_once(stack, &tenant, &id, "zqtwice").await;
        let letters = tenant.get("/v1/operations/dead-letters").await.expect(200);
        assert_eq!(letters["dead_letters"], json!([]));
    });
}

#[test]
fn a_batch_of_the_journals_stream_that_comes_again_publishes_the_same_events() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "streamed").await;
        let subscriber = Subscriber::of(stack, "streamed").await;
        let id = tenant.upload("the zqstream of events").await;
        assert_ready_once(stack, &tenant, &id, "zqstream").await;
        let history = tenant.timeline(&id).await;
        subscriber.wait_for(history.len()).await;
        let before = subscriber.messages().len();

        let image = stack.aws.head_image("streamed", &id).await;
        let record = json!({
            "eventID": "1", "eventName": "MODIFY", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1", "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/journal/stream/1",
            "dynamodb": {
                "Keys": { "pk": image["pk"], "sk": image["sk"] }, "NewImage": image,
                "SequenceNumber": "1", "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
            },
        });
        for _ in 0..2 {
            let answer = stack.aws.invoke("event-relay", &json!({ "Records": [record, record] })).await;
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
        }
        // The last append had the last batch's vectors and the completion in it.
        eventually("the repetitions are on the bus", async || {
            subscriber.receive().await;
            subscriber.messages().len() == before + 8
        })
        .await;
        let told = subscriber.wait_for(history.len()).await;
        assert_eq!(
            told.iter().map(|event| &event["id"]).collect::<Vec<_>>(),
            history.iter().map(|event| &event["id"]).collect::<Vec<_>>()
        );
        worked_off(stack).await;
        assert_listed_once(&tenant, &id).await;
    });
}

#[test]
fn events_that_come_again_in_the_wrong_order_leave_lists_and_counts_as_they_are() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "reordered").await;
        let subscriber = Subscriber::of(stack, "reordered").await;
        let id = tenant.upload("the zqorder of events").await;
        assert_ready_once(stack, &tenant, &id, "zqorder").await;
        subscriber.wait_for(tenant.timeline(&id).await.len()).await;
        tenant.listed(&id).await;
        for message in subscriber.messages().iter().rev().chain(&subscriber.messages()) {
            stack.aws.send(QueueName::Projector, message.clone()).await;
        }
        worked_off(stack).await;
        assert_listed_once(&tenant, &id).await;
    });
}

async fn assert_listed_once(tenant: &Tenant, id: &str) {
    let list = tenant.get("/v1/documents").await.expect(200);
    let shown: Vec<_> =
        list["documents"].as_array().unwrap().iter().map(|document| &document["document_id"]).collect();
    assert_eq!(shown, [id]);
    let stats = tenant.get("/v1/stats").await.expect(200);
    let counts = &stats["collections"][0];
    assert_eq!((&counts["documents"]["ready"], &counts["chunks"]), (&json!(1), &json!(1)), "{stats}");
    assert_eq!(counts["documents"]["processing"], 0);
}
