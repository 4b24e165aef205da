//! What every queue must do: one case for each promise of the two ports. Run it with `job_queue_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{join, join_all};
use millrace_domain::QueueName;
use millrace_ports::{
    Clock, DELAY_MS_MAX, DeadLetterCode, DeadLetters, ErrorKind, JobConsumer, JobQueue,
    MESSAGE_ATTRIBUTES_MAX, MESSAGE_BYTES_MAX, OutgoingMessage, QueueDepth, QueuePolicy, Receipt,
    ReceivedMessage, VISIBILITY_MS_MAX,
};

use crate::SimClock;

/// The policy that every queue of a fixture must have.
pub const SUITE_QUEUE_POLICY: QueuePolicy = QueuePolicy { visibility_timeout_ms: 30_000, receives_max: 3 };

/// Longer than any case takes, so that a wait that ends only by its time is seen as a hanging test.
const LONG_WAIT_MS: u64 = 600_000;
/// The queue of most cases.
const QUEUE: QueueName = QueueName::Ingest;

/// What the suite needs of an implementation: new, empty queues under `SUITE_QUEUE_POLICY` and their clock.
pub struct JobQueueFixture {
    /// To send and steer.
    pub queue: Arc<dyn JobQueue>,
    /// To receive; the same queues.
    pub consumer: Arc<dyn JobConsumer>,
    /// What was given up on them; for `dead_letter_suite`.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Their clock.
    pub clock: Arc<SimClock>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for JobQueueFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobQueueFixture").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! job_queue_suite {
    ($fixture:path) => {
        $crate::remote_job_queue_suite!($fixture);
        $crate::suite_cases!(
            job_queue_suite,
            $fixture,
            [
                a_message_arrives_as_it_was_sent,
                a_received_message_is_hidden_and_comes_again,
                a_message_received_too_often_is_dead,
                a_delayed_message_stays_hidden,
                a_message_given_back_comes_at_its_time,
                a_receipt_is_good_until_the_next_delivery,
                a_stale_receipt_steers_nothing,
                a_delay_beyond_the_bound_is_invalid,
                a_busy_group_delays_only_itself,
                a_group_that_holds_workers_waits,
                a_message_put_back_does_not_cost_its_group_the_turn,
                a_batch_is_shared_among_groups,
                depth_counts_by_state,
            ]
        );
    };
}

/// The same for queues whose time nobody can move: without the cases that let time pass or measure shares. Those need
/// tests beside the adapter.
#[macro_export]
macro_rules! remote_job_queue_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            job_queue_suite,
            $fixture,
            [
                a_deleted_message_never_comes_again,
                a_message_held_on_to_stays_hidden,
                a_message_can_be_buried,
                queues_are_apart,
                a_bad_entry_fails_alone,
                no_more_are_received_than_asked,
                waiting_ends_when_a_message_arrives,
                waiting_ends_when_a_message_becomes_visible,
                waiting_ends_with_its_time,
                many_senders_and_receivers_lose_and_repeat_nothing,
            ]
        );
    };
}

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
}

fn grouped(body: &str, group: &str) -> OutgoingMessage {
    OutgoingMessage { group: Some(group.into()), ..message(body) }
}

fn delayed(body: &str, delay_ms: u64) -> OutgoingMessage {
    OutgoingMessage { delay_ms, ..message(body) }
}

async fn send(fixture: &JobQueueFixture, messages: Vec<OutgoingMessage>) {
    let count = messages.len();
    let sent = fixture.queue.send(QUEUE, messages).await;
    assert_eq!(sent.len(), count);
    sent.into_iter().for_each(|entry| entry.unwrap());
}

async fn receive(fixture: &JobQueueFixture, most: usize) -> Vec<ReceivedMessage> {
    fixture.consumer.receive(QUEUE, most, 0).await.unwrap()
}

async fn receive_one(fixture: &JobQueueFixture) -> ReceivedMessage {
    let mut received = receive(fixture, 1).await;
    assert_eq!(received.len(), 1, "a message is ready");
    received.remove(0)
}

async fn delete(fixture: &JobQueueFixture, message: &ReceivedMessage) {
    fixture.consumer.delete(QUEUE, std::slice::from_ref(&message.receipt)).await.unwrap();
}

async fn depth(fixture: &JobQueueFixture) -> QueueDepth {
    fixture.consumer.depth(QUEUE).await.unwrap()
}

fn bodies(messages: &[ReceivedMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

/// Body, group and attributes as sent; first delivery; the time of sending.
pub async fn a_message_arrives_as_it_was_sent(fixture: &JobQueueFixture) {
    let attributes = BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())]);
    let sent = OutgoingMessage { attributes: attributes.clone(), ..grouped("{\"ä\": \"\\u0000\"}", "acme") };
    send(fixture, vec![sent.clone()]).await;
    let sent_at = fixture.clock.now();
    fixture.clock.advance_ms(5);
    let received = receive_one(fixture).await;
    assert_eq!((received.body, received.group), (sent.body, sent.group));
    assert_eq!((received.attributes, received.receive_count, received.sent_at), (attributes, 1, sent_at));
}

/// Hidden for the visibility timeout, then delivered again: same message, next count, other receipt.
pub async fn a_received_message_is_hidden_and_comes_again(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a")]).await;
    let first = receive_one(fixture).await;
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms - 1);
    assert_eq!(receive(fixture, 10).await, []);
    fixture.clock.advance_ms(1);
    let second = receive_one(fixture).await;
    assert_eq!((second.receive_count, &second.message_id), (2, &first.message_id));
    assert_ne!(second.receipt, first.receipt);
    assert_eq!(second.sent_at, first.sent_at);
}

/// Not when its timeout ends, either.
pub async fn a_deleted_message_never_comes_again(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a"), message("b")]).await;
    let received = receive(fixture, 2).await;
    let receipts: Vec<Receipt> = received.into_iter().map(|message| message.receipt).collect();
    fixture.consumer.delete(QUEUE, &receipts).await.unwrap();
    fixture.consumer.delete(QUEUE, &receipts).await.unwrap();
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms * 10);
    assert_eq!(receive(fixture, 10).await, []);
    assert_eq!(depth(fixture).await, QueueDepth::default());
}

/// A worker that dies each time: after the last permitted receive it moves to the dead-letter queue.
pub async fn a_message_received_too_often_is_dead(fixture: &JobQueueFixture) {
    send(fixture, vec![grouped("poison", "acme")]).await;
    for count in 1..=SUITE_QUEUE_POLICY.receives_max {
        assert_eq!(receive_one(fixture).await.receive_count, count);
        assert_eq!(depth(fixture).await.dead, 0);
        fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    }
    assert_eq!(depth(fixture).await, QueueDepth { dead: 1, ..QueueDepth::default() });
    assert_eq!(receive(fixture, 10).await, []);
    assert_eq!(depth(fixture).await, QueueDepth { dead: 1, ..QueueDepth::default() });
}

/// Until its delay is over, and not longer.
pub async fn a_delayed_message_stays_hidden(fixture: &JobQueueFixture) {
    send(fixture, vec![delayed("later", 5_000), message("now")]).await;
    assert_eq!(bodies(&receive(fixture, 10).await), ["now"]);
    fixture.clock.advance_ms(4_999);
    assert_eq!(receive(fixture, 10).await, []);
    fixture.clock.advance_ms(1);
    let later = receive_one(fixture).await;
    assert_eq!((later.body.as_str(), later.receive_count), ("later", 1));
}

/// At once with no delay; otherwise when the delay is over, sooner than the timeout.
pub async fn a_message_given_back_comes_at_its_time(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a")]).await;
    let first = receive_one(fixture).await;
    fixture.queue.change_visibility(QUEUE, &first.receipt, 0).await.unwrap();
    let second = receive_one(fixture).await;
    assert_eq!(second.receive_count, 2);
    fixture.queue.change_visibility(QUEUE, &second.receipt, 1_000).await.unwrap();
    fixture.clock.advance_ms(999);
    assert_eq!(receive(fixture, 10).await, []);
    fixture.clock.advance_ms(1);
    assert_eq!(receive_one(fixture).await.receive_count, 3);
}

/// A worker that needs longer keeps its message from others.
pub async fn a_message_held_on_to_stays_hidden(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a")]).await;
    let held = receive_one(fixture).await;
    for _ in 0..5 {
        fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms - 1);
        assert_eq!(receive(fixture, 10).await, []);
        let timeout_ms = SUITE_QUEUE_POLICY.visibility_timeout_ms;
        fixture.queue.change_visibility(QUEUE, &held.receipt, timeout_ms).await.unwrap();
    }
    delete(fixture, &held).await;
    assert_eq!(depth(fixture).await, QueueDepth::default());
}

/// A late worker whose message nobody took can still finish with it.
pub async fn a_receipt_is_good_until_the_next_delivery(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a"), message("b")]).await;
    let late = receive(fixture, 2).await;
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms * 2);
    // Another receive may make it ready beneath, without delivering it.
    let taken = receive_one(fixture).await;
    let (other, untaken): (Vec<_>, Vec<_>) =
        late.into_iter().partition(|message| message.message_id == taken.message_id);
    delete(fixture, &untaken[0]).await;
    delete(fixture, &other[0]).await;
    assert_eq!(depth(fixture).await, QueueDepth { in_flight: 1, ..QueueDepth::default() });
}

/// It changes nothing and says `NotFound`, whatever made it stale; deleting skips it.
pub async fn a_stale_receipt_steers_nothing(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a")]).await;
    let first = receive_one(fixture).await;
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    let second = receive_one(fixture).await;
    let not_found = async |receipt: &Receipt, message: &ReceivedMessage| {
        let steered = fixture.queue.change_visibility(QUEUE, receipt, 0).await;
        assert_eq!(steered.unwrap_err().kind, ErrorKind::NotFound);
        let buried = fixture.queue.dead_letter(QUEUE, message, DeadLetterCode::Malformed, "stale").await;
        assert_eq!(buried.unwrap_err().kind, ErrorKind::NotFound);
    };
    not_found(&first.receipt, &first).await;
    delete(fixture, &first).await;
    assert_eq!(receive(fixture, 10).await, []);
    delete(fixture, &second).await;
    not_found(&second.receipt, &second).await;
    let nonsense = ReceivedMessage { receipt: Receipt("nonsense".into()), ..second };
    not_found(&nonsense.receipt, &nonsense).await;
    delete(fixture, &nonsense).await;
}

/// Out of the queue at once, and the receipt is no longer good for anything.
pub async fn a_message_can_be_buried(fixture: &JobQueueFixture) {
    send(fixture, vec![message("bad")]).await;
    let received = receive_one(fixture).await;
    fixture.queue.dead_letter(QUEUE, &received, DeadLetterCode::Malformed, "malformed").await.unwrap();
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    assert_eq!(receive(fixture, 10).await, []);
    delete(fixture, &received).await;
    assert_eq!(depth(fixture).await, QueueDepth { dead: 1, ..QueueDepth::default() });
}

/// What one queue holds, no other shows; a receipt is good on its own queue only.
pub async fn queues_are_apart(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a"), message("b")]).await;
    let other = QueueName::Embed;
    assert_eq!(fixture.consumer.receive(other, 10, 0).await.unwrap(), []);
    assert_eq!(fixture.consumer.depth(other).await.unwrap(), QueueDepth::default());
    let received = receive_one(fixture).await;
    let steered = fixture.queue.change_visibility(other, &received.receipt, 0).await;
    assert_eq!(steered.unwrap_err().kind, ErrorKind::NotFound);
    fixture.consumer.delete(other, std::slice::from_ref(&received.receipt)).await.unwrap();
    fixture.queue.dead_letter(QUEUE, &received, DeadLetterCode::Malformed, "test").await.unwrap();
    assert_eq!(fixture.consumer.depth(other).await.unwrap(), QueueDepth::default());
    assert_eq!(depth(fixture).await, QueueDepth { visible: 1, dead: 1, ..QueueDepth::default() });
}

/// One answer for each entry, in order; its neighbours are sent. The bounds are those of SQS on every queue.
pub async fn a_bad_entry_fails_alone(fixture: &JobQueueFixture) {
    let full = "x".repeat(MESSAGE_BYTES_MAX);
    let with = |attributes: BTreeMap<String, String>| OutgoingMessage { attributes, ..message("f") };
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let messages = vec![
        message("a"),
        message(&format!("{full}x")),
        message(&full),
        delayed("d", DELAY_MS_MAX + 1),
        message(""),
        message("a\u{0}b"),
        grouped("f", ""),
        grouped("f", "no spaces"),
        grouped("f", &"g".repeat(129)),
        with([attribute("name", "")].into()),
        with([attribute("no spaces", "value")].into()),
        with((0..=MESSAGE_ATTRIBUTES_MAX).map(|n| attribute(&n.to_string(), "value")).collect()),
        message("e"),
    ];
    let count = messages.len();
    let sent = fixture.queue.send(QUEUE, messages).await;
    let good = |at: usize| [0, 2, count - 1].contains(&at);
    let kinds: Vec<Option<ErrorKind>> = sent.into_iter().map(|entry| entry.err().map(|e| e.kind)).collect();
    let expected: Vec<_> = (0..count).map(|at| (!good(at)).then_some(ErrorKind::Invalid)).collect();
    assert_eq!(kinds, expected);
    let received = receive(fixture, 10).await;
    let lengths: BTreeSet<usize> = received.iter().map(|message| message.body.len()).collect();
    assert_eq!((received.len(), lengths), (3, BTreeSet::from([1, MESSAGE_BYTES_MAX])));
    assert!(fixture.queue.send(QUEUE, vec![]).await.is_empty());
}

/// Twelve hours, as SQS has it; a longer one is a mistake and changes nothing.
pub async fn a_delay_beyond_the_bound_is_invalid(fixture: &JobQueueFixture) {
    send(fixture, vec![message("a")]).await;
    let received = receive_one(fixture).await;
    let refused = fixture.queue.change_visibility(QUEUE, &received.receipt, VISIBILITY_MS_MAX + 1).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
    fixture.queue.change_visibility(QUEUE, &received.receipt, VISIBILITY_MS_MAX).await.unwrap();
    fixture.clock.advance_ms(VISIBILITY_MS_MAX - 1);
    assert_eq!(receive(fixture, 1).await, []);
    fixture.clock.advance_ms(1);
    receive_one(fixture).await;
}

/// With one worker, a tenant with a hundred messages does not keep another with three waiting behind them.
pub async fn a_busy_group_delays_only_itself(fixture: &JobQueueFixture) {
    send(fixture, (0..100).map(|_| grouped("busy", "busy")).collect()).await;
    let first = receive_one(fixture).await;
    delete(fixture, &first).await;
    send(fixture, (0..3).map(|_| grouped("small", "small")).collect()).await;
    let mut served = Vec::new();
    for _ in 0..8 {
        let received = receive_one(fixture).await;
        delete(fixture, &received).await;
        served.push(received.body);
    }
    let small = served.iter().take(7).filter(|body| *body == "small").count();
    assert_eq!(small, 3, "served in the order {served:?}");
}

/// With many workers, a tenant that holds most of them waits while another has work.
pub async fn a_group_that_holds_workers_waits(fixture: &JobQueueFixture) {
    send(fixture, (0..20).map(|_| grouped("busy", "busy")).collect()).await;
    assert_eq!(receive(fixture, 5).await.len(), 5);
    send(fixture, (0..5).map(|_| grouped("late", "late")).collect()).await;
    for _ in 0..5 {
        assert_eq!(receive_one(fixture).await.body, "late");
    }
    assert_eq!(receive_one(fixture).await.body, "busy");
}

/// A tenant whose messages wait for another attempt, in ten minutes, holds no worker by that.
pub async fn a_message_put_back_does_not_cost_its_group_the_turn(fixture: &JobQueueFixture) {
    send(fixture, (0..5).map(|_| grouped("retried", "retried")).collect()).await;
    for message in receive(fixture, 5).await {
        fixture.queue.change_visibility(QUEUE, &message.receipt, 600_000).await.unwrap();
    }
    send(fixture, (0..20).map(|_| grouped("other", "other")).collect()).await;
    send(fixture, vec![grouped("fresh", "retried")]).await;
    let received: Vec<ReceivedMessage> = receive(fixture, 3).await;
    assert!(bodies(&received).contains(&"fresh"), "received {:?}", bodies(&received));
}

/// Each group has its share of one receive, too.
pub async fn a_batch_is_shared_among_groups(fixture: &JobQueueFixture) {
    for group in ["a", "b", "c"] {
        send(fixture, (0..10).map(|_| grouped(group, group)).collect()).await;
    }
    let received = receive(fixture, 9).await;
    for group in ["a", "b", "c"] {
        let share = received.iter().filter(|message| message.body == group).count();
        assert_eq!(share, 3, "received {:?}", bodies(&received));
    }
}

/// And asking for none asks for one.
pub async fn no_more_are_received_than_asked(fixture: &JobQueueFixture) {
    send(fixture, (0..10).map(|n| message(&n.to_string())).collect()).await;
    assert_eq!(receive(fixture, 3).await.len(), 3);
    assert_eq!(receive(fixture, 0).await.len(), 1);
    assert_eq!(receive(fixture, 10).await.len(), 6);
}

/// Long before its time is up.
pub async fn waiting_ends_when_a_message_arrives(fixture: &JobQueueFixture) {
    for round in 0..10 {
        let body = round.to_string();
        let waiting = fixture.consumer.receive(QUEUE, 1, LONG_WAIT_MS);
        let (received, ()) = join(waiting, send(fixture, vec![message(&body)])).await;
        assert_eq!(bodies(&received.unwrap()), [body.as_str()]);
    }
}

/// One that was given back wakes who waits, and so does the time of a delayed one.
pub async fn waiting_ends_when_a_message_becomes_visible(fixture: &JobQueueFixture) {
    send(fixture, vec![message("given back")]).await;
    let held = receive_one(fixture).await;
    let waiting = fixture.consumer.receive(QUEUE, 1, LONG_WAIT_MS);
    let give_back = fixture.queue.change_visibility(QUEUE, &held.receipt, 0);
    let (received, given_back) = join(waiting, give_back).await;
    given_back.unwrap();
    assert_eq!(bodies(&received.unwrap()), ["given back"]);
    send(fixture, vec![delayed("delayed", 20)]).await;
    let waiting = fixture.consumer.receive(QUEUE, 1, LONG_WAIT_MS);
    let (received, ()) = join(waiting, async { fixture.clock.advance_ms(20) }).await;
    assert_eq!(bodies(&received.unwrap()), ["delayed"]);
}

/// With nothing.
pub async fn waiting_ends_with_its_time(fixture: &JobQueueFixture) {
    assert_eq!(fixture.consumer.receive(QUEUE, 1, 5).await.unwrap(), []);
}

/// Every message is counted once, in the state it is in now.
pub async fn depth_counts_by_state(fixture: &JobQueueFixture) {
    send(fixture, (0..6).map(|n| grouped("a", ["x", "y"][n % 2])).collect()).await;
    send(fixture, vec![delayed("b", 1_000), delayed("c", 2_000)]).await;
    let received = receive(fixture, 3).await;
    delete(fixture, &received[0]).await;
    fixture.queue.dead_letter(QUEUE, &received[1], DeadLetterCode::Malformed, "test").await.unwrap();
    assert_eq!(depth(fixture).await, QueueDepth { visible: 3, in_flight: 1, delayed: 2, dead: 1 });
    fixture.clock.advance_ms(1_000);
    assert_eq!(depth(fixture).await, QueueDepth { visible: 4, in_flight: 1, delayed: 1, dead: 1 });
    fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    assert_eq!(depth(fixture).await, QueueDepth { visible: 6, in_flight: 0, delayed: 0, dead: 1 });
    assert_eq!(receive(fixture, 10).await.len(), 6);
    assert_eq!(depth(fixture).await, QueueDepth { visible: 0, in_flight: 6, delayed: 0, dead: 1 });
}

/// Eight of each at once: every message arrives, once, because nothing times out.
pub async fn many_senders_and_receivers_lose_and_repeat_nothing(fixture: &JobQueueFixture) {
    const EACH: usize = 50;
    let senders = (0..8).map(|sender| async move {
        for batch in 0..5 {
            let group = format!("group-{}", sender % 3);
            let body = |n: usize| format!("{sender}-{}", batch * EACH / 5 + n);
            send(fixture, (0..EACH / 5).map(|n| grouped(&body(n), &group)).collect()).await;
        }
    });
    let receivers = (0..8).map(|_| async {
        let mut received = Vec::new();
        while received.len() < EACH {
            let most = (EACH - received.len()).min(10);
            let messages = fixture.consumer.receive(QUEUE, most, LONG_WAIT_MS).await.unwrap();
            let receipts: Vec<Receipt> = messages.iter().map(|message| message.receipt.clone()).collect();
            fixture.consumer.delete(QUEUE, &receipts).await.unwrap();
            received.extend(messages.into_iter().map(|message| message.body));
        }
        received
    });
    let (_, received) = join(join_all(senders), join_all(receivers)).await;
    let received = received.concat();
    let distinct: BTreeSet<&String> = received.iter().collect();
    assert_eq!((received.len(), distinct.len()), (8 * EACH, 8 * EACH));
    assert_eq!(depth(fixture).await, QueueDepth::default());
}
