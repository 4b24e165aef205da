//! What the queues of one machine promise beyond the suites: how long dead letters are kept, that a redrive of thousands
//! is no longer than its rate asks, that two at once move each letter once, and how old the oldest message is.
#![expect(clippy::unwrap_used, reason = "in helpers of tests, which the lint does not recognise as such")]

use std::num::NonZeroU32;
use std::sync::Arc;

use futures::future::join;
use millrace_adapters_local::{Database, SqliteJobQueue};
use millrace_domain::QueueName;
use millrace_ports::{
    Clock as _, DEAD_LETTER_RETENTION_MS, DeadLetterCode, DeadLetters, JobConsumer, JobQueue,
    OutgoingMessage, QueueDepth, QueuePolicy, REDRIVE_MAX, Redrive,
};
use millrace_test_support::SimClock;

const QUEUE: QueueName = QueueName::Ingest;
const VISIBILITY_TIMEOUT_MS: u64 = 30_000;

struct Fixture {
    database: Database,
    queue: SqliteJobQueue,
    clock: Arc<SimClock>,
}

impl Fixture {
    fn new() -> Self {
        let (database, clock) = (Database::open_in_memory().unwrap(), Arc::new(SimClock::default()));
        let policy = QueuePolicy { visibility_timeout_ms: VISIBILITY_TIMEOUT_MS, receives_max: 2 };
        let policies = QueueName::ALL.map(|name| (name, policy)).into();
        let queue = SqliteJobQueue::new(database.clone(), clock.clone(), policies);
        Self { database, queue, clock }
    }

    async fn send(&self, count: usize) {
        let messages = vec![OutgoingMessage { body: "{}".into(), ..OutgoingMessage::default() }; count];
        self.queue.send(QUEUE, messages).await.into_iter().for_each(|sent| sent.unwrap());
    }

    /// Sends messages and gives them up.
    async fn bury(&self, count: usize) {
        self.send(count).await;
        let mut left = count;
        while left > 0 {
            for message in self.queue.receive(QUEUE, 100, 0).await.unwrap() {
                self.queue.dead_letter(QUEUE, &message, DeadLetterCode::Malformed, "test").await.unwrap();
                left -= 1;
            }
        }
    }

    async fn letters(&self) -> Vec<String> {
        let page = self.queue.list(QUEUE, None, REDRIVE_MAX).await.unwrap();
        page.letters.into_iter().map(|letter| letter.message_id).collect()
    }

    async fn dead(&self) -> u64 {
        self.queue.depth(QUEUE).await.unwrap().dead
    }

    async fn rows(&self) -> u64 {
        let count = |connection: &rusqlite::Connection| {
            Ok(connection.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap())
        };
        self.database.read("count the rows", count).await.unwrap()
    }
}

#[tokio::test]
async fn a_dead_letter_is_kept_for_fourteen_days_after_its_death() {
    let fixture = Fixture::new();
    // Its age does not count: it waited for a week before anybody took it.
    fixture.send(1).await;
    fixture.clock.advance_ms(7 * 86_400_000);
    let message = fixture.queue.receive(QUEUE, 1, 0).await.unwrap().remove(0);
    fixture.queue.dead_letter(QUEUE, &message, DeadLetterCode::Malformed, "test").await.unwrap();
    fixture.clock.advance_ms(DEAD_LETTER_RETENTION_MS - 1);
    let kept = fixture.letters().await;
    assert_eq!((kept.len(), fixture.dead().await), (1, 1));
    fixture.clock.advance_ms(1);
    assert_eq!((fixture.letters().await.len(), fixture.dead().await), (0, 0));
    let late = Redrive { message_id: kept[0].clone(), delay_ms: 0 };
    assert_eq!(fixture.queue.redrive(QUEUE, &[late]).await.unwrap(), Vec::<String>::new());
    assert_eq!(fixture.queue.redrive_all(QUEUE, None).await.unwrap(), 0);
    // The next death makes room.
    assert_eq!(fixture.rows().await, 1);
    fixture.bury(1).await;
    assert_eq!((fixture.rows().await, fixture.dead().await), (1, 1));
}

#[tokio::test]
async fn thousands_are_redriven_at_the_rate_and_none_is_left() {
    const LETTERS: u64 = 2_500;
    let fixture = Fixture::new();
    fixture.bury(LETTERS as usize).await;
    assert_eq!(fixture.queue.redrive_all(QUEUE, NonZeroU32::new(100)).await.unwrap(), LETTERS);
    assert_eq!(fixture.dead().await, 0);
    for second in [0, 1, 10] {
        let depth = fixture.queue.depth(QUEUE).await.unwrap();
        assert_eq!(depth.visible, 100 * second + 1, "after {second} s");
        fixture.clock.advance_ms(if second == 0 { 1_000 } else { 9_000 });
    }
    fixture.clock.advance_ms(25_000);
    assert_eq!(
        fixture.queue.depth(QUEUE).await.unwrap(),
        QueueDepth { visible: LETTERS, ..QueueDepth::default() }
    );
}

#[tokio::test]
async fn two_redrives_at_once_move_each_letter_once() {
    let fixture = Fixture::new();
    fixture.bury(200).await;
    let ids = fixture.letters().await;
    let all: Vec<Redrive> = ids.into_iter().map(|message_id| Redrive { message_id, delay_ms: 0 }).collect();
    let (one, other) = join(fixture.queue.redrive(QUEUE, &all), fixture.queue.redrive(QUEUE, &all)).await;
    assert_eq!(one.unwrap().len() + other.unwrap().len(), 200);
    assert_eq!(fixture.queue.depth(QUEUE).await.unwrap().visible, 200);
}

#[tokio::test]
async fn the_oldest_message_is_one_that_still_has_to_be_done() {
    let fixture = Fixture::new();
    let oldest = async || fixture.queue.oldest_sent_at(QUEUE).await.unwrap();
    assert_eq!(oldest().await, None);
    let first_at = fixture.clock.now();
    fixture.send(1).await;
    fixture.clock.advance_ms(1_000);
    let second_at = fixture.clock.now();
    fixture.send(1).await;
    assert_eq!(oldest().await, Some(first_at));
    let first = fixture.queue.receive(QUEUE, 1, 0).await.unwrap().remove(0);
    assert_eq!(oldest().await, Some(first_at), "one that is worked on is not done");
    fixture.queue.dead_letter(QUEUE, &first, DeadLetterCode::Malformed, "test").await.unwrap();
    assert_eq!(oldest().await, Some(second_at), "one that was given up is out of the queue");
    for _ in 0..2 {
        assert_eq!(fixture.queue.receive(QUEUE, 1, 0).await.unwrap().len(), 1);
        fixture.clock.advance_ms(VISIBILITY_TIMEOUT_MS);
    }
    assert_eq!(oldest().await, None, "one that was received too often is as good as given up");
}

#[tokio::test]
async fn a_discarded_letter_is_gone_and_no_other_message_is() {
    let fixture = Fixture::new();
    fixture.bury(3).await;
    fixture.send(1).await;
    let letters = fixture.letters().await;
    let worn = fixture.queue.receive(QUEUE, 1, 0).await.unwrap().remove(0).message_id;
    let named = [letters[1].clone(), "77".to_owned(), "no number".to_owned(), worn.clone()];
    let discarded = fixture.queue.discard_dead_letters(QUEUE, &named).await.unwrap();
    assert_eq!(discarded, [letters[1].clone()], "a message in flight is no letter");
    assert_eq!(fixture.letters().await, [letters[0].clone(), letters[2].clone()]);
    assert_eq!(fixture.queue.discard_dead_letters(QueueName::Purge, &letters).await.unwrap(), [""; 0]);
    assert_eq!(fixture.dead().await, 2);

    // One that was received as often as is permitted is a letter once its time is up.
    fixture.clock.advance_ms(VISIBILITY_TIMEOUT_MS);
    assert_eq!(fixture.queue.receive(QUEUE, 1, 0).await.unwrap().len(), 1);
    fixture.clock.advance_ms(VISIBILITY_TIMEOUT_MS);
    let discarded = fixture.queue.discard_dead_letters(QUEUE, std::slice::from_ref(&worn)).await.unwrap();
    assert_eq!(discarded, [worn]);
    let depth = fixture.queue.depth(QUEUE).await.unwrap();
    assert_eq!((depth.visible, depth.in_flight, depth.delayed, depth.dead), (0, 0, 0, 2));
    assert_eq!(fixture.queue.receive(QUEUE, 10, 0).await.unwrap().len(), 0);
}
