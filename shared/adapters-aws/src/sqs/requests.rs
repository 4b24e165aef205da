//! What the queues say on the wire, and what they make of SQS's answers, pinned without a server.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use millrace_domain::{QueueName, Timestamp};
use millrace_ports::{
    DeadLetterCode, DeadLetters, ErrorKind, JobConsumer, JobQueue, MESSAGE_BYTES_MAX, OutgoingMessage,
    PortError, QueueDepth, Receipt, ReceivedMessage, Redrive, TRACEPARENT,
};
use serde_json::{Value, json};

use super::{SqsDeadLetters, SqsJobQueue, SqsQueueUrls, SqsQueues};
use crate::connection::replay::{Replay, Reply, SentRequest};

const QUEUE: QueueName = QueueName::Embed;
const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/embed";
const DEAD_URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/embed-dead";

fn urls() -> SqsQueues {
    let urls = SqsQueueUrls { queue: URL.into(), dead_letters: DEAD_URL.into() };
    SqsQueues(BTreeMap::from([(QUEUE, urls)]))
}

fn queue(replay: &Replay) -> SqsJobQueue {
    SqsJobQueue::new(replay.connection().sqs(), urls())
}

fn dead_letters(replay: &Replay) -> SqsDeadLetters {
    SqsDeadLetters::new(replay.connection().sqs(), urls())
}

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
}

fn json(value: Value) -> Reply {
    Reply::ok(value.to_string())
}

fn error(code: &str, text: &str) -> Reply {
    Reply::of(400, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": text }).to_string())
}

/// Answers a batch whose entries have these ids, each with a code if it failed.
fn batch(entries: &[(&str, Option<&str>)]) -> Reply {
    let mut successful = Vec::new();
    let mut failed = Vec::new();
    for (id, code) in entries {
        match code {
            None => successful.push(json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "x" })),
            Some(code) => {
                failed.push(json!({ "Id": id, "Code": code, "SenderFault": *code != "InternalError" }))
            }
        }
    }
    json(json!({ "Successful": successful, "Failed": failed }))
}

fn all_sent(places: std::ops::Range<usize>) -> Reply {
    let ids: Vec<String> = places.map(|place| place.to_string()).collect();
    batch(&ids.iter().map(|id| (id.as_str(), None)).collect::<Vec<_>>())
}

fn delivered(id: &str, sent_ms: i64) -> Value {
    json!({
        "MessageId": id,
        "ReceiptHandle": format!("receipt-{id}"),
        "Body": format!("body-{id}"),
        "Attributes": {
            "SentTimestamp": sent_ms.to_string(), "ApproximateReceiveCount": "3", "MessageGroupId": "acme",
        },
        "MessageAttributes": { "dead-letter-code": { "DataType": "String", "StringValue": "unavailable" } },
    })
}

fn kinds(answers: Vec<Result<(), PortError>>) -> Vec<Option<ErrorKind>> {
    answers.into_iter().map(|answer| answer.err().map(|error| error.kind)).collect()
}

fn action(sent: &SentRequest) -> &str {
    sent.header("x-amz-target").unwrap().strip_prefix("AmazonSQS.").unwrap()
}

fn actions(replay: &Replay) -> Vec<String> {
    replay.sent().iter().map(|sent| action(sent).to_owned()).collect()
}

#[tokio::test]
async fn a_message_is_sent_with_group_delay_and_attributes() {
    let replay = Replay::of([batch(&[("0", None)])]);
    let sent = OutgoingMessage {
        group: Some("acme".into()),
        delay_ms: 1_500,
        attributes: BTreeMap::from([(TRACEPARENT.into(), "00-ab-cd-01".into())]),
        ..message("{}")
    };
    assert_eq!(kinds(queue(&replay).send(QUEUE, vec![sent]).await), [None]);
    let sent = replay.sent().remove(0);
    assert_eq!(action(&sent), "SendMessageBatch");
    assert_eq!(
        sent.json(),
        json!({ "QueueUrl": URL, "Entries": [{
            "Id": "0",
            "MessageBody": "{}",
            "DelaySeconds": 2,
            "MessageGroupId": "acme",
            "MessageAttributes": { "traceparent": { "DataType": "String", "StringValue": "00-ab-cd-01" } },
        }] })
    );
}

#[tokio::test]
async fn each_message_gets_its_own_answer() {
    let replay = Replay::of([batch(&[
        ("4", None),
        ("3", Some("RequestThrottled")),
        ("0", None),
        ("2", Some("InternalError")),
        ("1", Some("InvalidMessageContents")),
    ])]);
    let messages = (0..6).map(|n| message(&n.to_string())).collect();
    let unavailable = Some(ErrorKind::Unavailable);
    // The last has no answer at all.
    assert_eq!(
        kinds(queue(&replay).send(QUEUE, messages).await),
        [None, Some(ErrorKind::Invalid), unavailable, Some(ErrorKind::Throttled), None, unavailable]
    );
}

#[tokio::test]
async fn calls_are_filled_up_to_ten_messages_and_one_mebibyte() {
    let replay = Replay::of([all_sent(0..10), all_sent(10..12)]);
    let messages = (0..12).map(|n| message(&n.to_string())).collect();
    assert_eq!(kinds(queue(&replay).send(QUEUE, messages).await), [None; 12]);
    replay.assert_used_up();

    let half = "x".repeat(MESSAGE_BYTES_MAX / 2);
    let replay = Replay::of([all_sent(0..2), all_sent(2..4)]);
    let messages = vec![message(&half), message(&half), message("y"), message(&half)];
    assert_eq!(kinds(queue(&replay).send(QUEUE, messages).await), [None; 4]);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_call_that_fails_fails_all_of_its_messages() {
    let thrice = |reply: fn() -> Reply| vec![reply(), reply(), reply()];
    let throttled = || error("RequestThrottled", "slow down").with_header("x-amz-retry-after", "300");
    for (failed, kind) in [
        (thrice(throttled), ErrorKind::Throttled),
        (thrice(|| Reply::of(500, "")), ErrorKind::Unavailable),
        (thrice(|| Reply::Reset), ErrorKind::Unavailable),
        (vec![error("QueueDoesNotExist", "no")], ErrorKind::Unavailable),
    ] {
        let replay = Replay::of(failed);
        let answers = queue(&replay).send(QUEUE, vec![message("a"), message("b")]).await;
        assert_eq!(answers[1].as_ref().unwrap_err().kind, kind);
        let error = answers[0].as_ref().unwrap_err();
        assert_eq!(error.kind, kind);
        let retry_after_ms = (kind == ErrorKind::Throttled).then_some(300);
        assert_eq!(error.retry_after_ms, retry_after_ms);
        replay.assert_used_up();
    }
}

#[tokio::test]
async fn a_call_that_fails_does_not_touch_the_next() {
    let full = message(&"x".repeat(MESSAGE_BYTES_MAX));
    let replay = Replay::of([error("QueueDoesNotExist", "no"), all_sent(1..3)]);
    let answers = queue(&replay).send(QUEUE, vec![full, message("a"), message("b")]).await;
    assert_eq!(kinds(answers), [Some(ErrorKind::Unavailable), None, None]);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_queue_without_an_address_is_invalid() {
    let replay = Replay::of([]);
    let answers = queue(&replay).send(QueueName::Ingest, vec![message("a"), message("b")]).await;
    assert_eq!(kinds(answers), [Some(ErrorKind::Invalid); 2]);
    let depth = queue(&replay).depth(QueueName::Ingest).await;
    assert_eq!(depth.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn hiding_rounds_up_and_says_what_is_stale() {
    let receipt = Receipt("r".into());
    let replay = Replay::of([
        json(json!({})),
        error("ReceiptHandleIsInvalid", "no"),
        error("InvalidParameterValue", "The receipt handle has expired"),
        error("MessageNotInflight", "no"),
        error("QueueDoesNotExist", "no"),
    ]);
    let queue = queue(&replay);
    queue.change_visibility(QUEUE, &receipt, 30_001).await.unwrap();
    let body = replay.sent()[0].json();
    assert_eq!(body, json!({ "QueueUrl": URL, "ReceiptHandle": "r", "VisibilityTimeout": 31 }));
    for _ in 0..3 {
        let stale = queue.change_visibility(QUEUE, &receipt, 0).await;
        assert_eq!(stale.unwrap_err().kind, ErrorKind::NotFound);
    }
    let missing = queue.change_visibility(QUEUE, &receipt, 0).await;
    assert_eq!(missing.unwrap_err().kind, ErrorKind::Unavailable);
}

fn in_flight() -> ReceivedMessage {
    ReceivedMessage {
        message_id: "m".into(),
        receipt: Receipt("r".into()),
        body: "bad".into(),
        group: Some("acme".into()),
        attributes: BTreeMap::from([("dead-letter-code".into(), "unavailable".into())]),
        receive_count: 1,
        sent_at: Timestamp::from_millis(1),
    }
}

#[tokio::test]
async fn a_message_is_on_the_dead_letter_queue_before_it_is_gone() {
    let replay = Replay::of([json(json!({})), batch(&[("0", None)]), batch(&[("0", None)])]);
    let code = DeadLetterCode::Malformed;
    queue(&replay).dead_letter(QUEUE, &in_flight(), code, "no job").await.unwrap();
    assert_eq!(actions(&replay), ["ChangeMessageVisibility", "SendMessageBatch", "DeleteMessageBatch"]);
    let sent = replay.sent();
    let (letter, gone) = (sent[1].json(), sent[2].json());
    assert_eq!((&letter["QueueUrl"], &gone["QueueUrl"]), (&json!(DEAD_URL), &json!(URL)));
    let entry = &letter["Entries"][0];
    assert_eq!((&entry["MessageBody"], &entry["MessageGroupId"]), (&json!("bad"), &json!("acme")));
    assert_eq!(entry["MessageAttributes"]["dead-letter-code"]["StringValue"], "malformed");
    assert_eq!(entry["MessageAttributes"]["dead-letter-reason"]["StringValue"], "no job");
    assert_eq!(gone["Entries"][0]["ReceiptHandle"], "r");
}

#[tokio::test]
async fn a_message_that_cannot_be_buried_stays_where_it_is() {
    let replay = Replay::of([json(json!({})), batch(&[("0", Some("InternalError"))])]);
    let buried = queue(&replay).dead_letter(QUEUE, &in_flight(), DeadLetterCode::Malformed, "no job").await;
    assert_eq!(buried.unwrap_err().kind, ErrorKind::Unavailable);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_receive_waits_at_most_as_long_as_sqs_does() {
    let replay = Replay::of([json(json!({ "Messages": [delivered("a", 5)] })), json(json!({}))]);
    let received = queue(&replay).receive(QUEUE, 50, 600_000).await.unwrap().remove(0);
    assert_eq!((received.message_id.as_str(), received.body.as_str()), ("a", "body-a"));
    assert_eq!((received.receive_count, received.sent_at), (3, Timestamp::from_millis(5)));
    assert_eq!(received.group.as_deref(), Some("acme"));
    assert_eq!(queue(&replay).receive(QUEUE, 0, 0).await.unwrap(), []);
    let sent: Vec<Value> = replay.sent().iter().map(SentRequest::json).collect();
    assert_eq!((&sent[0]["MaxNumberOfMessages"], &sent[0]["WaitTimeSeconds"]), (&json!(10), &json!(20)));
    assert_eq!((&sent[1]["MaxNumberOfMessages"], &sent[1]["WaitTimeSeconds"]), (&json!(1), &json!(0)));
    assert_eq!(sent[0]["MessageAttributeNames"], json!(["All"]));
    assert_eq!(sent[0]["MessageSystemAttributeNames"], json!(["All"]));
}

#[tokio::test]
async fn deleting_goes_on_after_a_failure_and_skips_stale_receipts() {
    let receipts: Vec<Receipt> = (0..12).map(|n| Receipt(n.to_string())).collect();
    let replay =
        Replay::of([batch(&[("0", Some("InternalError"))]), batch(&[("0", Some("ReceiptHandleIsInvalid"))])]);
    let deleted = queue(&replay).delete(QUEUE, &receipts).await;
    assert_eq!(deleted.unwrap_err().kind, ErrorKind::Unavailable);
    let sent: Vec<usize> =
        replay.sent().iter().map(|sent| sent.json()["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sent, [10, 2]);
    let replay = Replay::of([batch(&[("0", Some("ReceiptHandleIsInvalid"))])]);
    queue(&replay).delete(QUEUE, &receipts[..1]).await.unwrap();
}

#[tokio::test]
async fn depth_adds_what_somebody_looks_at_to_the_dead() {
    let counts = |visible: &str, in_flight: &str| {
        json(json!({ "Attributes": {
            "ApproximateNumberOfMessages": visible,
            "ApproximateNumberOfMessagesNotVisible": in_flight,
            "ApproximateNumberOfMessagesDelayed": "3",
        } }))
    };
    let replay = Replay::of([counts("5", "2"), counts("7", "1")]);
    let depth = queue(&replay).depth(QUEUE).await.unwrap();
    assert_eq!(depth, QueueDepth { visible: 5, in_flight: 2, delayed: 3, dead: 8 });
}

fn arn(name: &str) -> Reply {
    json(json!({ "Attributes": { "QueueArn": format!("arn:aws:sqs:eu-central-1:123456789012:{name}") } }))
}

fn count(number: u32) -> Reply {
    json(json!({ "Attributes": { "ApproximateNumberOfMessages": number.to_string() } }))
}

#[tokio::test]
async fn all_letters_are_moved_by_a_task_of_sqs_to_their_queue() {
    let started = json(json!({ "TaskHandle": "t" }));
    let replay = Replay::of([count(42), arn("embed-dead"), arn("embed"), started]);
    let moved = dead_letters(&replay).redrive_all(QUEUE, NonZeroU32::new(900)).await.unwrap();
    assert_eq!(moved, 42);
    let sent = replay.sent().remove(3);
    assert_eq!(action(&sent), "StartMessageMoveTask");
    assert_eq!(
        sent.json(),
        json!({
            "SourceArn": "arn:aws:sqs:eu-central-1:123456789012:embed-dead",
            "DestinationArn": "arn:aws:sqs:eu-central-1:123456789012:embed",
            "MaxNumberOfMessagesPerSecond": 500,
        })
    );
}

#[tokio::test]
async fn a_second_task_at_a_time_is_a_conflict() {
    for (code, text, kind) in [
        (
            "UnsupportedOperation",
            "There is already a task running. Only one is allowed.",
            ErrorKind::Conflict,
        ),
        ("ResourceNotFoundException", "no such queue", ErrorKind::Unavailable),
        ("UnsupportedOperation", "not here", ErrorKind::Invalid),
    ] {
        let replay = Replay::of([count(1), arn("embed-dead"), arn("embed"), error(code, text)]);
        let moved = dead_letters(&replay).redrive_all(QUEUE, None).await;
        assert_eq!(moved.unwrap_err().kind, kind, "{text}");
    }
}

/// The replies to one look: the receives of a round, of which the first gets the messages.
fn look(messages: &[Value]) -> Vec<Reply> {
    let mut round = vec![json(json!({ "Messages": messages }))];
    round.extend((1..8).map(|_| json(json!({}))));
    round
}

#[tokio::test]
async fn a_look_puts_back_what_it_saw() {
    let mut replies = look(&[delivered("b", 7), delivered("a", 5)]);
    replies.push(batch(&[("0", None), ("1", None)]));
    let replay = Replay::of(replies);
    let page = dead_letters(&replay).list(QUEUE, None, 1).await.unwrap();
    assert_eq!((page.letters[0].message_id.as_str(), page.next.as_deref()), ("a", Some("5.a")));
    assert_eq!((page.letters[0].code(), page.letters[0].receive_count), ("unavailable", 0));
    replay.assert_used_up();
    let sent = replay.sent();
    assert_eq!(sent[0].json()["VisibilityTimeout"], 60);
    let back = sent.last().unwrap();
    assert_eq!(action(back), "ChangeMessageVisibilityBatch");
    assert_eq!(
        back.json()["Entries"],
        json!([
            { "Id": "0", "ReceiptHandle": "receipt-a", "VisibilityTimeout": 0 },
            { "Id": "1", "ReceiptHandle": "receipt-b", "VisibilityTimeout": 0 },
        ])
    );
}

#[tokio::test]
async fn a_look_that_fails_puts_back_what_it_saw() {
    let mut replies = look(&[delivered("a", 5)]);
    replies[7] = error("AccessDeniedException", "no");
    replies.push(batch(&[("0", None)]));
    let replay = Replay::of(replies);
    let failed = dead_letters(&replay).list(QUEUE, None, 1).await;
    assert_eq!(failed.unwrap_err().kind, ErrorKind::Unavailable);
    replay.assert_used_up();
}

#[tokio::test]
async fn a_named_letter_is_on_its_queue_before_it_is_gone_and_others_are_put_back() {
    let mut replies = look(&[delivered("a", 5), delivered("b", 7)]);
    replies.extend([batch(&[("0", None)]), batch(&[("0", None)]), batch(&[("0", None)])]);
    let replay = Replay::of(replies);
    let redrive = Redrive { message_id: "b".into(), delay_ms: 2_000 };
    assert_eq!(dead_letters(&replay).redrive(QUEUE, &[redrive]).await.unwrap(), ["b"]);
    replay.assert_used_up();
    assert_eq!(
        actions(&replay)[8..],
        ["ChangeMessageVisibilityBatch", "SendMessageBatch", "DeleteMessageBatch"]
    );
    let sent: Vec<Value> = replay.sent()[8..].iter().map(SentRequest::json).collect();
    assert_eq!(sent[0]["Entries"][0]["ReceiptHandle"], "receipt-a");
    let entry = &sent[1]["Entries"][0];
    assert_eq!((&sent[1]["QueueUrl"], &entry["DelaySeconds"]), (&json!(URL), &json!(2)));
    assert_eq!(entry["MessageAttributes"]["dead-letter-code"]["StringValue"], "unavailable");
    assert_eq!(
        (&sent[2]["QueueUrl"], &sent[2]["Entries"][0]["ReceiptHandle"]),
        (&json!(DEAD_URL), &json!("receipt-b"))
    );
}

/// SQS itself says nothing on what it gives up.
#[tokio::test]
async fn a_letter_that_sqs_gave_up_says_so_when_it_goes_back() {
    let worn = |attributes: Value| {
        let mut message = delivered("a", 5);
        message["MessageAttributes"] = attributes;
        message
    };
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let ten: serde_json::Map<String, Value> = (0..10).map(|n| (format!("n{n}"), text("v"))).collect();
    let reason = text("received as often as the queue permits without being deleted");
    for (attributes, sent) in [
        (
            json!({ "traceparent": text("00-ab-cd-01") }),
            json!({
                "traceparent": text("00-ab-cd-01"),
                "dead-letter-code": text("received_too_often"),
                "dead-letter-reason": reason,
            }),
        ),
        (Value::Object(ten.clone()), Value::Object(ten)),
    ] {
        let mut replies = look(&[worn(attributes)]);
        replies.extend([batch(&[("0", None)]), batch(&[("0", None)])]);
        let replay = Replay::of(replies);
        let redrive = Redrive { message_id: "a".into(), delay_ms: 0 };
        assert_eq!(dead_letters(&replay).redrive(QUEUE, &[redrive]).await.unwrap(), ["a"]);
        assert_eq!(replay.sent()[8].json()["Entries"][0]["MessageAttributes"], sent);
    }
}

#[tokio::test]
async fn a_letter_that_cannot_be_sent_stays_a_letter() {
    let mut replies = look(&[delivered("a", 5), delivered("b", 7)]);
    let answers = batch(&[("0", Some("InternalError")), ("1", None)]);
    replies.extend([answers, batch(&[("0", None)]), batch(&[("0", None)])]);
    let replay = Replay::of(replies);
    let redrives = ["a", "b"].map(|id| Redrive { message_id: id.into(), delay_ms: 0 });
    let moved = dead_letters(&replay).redrive(QUEUE, &redrives).await;
    assert_eq!(moved.unwrap_err().kind, ErrorKind::Unavailable);
    let sent: Vec<SentRequest> = replay.sent().split_off(9);
    assert_eq!((action(&sent[0]), action(&sent[1])), ("ChangeMessageVisibilityBatch", "DeleteMessageBatch"));
    assert_eq!(sent[0].json()["Entries"][0]["ReceiptHandle"], "receipt-a");
    let deleted = sent[1].json()["Entries"].clone();
    assert_eq!((deleted.as_array().unwrap().len(), &deleted[0]["ReceiptHandle"]), (1, &json!("receipt-b")));
}
