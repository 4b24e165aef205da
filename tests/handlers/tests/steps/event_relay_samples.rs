//! Each sample invocation of event-relay: what it answers and what it publishes.

use aws_lambda_events::event::dynamodb::Event;
use handlers::{World, sample, sample_names};
use millrace_domain::QueueName;
use millrace_test_support::Fault;
use serde_json::{Value, json};

const FUNCTION: &str = "event-relay";

async fn run(world: &World, case: &str) -> Value {
    let event: Event = sample(FUNCTION, case);
    serde_json::to_value(millrace_event_relay::handle(&world.publish, event).await).unwrap()
}

/// What lies on the subscriber's queue: type and sequence of each event, in order.
async fn published(world: &World) -> Vec<String> {
    let messages = world.behind.consumer.receive(QueueName::Projector, 100, 0).await.unwrap();
    let name = |body: &str| {
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["detail-type"], event["detail"]["type"]);
        assert_eq!(event["source"], "millrace");
        format!("{} {}", event["detail-type"].as_str().unwrap(), event["detail"]["sequence"])
    };
    messages.iter().map(|message| name(&message.body)).collect()
}

fn failure_at(record: &str) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": record }] })
}

#[test]
fn every_sample_has_a_test() {
    let tested = [
        "duplicate_in_batch",
        "envelope_not_text",
        "new_events",
        "other_items",
        "unknown_event_type",
        "unreadable_record_in_the_middle",
    ];
    assert_eq!(sample_names(FUNCTION), tested);
}

#[tokio::test]
async fn new_events() {
    let world = World::new().await;
    assert_eq!(run(&world, "new_events").await, json!({ "batchItemFailures": [] }));
    let expected =
        ["millrace.document.uploaded 1", "millrace.document.text_extracted 2", "millrace.document.chunked 3"];
    assert_eq!(published(&world).await, expected);
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    assert_eq!(run(&world, "duplicate_in_batch").await, json!({ "batchItemFailures": [] }));
    assert_eq!(published(&world).await.len(), 3, "at least once, and subscribers skip what they have seen");
}

#[tokio::test]
async fn other_items() {
    let world = World::new().await;
    assert_eq!(run(&world, "other_items").await, json!({ "batchItemFailures": [] }));
    assert_eq!(published(&world).await, [""; 0]);
}

/// What lies before it is published; it and what follows wait for whoever repairs it.
#[tokio::test]
async fn unreadable_record_in_the_middle() {
    let world = World::new().await;
    let answer = run(&world, "unreadable_record_in_the_middle").await;
    assert_eq!(answer, failure_at("4421584500000000017450439003"));
    let expected = ["millrace.document.uploaded 1", "millrace.document.text_extracted 2"];
    assert_eq!(published(&world).await, expected);
}

#[tokio::test]
async fn envelope_not_text() {
    let world = World::new().await;
    assert_eq!(run(&world, "envelope_not_text").await, failure_at("4421584500000000017450439002"));
    assert_eq!(published(&world).await.len(), 1);
}

#[tokio::test]
async fn unknown_event_type() {
    let world = World::new().await;
    assert_eq!(run(&world, "unknown_event_type").await, failure_at("4421584500000000017450439002"));
    assert_eq!(published(&world).await.len(), 1);
}

/// The bus is down: the stream repeats from the first record, whether or not the answer was all that was lost.
#[tokio::test]
async fn a_bus_that_fails_repeats_the_batch_from_its_first_event() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let world = World::new().await;
        world.faults.arm_next("event_bus.publish", fault);
        assert_eq!(run(&world, "new_events").await, failure_at("4421584500000000017450439001"));
        assert_eq!(run(&world, "new_events").await, json!({ "batchItemFailures": [] }));
        let published = published(&world).await;
        assert_eq!(published[published.len() - 3..][0], "millrace.document.uploaded 1");
    }
}
