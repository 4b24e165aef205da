//! What every event bus must do: one case for each promise of the port. Run it with `event_bus_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use millrace_domain::{EventEnvelope, QueueName};
use millrace_ports::{ErrorKind, EventBus, JobConsumer, MESSAGE_BYTES_MAX, ReceivedMessage, TRACEPARENT};
use serde_json::{Value, json};

use crate::{SeededIds, Story};

/// The rules a fixture's bus must have: the subscriber's queue, and the types it takes (a `*` at the end of the only
/// one stands for any rest).
pub const SUITE_RULES: &[(QueueName, &[&str])] = &[
    (QueueName::Projector, &["millrace.document.*"]),
    (QueueName::Purge, &["millrace.document.ingestion_failed", "millrace.document.deletion_requested"]),
];

/// What the suite needs of an implementation: a bus with `SUITE_RULES` and the queues its subscribers read.
pub struct EventBusFixture {
    /// The bus.
    pub bus: Arc<dyn EventBus>,
    /// The subscribers' queues, empty.
    pub consumer: Arc<dyn JobConsumer>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for EventBusFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBusFixture").field("bus", &self.bus).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! event_bus_suite {
    ($fixture:path) => {
        $crate::remote_event_bus_suite!($fixture);
        $crate::suite_cases!(
            event_bus_suite,
            $fixture,
            [an_event_is_grouped_by_its_tenant_with_the_trace_beside,]
        );
    };
}

/// The same for a bus that passes on the event alone, as EventBridge does to a queue.
#[macro_export]
macro_rules! remote_event_bus_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            event_bus_suite,
            $fixture,
            [
                every_subscriber_whose_rule_matches_gets_the_event,
                an_event_arrives_as_event_bridge_delivers_it,
                an_event_of_any_characters_arrives,
                nothing_goes_out_behind_an_event_that_cannot_be_sent,
                an_event_published_again_keeps_its_id,
                nothing_is_published_of_nothing,
            ]
        );
    };
}

async fn received(fixture: &EventBusFixture, queue: QueueName) -> Vec<ReceivedMessage> {
    let mut all = Vec::new();
    loop {
        let messages = fixture.consumer.receive(queue, 10, 0).await.unwrap();
        if messages.is_empty() {
            return all;
        }
        all.extend(messages);
    }
}

/// Reads an event out of a message as subscribers do.
pub fn detail(message: &ReceivedMessage) -> EventEnvelope {
    let body: Value = serde_json::from_str(&message.body).unwrap();
    serde_json::from_value(body["detail"].clone()).unwrap()
}

fn details(messages: &[ReceivedMessage]) -> Vec<EventEnvelope> {
    let mut events: Vec<EventEnvelope> = messages.iter().map(detail).collect();
    events.sort_by_key(|event| (event.document_id, event.sequence));
    events
}

fn history(ids: &SeededIds) -> Vec<EventEnvelope> {
    let mut story = Story::of(ids, "acme");
    [story.upload(ids), story.extract(ids), story.fail(ids), story.delete(ids)]
        .into_iter()
        .flat_map(|append| append.events)
        .collect()
}

/// Each gets all that it subscribed to, whole, and nothing else.
pub async fn every_subscriber_whose_rule_matches_gets_the_event(fixture: &EventBusFixture) {
    let ids = SeededIds::new(1);
    let events: Vec<EventEnvelope> = [history(&ids), history(&ids)].concat();
    let outcome = fixture.bus.publish(&events).await;
    assert_eq!(outcome.len(), events.len());
    outcome.into_iter().for_each(|entry| entry.unwrap());
    assert_eq!(details(&received(fixture, QueueName::Projector).await), events);
    let failed_or_deleted = [&events[2], &events[3], &events[6], &events[7]].map(Clone::clone);
    assert_eq!(details(&received(fixture, QueueName::Purge).await), failed_or_deleted);
    assert_eq!(received(fixture, QueueName::Ingest).await, []);
}

/// With the attributes that rules and subscribers look at.
pub async fn an_event_arrives_as_event_bridge_delivers_it(fixture: &EventBusFixture) {
    let ids = SeededIds::new(1);
    let mut event = history(&ids).remove(0);
    event.trace.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    fixture.bus.publish(std::slice::from_ref(&event)).await.remove(0).unwrap();
    let message = received(fixture, QueueName::Projector).await.remove(0);
    let body: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(body["version"], "0");
    assert_eq!(body["source"], "millrace");
    assert_eq!(body["detail-type"], "millrace.document.uploaded");
    assert_eq!(body["resources"], json!([]));
    for attribute in ["id", "time", "account", "region"] {
        assert!(body[attribute].is_string(), "{attribute}");
    }
    assert_eq!(body["detail"], serde_json::to_value(&event).unwrap());
}

/// Those too that no message may hold as they are: a client chose them for a name.
pub async fn an_event_of_any_characters_arrives(fixture: &EventBusFixture) {
    let ids = SeededIds::new(1);
    let mut event = history(&ids).remove(0);
    event.trace.causation_id = Some("\u{0}\u{1f}\u{7f}\u{fffe}\u{ffff}\u{1ffff} ä".into());
    fixture.bus.publish(std::slice::from_ref(&event)).await.remove(0).unwrap();
    assert_eq!(details(&received(fixture, QueueName::Projector).await), [event]);
}

/// So that a busy tenant delays only itself, and a subscriber needs not open the event to go on with its trace.
pub async fn an_event_is_grouped_by_its_tenant_with_the_trace_beside(fixture: &EventBusFixture) {
    let ids = SeededIds::new(1);
    let mut event = history(&ids).remove(0);
    event.trace.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    fixture.bus.publish(std::slice::from_ref(&event)).await.remove(0).unwrap();
    let message = received(fixture, QueueName::Projector).await.remove(0);
    assert_eq!(message.group.as_deref(), Some("acme"));
    assert_eq!(message.attributes.get(TRACEPARENT), event.trace.traceparent.as_ref());
}

/// One entry for each event, in order; one beyond the size limit is `Invalid`, and those behind it wait for whoever goes on
/// from it.
pub async fn nothing_goes_out_behind_an_event_that_cannot_be_sent(fixture: &EventBusFixture) {
    let ids = SeededIds::new(1);
    let mut events: Vec<EventEnvelope> = [history(&ids), history(&ids)].concat();
    events[2].trace.causation_id = Some("x".repeat(MESSAGE_BYTES_MAX));
    let outcome = fixture.bus.publish(&events).await;
    let kinds: Vec<Option<ErrorKind>> =
        outcome.into_iter().map(|entry| entry.err().map(|e| e.kind)).collect();
    let behind = [Some(ErrorKind::Unavailable); 5];
    assert_eq!(kinds[..3], [None, None, Some(ErrorKind::Invalid)]);
    assert_eq!(kinds[3..], behind);
    assert_eq!(details(&received(fixture, QueueName::Projector).await), events[..2]);
    assert_eq!(received(fixture, QueueName::Purge).await, []);
}

/// At least once means twice at times; a subscriber can tell.
pub async fn an_event_published_again_keeps_its_id(fixture: &EventBusFixture) {
    let events = history(&SeededIds::new(1));
    for _ in 0..2 {
        fixture.bus.publish(&events[..1]).await.remove(0).unwrap();
    }
    let twice = details(&received(fixture, QueueName::Projector).await);
    assert_eq!(twice, [events[0].clone(), events[0].clone()]);
}

/// An empty call is answered by an empty answer.
pub async fn nothing_is_published_of_nothing(fixture: &EventBusFixture) {
    assert!(fixture.bus.publish(&[]).await.is_empty());
    assert_eq!(received(fixture, QueueName::Projector).await, []);
}
