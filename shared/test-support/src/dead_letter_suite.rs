//! What the dead letters of every queue must do: one case for each promise of their port. Run it with `dead_letter_suite!`.
//! How long they are kept is tested beside the adapters that decide it themselves.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use millrace_domain::QueueName;
use millrace_ports::{
    Clock, DEAD_LETTER_CODE, DEAD_LETTER_REASON, DELAY_MS_MAX, DeadLetter, DeadLetterCode, DeadLetterPage,
    ErrorKind, OutgoingMessage, QueueDepth, REDRIVE_MAX, ReceivedMessage, Redrive,
};

use crate::job_queue_suite::{JobQueueFixture, SUITE_QUEUE_POLICY};

/// The queue of most cases.
const QUEUE: QueueName = QueueName::Embed;

/// Makes a test of each case. Takes the name of an async function that makes a fixture of `job_queue_suite`.
#[macro_export]
macro_rules! dead_letter_suite {
    ($fixture:path) => {
        $crate::remote_dead_letter_suite!($fixture);
        $crate::suite_cases!(
            dead_letter_suite,
            $fixture,
            [
                a_letter_keeps_what_it_had_and_says_why,
                a_message_received_too_often_becomes_a_letter,
                a_redriven_letter_is_a_new_message,
                a_redriven_letter_of_a_worn_out_message_starts_its_count_anew,
                a_redriven_letter_waits_for_its_delay,
                all_letters_move_and_keep_to_the_rate,
            ]
        );
    };
}

/// The same for queues whose time nobody can move.
#[macro_export]
macro_rules! remote_dead_letter_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            dead_letter_suite,
            $fixture,
            [
                letters_are_listed_oldest_first_page_by_page,
                a_text_that_is_no_cursor_is_invalid,
                only_the_named_letters_move,
                a_redrive_beyond_its_bounds_moves_nothing,
                a_letter_that_is_given_up_again_bears_the_new_reason,
                a_reason_is_borne_in_characters_that_a_message_may_hold,
                each_queue_has_its_own_letters,
            ]
        );
    };
}

fn message(body: &str) -> OutgoingMessage {
    OutgoingMessage { body: body.into(), ..OutgoingMessage::default() }
}

async fn receive(fixture: &JobQueueFixture) -> Vec<ReceivedMessage> {
    fixture.consumer.receive(QUEUE, 10, 0).await.unwrap()
}

async fn depth(fixture: &JobQueueFixture) -> QueueDepth {
    fixture.consumer.depth(QUEUE).await.unwrap()
}

/// Sends a message and gives it up.
async fn bury(fixture: &JobQueueFixture, message: OutgoingMessage) {
    fixture.queue.send(QUEUE, vec![message]).await.remove(0).unwrap();
    let received = receive(fixture).await;
    assert_eq!(received.len(), 1, "a message is ready");
    let code = DeadLetterCode::Unavailable;
    fixture.queue.dead_letter(QUEUE, &received[0], code, "embedder away").await.unwrap();
}

/// Sends and gives up messages of these bodies, a millisecond apart.
async fn bury_all(fixture: &JobQueueFixture, bodies: &[&str]) {
    for body in bodies {
        bury(fixture, message(body)).await;
        fixture.clock.advance_ms(1);
    }
}

async fn letters(fixture: &JobQueueFixture) -> Vec<DeadLetter> {
    let page = fixture.dead_letters.list(QUEUE, None, 100).await.unwrap();
    assert_eq!(page.next, None, "these are all");
    page.letters
}

fn bodies(letters: &[DeadLetter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.body.as_str()).collect()
}

fn now(letter: &DeadLetter) -> Redrive {
    Redrive { message_id: letter.message_id.clone(), delay_ms: 0 }
}

/// Body, group, attributes and time as they were, and why it died.
pub async fn a_letter_keeps_what_it_had_and_says_why(fixture: &JobQueueFixture) {
    let attributes = BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())]);
    let sent_at = fixture.clock.now();
    bury(fixture, OutgoingMessage { attributes, group: Some("acme".into()), ..message("{\"ä\": 1}") }).await;
    let letters = letters(fixture).await;
    let letter = &letters[0];
    assert_eq!((letter.body.as_str(), letter.group.as_deref()), ("{\"ä\": 1}", Some("acme")));
    assert_eq!((letter.code(), letter.reason()), ("unavailable", "embedder away"));
    assert_eq!(letter.attributes.get("traceparent").map(String::as_str), Some("00-ab-cd-01"));
    assert_eq!(letter.sent_at, sent_at);
}

/// A worker that dies each time says nothing; the queue itself gives the message up.
pub async fn a_message_received_too_often_becomes_a_letter(fixture: &JobQueueFixture) {
    wear_out(fixture).await;
    // Whether or not somebody has tried to receive it since.
    for _ in 0..2 {
        let letters = letters(fixture).await;
        assert_eq!((bodies(&letters), letters[0].code()), (vec!["poison"], "received_too_often"));
        assert_eq!(receive(fixture).await, []);
    }
}

async fn wear_out(fixture: &JobQueueFixture) {
    fixture.queue.send(QUEUE, vec![message("poison")]).await.remove(0).unwrap();
    for _ in 0..SUITE_QUEUE_POLICY.receives_max {
        assert_eq!(receive(fixture).await.len(), 1);
        fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    }
}

/// Each once, and looking changes nothing.
pub async fn letters_are_listed_oldest_first_page_by_page(fixture: &JobQueueFixture) {
    assert_eq!(fixture.dead_letters.list(QUEUE, None, 10).await.unwrap(), DeadLetterPage::default());
    let all = ["a", "b", "c", "d", "e"];
    bury_all(fixture, &all).await;
    for most in [1, 2, 5, 6] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.dead_letters.list(QUEUE, after.as_deref(), most).await.unwrap();
            assert!(page.letters.len() <= most);
            seen.extend(page.letters);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(bodies(&seen), all, "pages of {most}");
    }
    assert_eq!(depth(fixture).await, QueueDepth { dead: 5, ..QueueDepth::default() });
    assert_eq!(receive(fixture).await, []);
}

/// Not an empty page, which would look like the end.
pub async fn a_text_that_is_no_cursor_is_invalid(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a"]).await;
    let refused = fixture.dead_letters.list(QUEUE, Some("no cursor"), 10).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
}

/// First delivery, other id, sent now; its worker can tell that it was dead.
pub async fn a_redriven_letter_is_a_new_message(fixture: &JobQueueFixture) {
    bury(fixture, OutgoingMessage { group: Some("acme".into()), ..message("a") }).await;
    fixture.clock.advance_ms(1_000);
    let letter = letters(fixture).await.remove(0);
    let moved = fixture.dead_letters.redrive(QUEUE, &[now(&letter)]).await.unwrap();
    assert_eq!(moved, std::slice::from_ref(&letter.message_id));
    assert_eq!(depth(fixture).await, QueueDepth { visible: 1, ..QueueDepth::default() });
    assert_eq!(letters(fixture).await, []);
    let message = receive(fixture).await.remove(0);
    assert_eq!((message.body.as_str(), message.group.as_deref()), ("a", Some("acme")));
    assert_eq!((message.receive_count, message.sent_at), (1, fixture.clock.now()));
    assert_ne!(message.message_id, letter.message_id);
    assert_eq!(message.attributes.get(DEAD_LETTER_CODE).map(String::as_str), Some("unavailable"));
    assert_eq!(message.attributes.get(DEAD_LETTER_REASON).map(String::as_str), Some("embedder away"));
    fixture.consumer.delete(QUEUE, &[message.receipt]).await.unwrap();
    assert_eq!(depth(fixture).await, QueueDepth::default());
}

/// Or it would be dead again at once. That it was dead it says as any other does, though nobody but its queue gave it up.
pub async fn a_redriven_letter_of_a_worn_out_message_starts_its_count_anew(fixture: &JobQueueFixture) {
    wear_out(fixture).await;
    let letter = letters(fixture).await.remove(0);
    assert_eq!(fixture.dead_letters.redrive(QUEUE, &[now(&letter)]).await.unwrap().len(), 1);
    for count in 1..=SUITE_QUEUE_POLICY.receives_max {
        let message = receive(fixture).await.remove(0);
        assert_eq!((message.receive_count, message.is_redriven()), (count, true));
        assert_eq!(message.attributes[DEAD_LETTER_CODE], "received_too_often");
        fixture.clock.advance_ms(SUITE_QUEUE_POLICY.visibility_timeout_ms);
    }
    assert_eq!(receive(fixture).await, []);
    assert_eq!(bodies(&letters(fixture).await), ["poison"]);
}

/// Others stay; what is not there is skipped, and so is what was moved before.
pub async fn only_the_named_letters_move(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a", "b", "c"]).await;
    let found = letters(fixture).await;
    let unknown = Redrive { message_id: "nobody".into(), delay_ms: 0 };
    let named = [now(&found[1]), unknown];
    let moved = fixture.dead_letters.redrive(QUEUE, &named).await.unwrap();
    assert_eq!(moved, [found[1].message_id.clone()]);
    assert_eq!(fixture.dead_letters.redrive(QUEUE, &named).await.unwrap(), Vec::<String>::new());
    assert_eq!(fixture.dead_letters.redrive(QUEUE, &[]).await.unwrap(), Vec::<String>::new());
    assert_eq!(bodies(&letters(fixture).await), ["a", "c"]);
    assert_eq!(depth(fixture).await, QueueDepth { visible: 1, dead: 2, ..QueueDepth::default() });
}

/// That is how a redrive keeps to a rate.
pub async fn a_redriven_letter_waits_for_its_delay(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a"]).await;
    let letter = letters(fixture).await.remove(0);
    let later = Redrive { delay_ms: 5_000, ..now(&letter) };
    fixture.dead_letters.redrive(QUEUE, &[later]).await.unwrap();
    assert_eq!(depth(fixture).await, QueueDepth { delayed: 1, ..QueueDepth::default() });
    fixture.clock.advance_ms(4_999);
    assert_eq!(receive(fixture).await, []);
    fixture.clock.advance_ms(1);
    assert_eq!(receive(fixture).await.len(), 1);
}

/// Too many at once, or too long a delay: refused as a whole.
pub async fn a_redrive_beyond_its_bounds_moves_nothing(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a", "b"]).await;
    let found = letters(fixture).await;
    let too_late = Redrive { delay_ms: DELAY_MS_MAX + 1, ..now(&found[1]) };
    let too_many = vec![now(&found[0]); REDRIVE_MAX + 1];
    for refused in [vec![now(&found[0]), too_late], too_many] {
        let error = fixture.dead_letters.redrive(QUEUE, &refused).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
    assert_eq!(letters(fixture).await, found);
}

/// At two a second, ten take about five seconds; without a rate they are there at once.
pub async fn all_letters_move_and_keep_to_the_rate(fixture: &JobQueueFixture) {
    let all: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    bury_all(fixture, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(fixture.dead_letters.redrive_all(QUEUE, NonZeroU32::new(2)).await.unwrap(), 10);
    let mut came = 0;
    for second in 0..5 {
        came += receive(fixture).await.len();
        assert!(came <= 2 * second + 2, "{came} came within {second} s");
        fixture.clock.advance_ms(1_000);
    }
    came += receive(fixture).await.len();
    assert_eq!((came, letters(fixture).await.len()), (10, 0));

    bury_all(fixture, &["again"]).await;
    assert_eq!(fixture.dead_letters.redrive_all(QUEUE, None).await.unwrap(), 1);
    assert_eq!(receive(fixture).await.len(), 1);
    assert_eq!(fixture.dead_letters.redrive_all(QUEUE, None).await.unwrap(), 0);
}

/// What killed it now, not what killed it then.
pub async fn a_letter_that_is_given_up_again_bears_the_new_reason(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a"]).await;
    let letter = letters(fixture).await.remove(0);
    fixture.dead_letters.redrive(QUEUE, &[now(&letter)]).await.unwrap();
    let message = receive(fixture).await.remove(0);
    fixture.queue.dead_letter(QUEUE, &message, DeadLetterCode::Corrupt, "unreadable").await.unwrap();
    let letter = letters(fixture).await.remove(0);
    assert_eq!((letter.code(), letter.reason()), ("corrupt", "unreadable"));
}

/// A reason may quote a client. Redriven, the letter may be sent again with all that it bears.
pub async fn a_reason_is_borne_in_characters_that_a_message_may_hold(fixture: &JobQueueFixture) {
    for (reason, borne) in [("no \u{1b}[31m\u{0} way", "no \u{fffd}[31m\u{fffd} way"), ("", "\u{fffd}")] {
        fixture.queue.send(QUEUE, vec![message("a")]).await.remove(0).unwrap();
        let received = receive(fixture).await.remove(0);
        fixture.queue.dead_letter(QUEUE, &received, DeadLetterCode::Corrupt, reason).await.unwrap();
        let letter = letters(fixture).await.remove(0);
        assert_eq!(letter.reason(), borne);
        fixture.dead_letters.redrive(QUEUE, &[now(&letter)]).await.unwrap();
        let redriven = receive(fixture).await.remove(0);
        let copy = OutgoingMessage { attributes: redriven.attributes.clone(), ..message("a") };
        fixture.queue.send(QUEUE, vec![copy]).await.remove(0).unwrap();
        let copy = receive(fixture).await.remove(0);
        fixture.consumer.delete(QUEUE, &[redriven.receipt, copy.receipt]).await.unwrap();
    }
}

/// To look at and to redrive.
pub async fn each_queue_has_its_own_letters(fixture: &JobQueueFixture) {
    bury_all(fixture, &["a"]).await;
    let letter = letters(fixture).await.remove(0);
    let other = QueueName::Ingest;
    assert_eq!(fixture.dead_letters.list(other, None, 10).await.unwrap(), DeadLetterPage::default());
    assert_eq!(fixture.dead_letters.redrive(other, &[now(&letter)]).await.unwrap(), Vec::<String>::new());
    assert_eq!(fixture.dead_letters.redrive_all(other, None).await.unwrap(), 0);
    assert_eq!(letters(fixture).await, [letter]);
}
