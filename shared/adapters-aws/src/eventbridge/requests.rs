//! What `EventBridgeEventBus` says on the wire, and what it makes of EventBridge's answers, pinned without a server.

use std::collections::BTreeSet;

use millrace_domain::{DocumentId, EventEnvelope};
use millrace_ports::{ErrorKind, EventBus, PortError};
use millrace_test_support::{SeededIds, Story};
use serde_json::{Value, json};

use super::EventBridgeEventBus;
use super::entry::{ENTRY_BYTES_MAX, Entry};
use crate::connection::replay::{Replay, Reply, SentRequest};

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
    // One byte more, and the second does not fit beside the first; the third still does.
    events[0].trace.causation_id.as_mut().unwrap().push('x');
    let replay = Replay::of([answer(&[None; 2]), answer(&[None])]);
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

/// The relay stops at it and repeats what is behind: sending that now would only send it twice.
#[tokio::test]
async fn a_bad_event_keeps_back_those_behind_it_and_not_those_before() {
    let (invalid, behind) = (Some(ErrorKind::Invalid), Some(ErrorKind::Unavailable));
    let mut codes = [None; 10];
    codes[3] = Some("MalformedDetail");
    let replay = Replay::of([answer(&codes)]);
    let mut expected = [None; 12];
    (expected[3], expected[10], expected[11]) = (invalid, behind, behind);
    assert_eq!(kinds(bus(&replay).publish(&events(12)).await), expected);
    replay.assert_used_up();
    let mut events = events(13);
    events[11].trace.causation_id = Some("x".repeat(ENTRY_BYTES_MAX));
    let replay = Replay::of([answer(&[None; 10]), answer(&[None])]);
    let mut expected = [None; 13];
    (expected[11], expected[12]) = (invalid, behind);
    assert_eq!(kinds(bus(&replay).publish(&events).await), expected);
    assert_eq!(calls(&replay).iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
}

/// The histories of so many documents, one after the other, of four events each.
fn histories(documents: usize) -> Vec<EventEnvelope> {
    let ids = SeededIds::new(1);
    let history = |_| {
        let mut story = Story::of(&ids, "acme");
        [story.upload(&ids), story.extract(&ids), story.fail(&ids), story.delete(&ids)]
    };
    (0..documents).flat_map(history).flat_map(|append| append.events).collect()
}

/// The document and sequence of each entry, call by call.
fn calls(replay: &Replay) -> Vec<Vec<(DocumentId, u64)>> {
    let event = |entry: &Value| {
        let event: EventEnvelope = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        (event.document_id, event.sequence.get())
    };
    let entries =
        |request: SentRequest| request.json()["Entries"].as_array().unwrap().iter().map(event).collect();
    replay.sent().into_iter().map(entries).collect()
}

#[tokio::test]
async fn no_call_has_two_events_of_a_document_and_others_fill_it_up() {
    let events = histories(10);
    let replay = Replay::of((0..4).map(|_| answer(&[None; 10])));
    assert_eq!(kinds(bus(&replay).publish(&events).await), [None; 40]);
    replay.assert_used_up();
    for (call, sent) in (1..).zip(calls(&replay)) {
        let documents: BTreeSet<DocumentId> = sent.iter().map(|(document, _)| *document).collect();
        assert_eq!(documents.len(), 10);
        assert!(sent.iter().all(|(_, sequence)| *sequence == call), "{sent:?}");
    }
}

/// EventBridge may refuse an entry and take the one behind it.
#[tokio::test]
async fn behind_a_throttled_event_nothing_of_its_document_goes_out() {
    let throttled = Some(ErrorKind::Throttled);
    let events = histories(2);
    let codes = [Some("ThrottlingException"), None];
    let replay = Replay::of([answer(&[None; 2]), answer(&codes)]);
    let answers = kinds(bus(&replay).publish(&events).await);
    let one = [None, throttled, throttled, throttled];
    let other = [None, None, throttled, throttled];
    assert_eq!(answers, [one, other].concat());
    replay.assert_used_up();
    let (one, other) = (events[0].document_id, events[4].document_id);
    assert_eq!(calls(&replay), [[(one, 1), (other, 1)], [(one, 2), (other, 2)]]);
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
