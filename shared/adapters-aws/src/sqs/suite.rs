//! The queues and their dead letters against the emulator: the ports' suites, and what those leave to queues with a clock
//! of their own.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use millrace_domain::QueueName;
use millrace_emulator::unique;
use millrace_ports::{
    DEAD_LETTER_CODE, DEAD_LETTER_REASON, DeadLetterCode, ErrorKind, OutgoingMessage, QueueDepth,
    ReceivedMessage, Redrive, VISIBILITY_MS_MAX,
};
use millrace_test_support::SimClock;
use millrace_test_support::job_queue_suite::{JobQueueFixture, SUITE_QUEUE_POLICY};

use super::{SqsDeadLetters, SqsJobQueue, SqsQueueUrls, SqsQueues};
use crate::connection::emulated;

millrace_test_support::remote_job_queue_suite!(fixture);
millrace_test_support::remote_dead_letter_suite!(fixture);

const QUEUE: QueueName = QueueName::Ingest;
/// Longest wait of one receive.
const WAIT_MS: u64 = 20_000;

pub(crate) async fn create_queues(client: &Client) -> SqsQueues {
    let mut queues = BTreeMap::new();
    for queue in QueueName::ALL {
        let dead_letters = create(client, &format!("{queue}-dead"), &[]).await;
        let attributes = client.get_queue_attributes().queue_url(&dead_letters);
        let attributes = attributes.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
        let arn = &attributes.attributes().unwrap()[&QueueAttributeName::QueueArn];
        let redrive = serde_json::json!({
            "deadLetterTargetArn": arn, "maxReceiveCount": SUITE_QUEUE_POLICY.receives_max,
        });
        let timeout_s = SUITE_QUEUE_POLICY.visibility_timeout_ms / 1_000;
        let attributes = [
            (QueueAttributeName::VisibilityTimeout, timeout_s.to_string()),
            (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        ];
        let url = create(client, queue.as_str(), &attributes).await;
        queues.insert(queue, SqsQueueUrls { queue: url, dead_letters });
    }
    SqsQueues(queues)
}

async fn create(client: &Client, name: &str, attributes: &[(QueueAttributeName, String)]) -> String {
    let create = client.create_queue().queue_name(unique(name));
    let attributes = attributes.iter().cloned().collect();
    create.set_attributes(Some(attributes)).send().await.unwrap().queue_url.unwrap()
}

async fn fixture() -> JobQueueFixture {
    let client = emulated::connection().sqs();
    let urls = create_queues(&client).await;
    let queue = Arc::new(SqsJobQueue::new(client.clone(), urls.clone()));
    JobQueueFixture {
        queue: queue.clone(),
        consumer: queue,
        dead_letters: Arc::new(SqsDeadLetters::new(client, urls)),
        clock: Arc::new(SimClock::default()),
        keep: Box::new(()),
    }
}

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
}

async fn send(fixture: &JobQueueFixture, messages: Vec<OutgoingMessage>) {
    fixture.queue.send(QUEUE, messages).await.into_iter().for_each(|entry| entry.unwrap());
}

async fn receive_one(fixture: &JobQueueFixture) -> ReceivedMessage {
    fixture.consumer.receive(QUEUE, 1, WAIT_MS).await.unwrap().remove(0)
}

async fn give_back(fixture: &JobQueueFixture, message: &ReceivedMessage) {
    fixture.queue.change_visibility(QUEUE, &message.receipt, 0).await.unwrap();
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_message_arrives_with_group_attributes_and_time() {
    let fixture = fixture().await;
    let attributes = BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())]);
    let body = "{\"ä\": \"\\u0000\"}";
    let sent =
        OutgoingMessage { attributes: attributes.clone(), group: Some("acme".into()), ..message(body) };
    let before = now_ms();
    send(&fixture, vec![sent]).await;
    let received = receive_one(&fixture).await;
    assert_eq!((received.body.as_str(), received.group.as_deref()), (body, Some("acme")));
    assert_eq!((received.attributes, received.receive_count), (attributes, 1));
    assert!((before..=now_ms()).contains(&received.sent_at.as_millis()));
}

#[tokio::test]
async fn a_message_given_back_comes_at_its_time_with_the_next_count() {
    let fixture = fixture().await;
    send(&fixture, vec![message("a")]).await;
    let first = receive_one(&fixture).await;
    fixture.queue.change_visibility(QUEUE, &first.receipt, 1_001).await.unwrap();
    let given_back = Instant::now();
    let second = receive_one(&fixture).await;
    assert!(given_back.elapsed() > Duration::from_millis(1_800), "came after {:?}", given_back.elapsed());
    assert_eq!((second.receive_count, &second.message_id), (2, &first.message_id));
    assert_ne!(second.receipt, first.receipt);
}

#[tokio::test]
async fn a_delayed_message_stays_hidden_for_its_delay() {
    let fixture = fixture().await;
    let sent = Instant::now();
    send(&fixture, vec![OutgoingMessage { delay_ms: 1_001, ..message("later") }, message("now")]).await;
    assert_eq!(receive_one(&fixture).await.body, "now");
    assert_eq!(receive_one(&fixture).await.body, "later");
    assert!(sent.elapsed() > Duration::from_millis(1_800), "came after {:?}", sent.elapsed());
}

#[tokio::test]
async fn a_stale_receipt_is_not_found() {
    let fixture = fixture().await;
    send(&fixture, vec![message("a")]).await;
    let first = receive_one(&fixture).await;
    give_back(&fixture, &first).await;
    let second = receive_one(&fixture).await;
    let not_found = async |stale: &ReceivedMessage| {
        let steered = fixture.queue.change_visibility(QUEUE, &stale.receipt, 0).await;
        assert_eq!(steered.unwrap_err().kind, ErrorKind::NotFound);
        let buried = fixture.queue.dead_letter(QUEUE, stale, DeadLetterCode::Malformed, "stale").await;
        assert_eq!(buried.unwrap_err().kind, ErrorKind::NotFound);
    };
    not_found(&first).await;
    fixture.consumer.delete(QUEUE, std::slice::from_ref(&second.receipt)).await.unwrap();
    not_found(&second).await;
    assert_eq!(fixture.consumer.depth(QUEUE).await.unwrap(), QueueDepth::default());
}

#[tokio::test]
async fn hiding_has_its_bound() {
    let fixture = fixture().await;
    send(&fixture, vec![message("a")]).await;
    let received = receive_one(&fixture).await;
    let refused = fixture.queue.change_visibility(QUEUE, &received.receipt, VISIBILITY_MS_MAX + 1).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
    fixture.queue.change_visibility(QUEUE, &received.receipt, VISIBILITY_MS_MAX).await.unwrap();
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_letter() {
    let fixture = fixture().await;
    send(&fixture, vec![OutgoingMessage { group: Some("acme".into()), ..message("poison") }]).await;
    for count in 1..=SUITE_QUEUE_POLICY.receives_max {
        let received = receive_one(&fixture).await;
        assert_eq!(received.receive_count, count);
        give_back(&fixture, &received).await;
    }
    assert_eq!(fixture.consumer.receive(QUEUE, 1, 0).await.unwrap(), []);
    for _ in 0..2 {
        let letters = fixture.dead_letters.list(QUEUE, None, 10).await.unwrap().letters;
        assert_eq!((letters.len(), letters[0].body.as_str()), (1, "poison"));
        assert_eq!((letters[0].code(), letters[0].group.as_deref()), ("received_too_often", Some("acme")));
    }
    let letter = fixture.dead_letters.list(QUEUE, None, 10).await.unwrap().letters.remove(0);
    assert_eq!(letter.attributes, BTreeMap::new(), "SQS says nothing on it");
    let redrive = Redrive { message_id: letter.message_id, delay_ms: 0 };
    fixture.dead_letters.redrive(QUEUE, &[redrive]).await.unwrap();
    let again = receive_one(&fixture).await;
    assert_eq!((again.is_redriven(), again.receive_count), (true, 1));
}

#[tokio::test]
async fn a_redriven_letter_is_a_new_message_and_tells_that_it_was_dead() {
    let fixture = fixture().await;
    let attributes = BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())]);
    send(&fixture, vec![OutgoingMessage { attributes, group: Some("acme".into()), ..message("a") }]).await;
    let received = receive_one(&fixture).await;
    let code = DeadLetterCode::Unavailable;
    fixture.queue.dead_letter(QUEUE, &received, code, "embedder\u{0} away").await.unwrap();
    let letter = fixture.dead_letters.list(QUEUE, None, 10).await.unwrap().letters.remove(0);
    assert_eq!((letter.code(), letter.reason()), ("unavailable", "embedder\u{fffd} away"));
    let redrive = Redrive { message_id: letter.message_id.clone(), delay_ms: 1_000 };
    let moved = fixture.dead_letters.redrive(QUEUE, &[redrive]).await.unwrap();
    assert_eq!(moved, std::slice::from_ref(&letter.message_id));
    let depth = fixture.consumer.depth(QUEUE).await.unwrap();
    assert_eq!(depth, QueueDepth { delayed: 1, ..QueueDepth::default() });
    let again = receive_one(&fixture).await;
    assert_eq!((again.body.as_str(), again.group.as_deref(), again.receive_count), ("a", Some("acme"), 1));
    assert_ne!(again.message_id, letter.message_id);
    for (name, value) in [
        (DEAD_LETTER_CODE, "unavailable"),
        (DEAD_LETTER_REASON, "embedder\u{fffd} away"),
        ("traceparent", "00-ab-cd-01"),
    ] {
        assert_eq!(again.attributes.get(name).map(String::as_str), Some(value));
    }
}

#[tokio::test]
async fn where_nobody_moves_letters_by_task_they_are_moved_at_the_rate() {
    let fixture = fixture().await;
    send(&fixture, (0..4).map(|n| message(&n.to_string())).collect()).await;
    for _ in 0..4 {
        let received = receive_one(&fixture).await;
        fixture.queue.dead_letter(QUEUE, &received, DeadLetterCode::Invalid, "test").await.unwrap();
    }
    assert_eq!(fixture.dead_letters.redrive_all(QUEUE, NonZeroU32::new(1)).await.unwrap(), 4);
    let depth = fixture.consumer.depth(QUEUE).await.unwrap();
    assert_eq!((depth.visible + depth.delayed, depth.dead), (4, 0));
    assert!(depth.delayed >= 1, "{depth:?}");
    let mut came = Vec::new();
    while came.len() < 4 {
        came.push(receive_one(&fixture).await.body);
    }
    assert_eq!(came, ["0", "1", "2", "3"]);
}

#[tokio::test]
async fn depth_counts_by_state() {
    let fixture = fixture().await;
    send(&fixture, (0..5).map(|n| message(&n.to_string())).collect()).await;
    send(&fixture, vec![OutgoingMessage { delay_ms: 600_000, ..message("later") }]).await;
    let received = receive_one(&fixture).await;
    fixture.queue.dead_letter(QUEUE, &received, DeadLetterCode::Invalid, "test").await.unwrap();
    receive_one(&fixture).await;
    let depth = fixture.consumer.depth(QUEUE).await.unwrap();
    assert_eq!(depth, QueueDepth { visible: 3, in_flight: 1, delayed: 1, dead: 1 });
}

#[tokio::test]
async fn more_messages_than_a_call_takes_all_arrive() {
    let fixture = fixture().await;
    let big = "x".repeat(300_000);
    let bodies: Vec<String> =
        (0..33).map(|n| format!("{n} {}", if n % 5 == 0 { &big } else { "" })).collect();
    send(&fixture, bodies.iter().map(|body| message(body)).collect()).await;
    let mut came = Vec::new();
    while came.len() < bodies.len() {
        let received = fixture.consumer.receive(QUEUE, 10, WAIT_MS).await.unwrap();
        let receipts: Vec<_> = received.iter().map(|message| message.receipt.clone()).collect();
        fixture.consumer.delete(QUEUE, &receipts).await.unwrap();
        came.extend(received.into_iter().map(|message| message.body));
    }
    came.sort();
    let mut expected = bodies;
    expected.sort();
    assert!(came == expected);
}
