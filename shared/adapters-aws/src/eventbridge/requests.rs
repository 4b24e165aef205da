//! What `EventBridgeEventBus` says on the wire, and what it makes of EventBridge's answers, pinned without a server.

use millrace_domain::EventEnvelope;
use millrace_ports::{ErrorKind, EventBus, PortError};
use millrace_test_support::{SeededIds, Story};
use serde_json::{Value, json};

use super::EventBridgeEventBus;
use super::entry::{ENTRY_BYTES_MAX, Entry};
use crate::connection::replay::{Replay, Reply};

fn bus(replay: &Replay) -> EventBridgeEventBus {
    EventBridgeEventBus::new(replay.connection().eventbridge(), "millrace")
}

fn events(count: usize) -> Vec<EventEnvelope> {
    let ids = SeededIds::new(1);
    let uploads = (0..count).flat_map(|_| Story::of(&ids, "acme").upload(&ids).events);
    uploads.collect()
}

/// Answers a call whose entries have these codes, or none.
fn answer(codes: &[Option<&str>]) -> Reply {
    let failed = codes.iter().flatten().count();
    let entries: Vec<Value> = codes
        .iter()
        .map(|code| match code {
            Some(code) => json!({ "ErrorCode": code, "ErrorMessage": "m" }),
            None => json!({ "EventId": "e" }),
        })
        .collect();
    Reply::ok(json!({ "FailedEntryCount": failed, "Entries": entries }).to_string())
}

fn kinds(answers: Vec<Result<(), PortError>>) -> Vec<Option<ErrorKind>> {
    answers.into_iter().map(|answer| answer.err().map(|error| error.kind)).collect()
}

#[tokio::test]
async fn an_event_is_put_with_the_attributes_that_rules_look_at() {
    let mut event = events(1).remove(0);
    event.trace.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
    let replay = Replay::of([answer(&[None])]);
    bus(&replay).publish(std::slice::from_ref(&event)).await.remove(0).unwrap();
    let sent = replay.sent().remove(0);
    assert_eq!(sent.header("x-amz-target"), Some("AWSEvents.PutEvents"));
    let mut body = sent.json();
    let detail = body["Entries"][0]["Detail"].take();
    assert_eq!(
        body,
        json!({ "Entries": [{
            "Time": event.time.as_millis() / 1_000,
            "Source": "millrace",
            "DetailType": "millrace.document.uploaded",
            "Detail": null,
            "EventBusName": "millrace",
            "TraceHeader": "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
        }] })
    );
    let detail: Value = serde_json::from_str(detail.as_str().unwrap()).unwrap();
    assert_eq!(detail, serde_json::to_value(&event).unwrap());
}

#[tokio::test]
async fn a_call_takes_ten_events_in_order() {
    let events = events(23);
    let replay = Replay::of([answer(&[None; 10]), answer(&[None; 10]), answer(&[None; 3])]);
    assert_eq!(kinds(bus(&replay).publish(&events).await), [None; 23]);
    replay.assert_used_up();
    let sent: Vec<String> = replay
        .sent()
        .iter()
        .flat_map(|request| request.json()["Entries"].as_array().unwrap().clone())
        .map(|entry| {
            serde_json::from_str::<EventEnvelope>(entry["Detail"].as_str().unwrap()).unwrap().id.to_string()
        })
        .collect();
    assert_eq!(sent, events.iter().map(|event| event.id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_takes_as_many_bytes_as_event_bridge_counts() {
    let mut events = events(3);
    // Two that fill a call to the last byte, and one more.
    for event in &mut events[..2] {
        let bytes = Entry::of("millrace", event).unwrap().bytes;
        // The name, quotes, colon and comma of a causation that was not there before.
        let padding = ENTRY_BYTES_MAX / 2 - bytes - r#""causation_id":"","#.len();
        event.trace.causation_id = Some("x".repeat(padding));
        assert_eq!(Entry::of("millrace", event).unwrap().bytes, ENTRY_BYTES_MAX / 2);
    }
    let replay = Replay::of([answer(&[None; 2]), answer(&[None])]);
    assert_eq!(kinds(bus(&replay).publish(&events).await), [None; 3]);
    replay.assert_used_up();
    events[0].trace.causation_id.as_mut().unwrap().push('x');
    let replay = Replay::of([answer(&[None]), answer(&[None; 2])]);
    assert_eq!(kinds(bus(&replay).publish(&events).await), [None; 3]);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_failed_entry_is_told_of_its_event_and_nothing_goes_out_behind_its_call() {
    let unavailable = Some(ErrorKind::Unavailable);
    for (code, kind) in [
        ("InternalFailure", unavailable),
        ("ThrottlingException", Some(ErrorKind::Throttled)),
        ("NotAuthorizedForSourceException", unavailable),
        ("SomethingNew", unavailable),
    ] {
        let mut codes = [None; 10];
        codes[3] = Some(code);
        let replay = Replay::of([answer(&codes)]);
        let mut expected = [None; 12];
        (expected[3], expected[10], expected[11]) = (kind, kind, kind);
        assert_eq!(kinds(bus(&replay).publish(&events(12)).await), expected, "{code}");
        assert_eq!(replay.sent().len(), 1);
    }
}

#[tokio::test]
async fn a_bad_event_holds_up_nobody() {
    let mut codes = [None; 10];
    codes[3] = Some("MalformedDetail");
    let mut events = events(13);
    events[11].trace.causation_id = Some("x".repeat(ENTRY_BYTES_MAX));
    let replay = Replay::of([answer(&codes), answer(&[None; 2])]);
    let mut expected = [None; 13];
    (expected[3], expected[11]) = (Some(ErrorKind::Invalid), Some(ErrorKind::Invalid));
    assert_eq!(kinds(bus(&replay).publish(&events).await), expected);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_call_that_fails_fails_all_of_its_events_and_those_behind() {
    let error = |status, code: &str| Reply::of(status, json!({ "__type": code }).to_string());
    for (replies, kind) in [
        (vec![Reply::Reset, Reply::Reset, Reply::Reset], ErrorKind::Unavailable),
        (vec![error(400, "ResourceNotFoundException")], ErrorKind::Unavailable),
        (
            (0..3)
                .map(|_| error(400, "ThrottlingException").with_header("x-amz-retry-after", "200"))
                .collect(),
            ErrorKind::Throttled,
        ),
    ] {
        let replay = Replay::of(replies);
        let answers = bus(&replay).publish(&events(12)).await;
        if kind == ErrorKind::Throttled {
            assert_eq!(answers[0].as_ref().unwrap_err().retry_after_ms, Some(200));
        }
        assert_eq!(kinds(answers), [Some(kind); 12]);
        replay.assert_used_up();
    }
}

#[tokio::test]
async fn an_event_without_an_answer_counts_as_not_published() {
    let replay = Replay::of([answer(&[None])]);
    assert_eq!(kinds(bus(&replay).publish(&events(2)).await), [None, Some(ErrorKind::Unavailable)]);
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_with_the_same_events() {
    let replay = Replay::of([Reply::Reset, answer(&[None; 2])]);
    assert_eq!(kinds(bus(&replay).publish(&events(2)).await), [None; 2]);
    let sent = replay.sent();
    assert_eq!(sent[0].body, sent[1].body);
}
