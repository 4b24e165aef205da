//! What becomes of a job that used up its attempts: it lies in the dead-letter queue with its reason, its document is
//! failed, and redriven it goes on from what was done.

use std::num::NonZeroU32;

use handlers::{Answer, Trouble, World};
use millrace_application::{DeadLetterFilter, DeadLetterScope, RedriveRequest, StepPolicy};
use millrace_domain::{DocumentEvent, DocumentKey, QueueName, Status};
use millrace_function_runtime::to_sqs_event;
use millrace_ports::{DEAD_LETTER_REASON, OutgoingMessage};
use millrace_test_support::Fault;
use millrace_test_support::builders::{tenant, trace};

use crate::prose::prose;

/// A document that failed as dead-lettered when its first batch was to be embedded.
async fn dead_lettered(world: &World) -> DocumentKey {
    let key = world.upload(&prose("ferry", 9)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.deliver(QueueName::Embed, 1).await;
    world.embedder.fail(Trouble::Unavailable, StepPolicy::default().attempts_max);
    while world.document(&key).await.status == Status::Processing {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    assert_eq!(world.document(&key).await.status, Status::Failed);
    key
}

/// Puts the dead letters of a queue back.
async fn redrive(world: &World, queue: QueueName) -> u64 {
    let filter = DeadLetterFilter { queue: Some(queue), ..DeadLetterFilter::default() };
    world.redrive.run(&everything(filter)).await.unwrap().moved
}

fn everything(filter: DeadLetterFilter) -> RedriveRequest {
    RedriveRequest { scope: DeadLetterScope::Everything, filter, dry_run: false, max_per_second: None }
}

#[tokio::test]
async fn a_redriven_batch_waits_for_the_purge_and_then_its_document_becomes_ready() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    let embedded = world.embedder.passages();
    assert_eq!(redrive(&world, QueueName::Embed).await, 1);
    // The leftovers are not purged yet: it is too early to begin anew.
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    assert_eq!(world.depth(QueueName::Embed).await.delayed, 1);
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
    let types = world.types(&key).await;
    assert_eq!(types.iter().filter(|name| *name == "text_extracted").count(), 1, "the text was still there");
    assert_eq!(types.iter().filter(|name| *name == "chunked").count(), 2);
    let chunks = u64::from(document.embedded_chunks);
    let stored = world.stored(&key, None).await;
    assert_eq!((stored.chunks, stored.vectors), (chunks, chunks));
    // What was embedded before the failure came from the cache.
    assert_eq!(world.embedder.passages() as u64, chunks);
    assert!(embedded > 0);
}

#[tokio::test]
async fn a_duplicate_of_a_dead_letter_that_nobody_redrove_retries_nothing() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    let body = world.dead_letters(QueueName::Embed).await.remove(0).body;
    world.settle().await;
    let before = world.history(&key).await;
    let sent =
        world.behind.queue.send(QueueName::Embed, vec![OutgoingMessage { body, ..Default::default() }]);
    sent.await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    world.settle().await;
    assert_eq!(world.history(&key).await, before);
}

#[tokio::test]
async fn a_redriven_job_of_a_document_that_was_deleted_meanwhile_does_nothing() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    redrive(&world, QueueName::Embed).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
    redrive(&world, QueueName::Embed).await;
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Deleted);
}

/// Twice is once: the second redriven copy finds the document on its way or ready.
#[tokio::test]
async fn redriven_twice_it_is_retried_once() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.settle().await;
    let body = world.dead_letters(QueueName::Embed).await.remove(0).body;
    assert_eq!(redrive(&world, QueueName::Embed).await, 1);
    assert_eq!(redrive(&world, QueueName::Embed).await, 0);
    // A move that was cut off in the middle leaves the letter where it is, and is done again.
    let attributes = [(DEAD_LETTER_REASON.to_owned(), "embedder away".to_owned())].into();
    let copy = OutgoingMessage { body, attributes, ..OutgoingMessage::default() };
    world.behind.queue.send(QueueName::Embed, vec![copy]).await.remove(0).unwrap();
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1));
}

/// Copies of it used up the attempts of its one retry: when it comes again it is a letter once more, and retries nothing.
#[tokio::test]
async fn a_redriven_job_that_comes_again_after_its_retry_failed_retries_nothing() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    let attempts_max = StepPolicy::default().attempts_max;
    for _ in 0..attempts_max {
        world.faults.arm_next("blob_store.put_many", Fault::FailBefore);
        world.deliver(QueueName::Ingest, 1).await;
        world.clock.advance_ms(750_000);
    }
    let body = world.dead_letters(QueueName::Ingest).await.remove(0).body;
    world.settle().await;
    assert_eq!(redrive(&world, QueueName::Ingest).await, 1);
    world.faults.arm_next("blob_store.put_many", Fault::FailBefore);
    world.deliver(QueueName::Ingest, 1).await;
    for _ in 1..attempts_max {
        let copy = OutgoingMessage { body: body.clone(), ..OutgoingMessage::default() };
        world.behind.queue.send(QueueName::Ingest, vec![copy]).await.remove(0).unwrap();
        world.faults.arm_next("blob_store.put_many", Fault::FailBefore);
        world.deliver(QueueName::Ingest, 1).await;
    }
    let failed = world.document(&key).await;
    assert_eq!((failed.status, failed.retries), (Status::Failed, 1));
    world.clock.advance_ms(1_500);
    world.deliver(QueueName::Ingest, 1).await;
    world.settle().await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Failed, 1));
}

/// Extraction that always fails on the way: the same rules as for embedding, at the other queue.
#[tokio::test]
async fn an_ingest_job_is_dead_lettered_and_redriven_too() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    for attempt in 1..=StepPolicy::default().attempts_max {
        assert_eq!(world.document(&key).await.status, Status::Processing, "attempt {attempt}");
        world.faults.arm_next("blob_store.put_many", Fault::FailBefore);
        world.deliver(QueueName::Ingest, 1).await;
        world.clock.advance_ms(750_000);
    }
    assert_eq!(world.document(&key).await.status, Status::Failed);
    world.settle().await;
    assert_eq!(redrive(&world, QueueName::Ingest).await, 1);
    world.settle().await;
    world.check_history(&key).await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}

/// If the failure cannot be recorded on the last attempt, the job must come back, or its document would hang.
#[tokio::test]
async fn a_last_attempt_whose_failure_is_not_recorded_comes_back() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.embedder.fail(Trouble::Unavailable, 9);
    for _ in 1..StepPolicy::default().attempts_max {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    world.faults.arm_next("event_store.append", Fault::FailBefore);
    world.deliver(QueueName::Embed, 1).await;
    assert_eq!(world.document(&key).await.status, Status::Processing);
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 0);
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Failed);
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 1);
}

/// The first two batches were embedded before the third failed: the redrive pays for the third and those behind it.
#[tokio::test]
async fn after_a_redrive_only_the_missing_batches_are_embedded() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 24)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.deliver(QueueName::Embed, 1).await;
    world.deliver(QueueName::Embed, 1).await;
    let paid = world.embedder.passages();
    assert_eq!(paid, 4, "two batches of two");
    world.embedder.fail(Trouble::Unavailable, u32::MAX);
    while world.document(&key).await.status == Status::Processing {
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    world.settle().await;
    world.embedder.fail(Trouble::Unavailable, 0);
    assert_eq!(redrive(&world, QueueName::Embed).await, 1);
    world.settle().await;
    world.check_history(&key).await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.retries), (Status::Ready, 1), "{:?}", document.failure);
    let chunks = document.embedded_chunks as usize;
    assert!(chunks > paid, "{chunks} chunks");
    assert_eq!(world.embedder.passages(), chunks, "each passage was embedded once");
    let types = world.types(&key).await;
    assert_eq!(types.iter().filter(|name| *name == "text_extracted").count(), 1);
    let history = world.history(&key).await;
    let retried = history.iter().rposition(|envelope| envelope.event.type_name().ends_with("retried"));
    let cached = history[retried.unwrap()..].iter().map(|envelope| match &envelope.event {
        DocumentEvent::ChunksEmbedded(batch) => batch.cached as usize,
        _ => 0,
    });
    assert_eq!(cached.sum::<usize>(), paid, "the rest came from the cache");
}

/// One redrive is one more try. Delivered again after the document failed a second time, the message must not undo that.
#[tokio::test]
async fn a_redriven_message_retries_its_document_once_however_often_it_is_delivered() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.settle().await;
    assert_eq!(redrive(&world, QueueName::Embed).await, 1);
    let received = world.behind.consumer.receive(QueueName::Embed, 1, 0).await.unwrap();
    let event = to_sqs_event(QueueName::Embed, received);
    world.handle(QueueName::Embed, event.clone()).await;
    assert_eq!(world.document(&key).await.retries, 1);
    world.embedder.fail(Trouble::Unavailable, u32::MAX);
    while world.document(&key).await.status == Status::Processing {
        world.deliver(QueueName::Ingest, 1).await;
        world.deliver(QueueName::Embed, 1).await;
        world.clock.advance_ms(750_000);
    }
    world.settle().await;
    let before = world.history(&key).await;
    world.handle(QueueName::Embed, event).await;
    world.settle().await;
    assert_eq!(world.history(&key).await, before, "failed, and no more than one retry");
    assert_eq!((world.document(&key).await.status, world.document(&key).await.retries), (Status::Failed, 1));
}

/// Whatever call of the redrive goes wrong, before its effect or after it: done again, everything is ready, and was
/// retried once.
#[tokio::test]
async fn a_redrive_that_is_cut_off_is_done_again_without_harm() {
    for call in ["dead_letters.list", "dead_letters.redrive_all", "dead_letters.redrive"] {
        for fault in Fault::ALL {
            let world = World::new().await;
            let key = dead_lettered(&world).await;
            world.settle().await;
            let id = world.dead_letters(QueueName::Embed).await.remove(0).message_id;
            let message_ids = if call == "dead_letters.redrive" { [id].into() } else { Default::default() };
            let request = everything(DeadLetterFilter { message_ids, ..DeadLetterFilter::default() });
            world.faults.arm_next(call, fault);
            let mut cut_off = std::pin::pin!(world.redrive.run(&request));
            if let Some(answer) = world.faults.until_halt(cut_off.as_mut()).await {
                answer.unwrap_err();
            }
            world.faults.resume();
            world.redrive.run(&request).await.unwrap();
            world.settle().await;
            world.check_history(&key).await;
            let document = world.document(&key).await;
            assert_eq!((document.status, document.retries), (Status::Ready, 1), "{call} {fault:?}");
            assert_eq!(world.depth(QueueName::Embed).await, Default::default());
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_moved_and_moves_nothing() {
    let world = World::new().await;
    dead_lettered(&world).await;
    world.settle().await;
    for max_per_second in [None, NonZeroU32::new(5)] {
        let request =
            RedriveRequest { dry_run: true, max_per_second, ..everything(DeadLetterFilter::default()) };
        let report = world.redrive.run(&request).await.unwrap();
        assert_eq!((report.matched, report.moved, report.letters.len(), report.more), (1, 1, 1, false));
        assert_eq!(report.letters[0].error_code, "unavailable");
    }
    assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 1);
}

/// Buries messages that are no jobs, a second apart.
async fn bury_nonsense(world: &World, count: usize) {
    let nonsense =
        |number: usize| OutgoingMessage { body: format!("nonsense {number}"), ..Default::default() };
    for number in 0..count {
        let sent = world.behind.queue.send(QueueName::Ingest, vec![nonsense(number)]).await;
        sent.into_iter().for_each(|sent| sent.unwrap());
        assert!(matches!(world.deliver(QueueName::Ingest, 1).await, Answer::Response(_)));
        world.clock.advance_ms(1_000);
    }
}

#[tokio::test]
async fn letters_are_grouped_by_what_they_died_of_and_paged() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.settle().await;
    bury_nonsense(&world, 5).await;
    let (scope, filter) = (DeadLetterScope::Everything, DeadLetterFilter::default());
    let list = world.list_dead_letters.run(&scope, &filter, None, 100).await.unwrap();
    let groups: Vec<_> = list.groups.iter().map(|group| (group.error_code.as_str(), group.count)).collect();
    assert_eq!(groups, [("malformed", 5), ("unavailable", 1)]);
    let malformed = &list.groups[0];
    assert_eq!(malformed.newest_at.millis_since(malformed.oldest_at), 4_000);
    assert_eq!(malformed.sample_ids.len(), 3);
    assert!(malformed.sample_reason.starts_with("malformed job: "), "{}", malformed.sample_reason);
    let subjects: Vec<_> = list.entries.iter().map(|entry| entry.subject.as_ref().map(|s| &s.key)).collect();
    assert_eq!(subjects, [Some(&key), None, None, None, None, None]);
    assert!(list.complete && list.next.is_none());

    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = world.list_dead_letters.run(&scope, &filter, after.as_ref(), 4).await.unwrap();
        assert_eq!(page.groups, list.groups);
        paged.extend(page.entries);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, list.entries);
}

/// And the letters of others, and those of nobody, stay where they are.
#[tokio::test]
async fn a_tenant_sees_and_moves_only_its_own_letters() {
    let world = World::new().await;
    let key = dead_lettered(&world).await;
    world.settle().await;
    bury_nonsense(&world, 2).await;
    let other = DeadLetterScope::Tenant(tenant("other"));
    let own = DeadLetterScope::Tenant(key.tenant_id.clone());
    for (scope, letters) in [(other, 0), (own, 1)] {
        // Not even by name.
        let all =
            world.list_dead_letters.run(&DeadLetterScope::Everything, &Default::default(), None, 9).await;
        let message_ids = all.unwrap().entries.into_iter().map(|entry| entry.message_id).collect();
        let named = DeadLetterFilter { message_ids, ..DeadLetterFilter::default() };
        let list = world.list_dead_letters.run(&scope, &named, None, 100).await.unwrap();
        assert_eq!((list.entries.len(), list.groups.len()), (letters, letters));
        let dry_run = RedriveRequest { dry_run: true, scope: scope.clone(), ..everything(named.clone()) };
        assert_eq!(world.redrive.run(&dry_run).await.unwrap().matched, letters as u64);
        for filter in [named, DeadLetterFilter::default()] {
            let request = RedriveRequest { scope: scope.clone(), ..everything(filter) };
            world.redrive.run(&request).await.unwrap();
        }
        assert_eq!(world.dead_letters(QueueName::Embed).await.len(), 1 - letters);
        assert_eq!(world.dead_letters(QueueName::Ingest).await.len(), 2);
    }
}

/// A thousand at a time, and no later than a queue can hide a message; the next redrive goes on.
#[tokio::test]
async fn named_letters_keep_to_the_rate_and_to_what_one_redrive_moves() {
    let world = World::new().await;
    bury_nonsense(&world, 20).await;
    let filter = DeadLetterFilter { error_code: Some("malformed".into()), ..DeadLetterFilter::default() };
    let request = RedriveRequest { max_per_second: NonZeroU32::new(4), ..everything(filter) };
    let report = world.redrive.run(&request).await.unwrap();
    assert_eq!((report.matched, report.moved, report.lasting_ms, report.more), (20, 20, 4_750, false));
    let depth = world.depth(QueueName::Ingest).await;
    assert_eq!((depth.visible, depth.delayed, depth.dead), (1, 19, 0));
    world.clock.advance_ms(2_000);
    assert_eq!(world.depth(QueueName::Ingest).await.visible, 9);
}

/// The store is away before a step can claim anything: the waits grow, so that an outage does not use up the receives.
#[tokio::test]
async fn the_waits_grow_while_the_history_cannot_be_read() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 3)).await;
    for wait_ms in [1_000, 5_000, 30_000, 120_000, 600_000, 600_000] {
        world.faults.arm_next("event_store.load", Fault::FailBefore);
        assert!(matches!(world.deliver(QueueName::Ingest, 1).await, Answer::Response(_)));
        world.clock.advance_ms(wait_ms * 3 / 4 - 1);
        assert_eq!(world.deliver(QueueName::Ingest, 1).await, Answer::Nothing, "{wait_ms}");
        world.clock.advance_ms(wait_ms / 2 + 1);
    }
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
}
