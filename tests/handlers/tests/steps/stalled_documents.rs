//! The sweeper among many documents: none that is broken and no tenant with many of them keeps it from the others.

use handlers::World;
use millrace_application::{Sweep, SweepPolicy};
use millrace_domain::{DocumentKey, JobEnvelope, QueueName, Status, Timestamp, Version};
use millrace_ports::{Append, ClaimOutcome, ClaimRequest, Clock as _, ErrorKind, IdGenerator as _, StepKey};
use millrace_test_support::builders::Story;
use millrace_test_support::{Fault, SeededIds};

use crate::prose::prose;

const STALLED_MS: u64 = 120_000;
const SWEEP_EVERY_MS: u64 = 60_000;

/// A document whose first job was never sent.
async fn lost(world: &World, tenant: &str) -> DocumentKey {
    let mut story = Story::of(&*world.ids, tenant);
    story.now = world.clock.now();
    world.behind.store.append(story.upload(&*world.ids)).await.unwrap();
    world.clock.advance_ms(10);
    story.key
}

async fn many_lost(world: &World, tenant: &str, count: usize) -> Vec<DocumentKey> {
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(lost(world, tenant).await);
    }
    keys
}

/// Makes a document one that only a later release can read.
async fn make_unreadable(world: &World, key: &DocumentKey) {
    let document = key.document_id.to_string();
    let broken = world.database.write("break a document", move |connection| {
        let later = r#"{"specversion":"1.0","schema_version":9}"#;
        let update = "UPDATE events SET envelope = ?2 WHERE document = ?1";
        let events = connection.execute(update, (&document, later)).unwrap();
        let update = "UPDATE heads SET status = 'thawing' WHERE document = ?1";
        assert_eq!((events, connection.execute(update, [&document]).unwrap()), (1, 1));
        Ok(())
    });
    broken.await.unwrap();
}

/// The documents whose jobs were sent since the last look, in the order of their ids.
async fn sent(world: &World) -> Vec<DocumentKey> {
    let received = world.behind.consumer.receive(QueueName::Ingest, 100, 0).await.unwrap();
    let receipts: Vec<_> = received.iter().map(|message| message.receipt.clone()).collect();
    world.behind.consumer.delete(QueueName::Ingest, &receipts).await.unwrap();
    let jobs = received.iter().map(|message| serde_json::from_str::<JobEnvelope>(&message.body).unwrap());
    let mut keys: Vec<_> = jobs
        .map(|job| DocumentKey { tenant_id: job.tenant_id.clone(), document_id: job.document_id })
        .collect();
    keys.sort();
    keys
}

/// The sweeper under other bounds.
fn sweeper(world: &World, policy: SweepPolicy) -> Sweep {
    Sweep { policy, ..world.sweep.clone() }
}

fn of_each_tenant(per_sweep_max: usize) -> SweepPolicy {
    SweepPolicy { per_sweep_max, ..SweepPolicy::default() }
}

/// Sweeps, and gives what was sent.
async fn sweep(world: &World, sweeper: &Sweep) -> Vec<DocumentKey> {
    sweeper.run().await.unwrap();
    sent(world).await
}

/// A step that is done and may be forgotten.
async fn done_step(world: &World) -> ClaimRequest {
    let request = ClaimRequest {
        step: StepKey::named("test", "done"),
        owner: world.ids.uuid(),
        lease_ms: 1,
        fingerprint: String::new(),
        memo: String::new(),
        remember_ms: 1,
    };
    let ClaimOutcome::Claimed(claim) = world.behind.ledger.claim(request.clone()).await.unwrap() else {
        panic!("nobody else claims it");
    };
    world.behind.ledger.complete(&claim, "done").await.unwrap();
    request
}

/// A content whose request died before its event.
async fn orphan(world: &World) {
    world.faults.arm_next("event_store.append", Fault::HaltBefore);
    let text = prose("ferry", 9);
    let mut request = Box::pin(world.try_upload(&text, None));
    assert!(world.faults.until_halt(request.as_mut()).await.is_none());
    drop(request);
    world.faults.resume();
}

/// More of them than are looked at together.
#[tokio::test]
async fn documents_that_cannot_be_read_do_not_keep_the_sweeper_from_the_others() {
    let world = World::new().await;
    let unreadable = many_lost(&world, "acme", 20).await;
    let sound = world.upload(&prose("ferry", 9)).await;
    assert!(world.relay().await, "the events were published before the rollback");
    world.drop_messages(QueueName::Ingest).await;
    world.drop_messages(QueueName::Projector).await;
    for key in &unreadable {
        make_unreadable(&world, key).await;
    }
    world.clock.advance_ms(STALLED_MS + 1);
    assert_eq!(world.fire_schedule().await.unwrap_err().kind, ErrorKind::Corrupt);
    world.settle().await;
    assert_eq!(world.document(&sound).await.status, Status::Ready);
}

/// Its content is looked at once it is old, before the orphan that came later.
#[tokio::test]
async fn a_document_that_cannot_be_read_keeps_neither_uploads_nor_other_work_from_the_sweeper() {
    let world = World::new().await;
    let unreadable = world.upload(&prose("lighthouse", 3)).await;
    orphan(&world).await;
    make_unreadable(&world, &unreadable).await;
    let step = done_step(&world).await;
    world.clock.advance_ms(SweepPolicy::default().orphan_ms + 1);
    let sources = async || world.behind.blobs.old_sources(None, 0, 100).await.unwrap();
    assert_eq!(sources().await.len(), 2);
    assert_eq!(world.fire_schedule().await.unwrap_err().kind, ErrorKind::Corrupt);
    let left: Vec<_> = sources().await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [unreadable], "the orphan is gone, and what nobody can judge is kept");
    let claimed = world.behind.ledger.claim(step).await.unwrap();
    assert!(matches!(claimed, ClaimOutcome::Claimed(_)), "the step is forgotten: {claimed:?}");
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_met_as_seldom_as_one_restarted_in_vain() {
    let world = World::new().await;
    let unreadable = lost(&world, "acme").await;
    make_unreadable(&world, &unreadable).await;
    world.clock.advance_ms(STALLED_MS + 1);
    for doublings in 0..4 {
        assert_eq!(world.fire_schedule().await.unwrap_err().kind, ErrorKind::Corrupt, "pause {doublings}");
        world.clock.advance_ms((STALLED_MS << doublings) - 1);
        world.fire_schedule().await.unwrap();
        world.clock.advance_ms(2);
    }
}

/// A history that does not begin with an upload: it can be read, but not folded.
fn senseless(ids: &SeededIds, at: Timestamp) -> Append {
    let mut story = Story::of(ids, "acme");
    story.now = at;
    story.upload(ids);
    let mut append = story.extract(ids);
    append.expected = Version::NONE;
    append.events[0].sequence = Version::new(1);
    append.head.version = Version::new(1);
    append
}

#[tokio::test]
async fn a_history_that_makes_the_fold_panic_does_not_keep_the_sweeper_from_the_others() {
    let world = World::new().await;
    let append = senseless(&world.ids, world.clock.now());
    world.behind.store.append(append).await.unwrap();
    world.clock.advance_ms(1_001);
    let sound = lost(&world, "acme").await;
    world.clock.advance_ms(STALLED_MS + 1);
    assert_eq!(world.fire_schedule().await.unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(sent(&world).await, [sound]);
}

/// Unlike one that only somebody can mend.
#[tokio::test]
async fn a_document_whose_restart_failed_for_a_moment_is_restarted_by_the_next_sweep() {
    for call in ["event_store.load", "job_queue.send"] {
        let world = World::new().await;
        let keys = many_lost(&world, "acme", 2).await;
        world.clock.advance_ms(STALLED_MS + 1);
        world.faults.arm_next(call, Fault::FailBefore);
        assert_eq!(world.fire_schedule().await.unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(sent(&world).await, keys[1..], "{call}");
        assert_eq!(sweep(&world, &world.sweep).await, keys[..1], "{call}");
    }
}

/// Documents wait for something, and were restarted lately; behind them one was lost.
#[tokio::test]
async fn documents_that_were_restarted_lately_do_not_count() {
    let world = World::new().await;
    let waiting = many_lost(&world, "acme", 6).await;
    for _ in 0..2 {
        world.clock.advance_ms(STALLED_MS + 1);
        assert_eq!(sweep(&world, &world.sweep).await, waiting);
    }
    let lost = lost(&world, "acme").await;
    world.clock.advance_ms(STALLED_MS + 1);
    assert_eq!(sweep(&world, &sweeper(&world, of_each_tenant(2))).await, [lost]);
}

#[tokio::test]
async fn a_tenant_with_many_documents_has_its_turn_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let many = many_lost(&world, "acme", 7).await;
    let one = lost(&world, "umbrella").await;
    world.clock.advance_ms(STALLED_MS + 1);
    let sweeper = sweeper(&world, of_each_tenant(2));
    let first = [many[0].clone(), many[1].clone(), one.clone()];
    assert_eq!(sweep(&world, &sweeper).await, first);
    for rest in [&many[2..4], &many[4..6], &many[6..]] {
        world.clock.advance_ms(SWEEP_EVERY_MS + 1);
        // The other tenant's comes again when its pause is over, in between.
        let sent = sweep(&world, &sweeper).await.into_iter().filter(|key| *key != one);
        assert_eq!(sent.collect::<Vec<_>>(), rest);
    }
    world.clock.advance_ms(SWEEP_EVERY_MS + 1);
    assert_eq!(sweep(&world, &sweeper).await[..2], many[..2], "it begins with the oldest again");
}

/// Even looks have a bound, or a tenant with very many waiting documents would take all the time there is.
#[tokio::test]
async fn a_tenant_with_very_many_waiting_documents_has_its_turn_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let waiting = many_lost(&world, "acme", 13).await;
    for _ in 0..2 {
        world.clock.advance_ms(STALLED_MS + 1);
        assert_eq!(sweep(&world, &world.sweep).await, waiting);
    }
    let (lost_behind, other) = (lost(&world, "acme").await, lost(&world, "umbrella").await);
    world.clock.advance_ms(STALLED_MS + 1);
    let sweeper = sweeper(&world, of_each_tenant(1));
    assert_eq!(sweep(&world, &sweeper).await, [other], "ten of the tenant's were looked at");
    assert_eq!(sweep(&world, &sweeper).await, [lost_behind], "and then the others");
}

#[tokio::test]
async fn where_the_time_was_over_the_next_sweep_begins() {
    let world = World::new().await;
    let keys = many_lost(&world, "acme", 20).await;
    world.clock.advance_ms(STALLED_MS + 1);
    let sweeper = sweeper(&world, SweepPolicy { look_ms: 0, ..SweepPolicy::default() });
    for part in [&keys[..8], &keys[8..16], &keys[16..]] {
        assert_eq!(sweep(&world, &sweeper).await, part);
        // By then those are due again that were restarted first.
        world.clock.advance_ms(STALLED_MS + 1);
    }
    assert_eq!(sweep(&world, &sweeper).await, keys[..8]);
}

/// A process that died may have lost a job a moment ago; its successor asks no more than once.
#[tokio::test]
async fn the_first_sweep_of_a_process_restarts_even_the_youngest_and_each_of_them_once() {
    let world = World::new().await;
    let old = lost(&world, "acme").await;
    world.clock.advance_ms(STALLED_MS + 1);
    let young = lost(&world, "acme").await;
    assert_eq!(sweep(&world, &world.sweep.at_start()).await, [old.clone(), young.clone()]);
    assert_eq!(sweep(&world, &world.sweep).await, []);
    world.clock.advance_ms(STALLED_MS + 1);
    assert_eq!(sweep(&world, &world.sweep).await, [old, young]);
}
