//! Requests under an idempotency key: repeated, changed, at once, and taken over from one that died at any of its calls.

use handlers::World;
use millrace_application::AcceptError;
use millrace_domain::{DocumentKey, QueueName, Status};
use millrace_ports::ListQuery;
use millrace_test_support::Fault;
use millrace_test_support::builders::tenant;

use crate::prose::prose;

const KEY: Option<&str> = Some("upload-7");
/// Longer than the lease of a request.
const PAST_THE_LEASE_MS: u64 = 31_000;

/// All documents of the tenant, as lists show them.
async fn listed(world: &World) -> Vec<DocumentKey> {
    let query = ListQuery {
        tenant_id: tenant("acme"),
        collection: None,
        status: None,
        label: None,
        after: None,
        limit: 100,
    };
    world.behind.views.list(&query).await.unwrap().views.into_iter().map(|view| view.key).collect()
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer() {
    let world = World::new().await;
    let text = prose("ferry", 9);
    let first = world.try_upload(&text, KEY).await.unwrap();
    let second = world.try_upload(&text, KEY).await.unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!((&first.key, first.job_id, first.version), (&second.key, second.job_id, second.version));
    // The first might have died before it sent its job.
    assert_eq!(world.depth(QueueName::Ingest).await.visible, 2);
    world.settle().await;
    world.check_history(&first.key).await;
    let third = world.try_upload(&text, KEY).await.unwrap();
    assert_eq!((third.key, third.replayed), (first.key.clone(), true));
    assert!(world.is_idle().await, "a document that is past it needs no job");
    assert_eq!(listed(&world).await, [first.key]);
    world.clock.advance_ms(1);
    assert_eq!(world.behind.blobs.old_sources(None, 0, 10).await.unwrap().len(), 1, "repeated contents stay");
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let world = World::new().await;
    world.try_upload(&prose("ferry", 9), KEY).await.unwrap();
    let refused = world.try_upload(&prose("lighthouse", 9), KEY).await;
    assert!(matches!(refused, Err(AcceptError::KeyReused)), "{refused:?}");
}

/// The first stands still before its append; the second, after the lease, makes the document; the first finds its claim
/// lost and has no effect.
#[tokio::test]
async fn of_two_requests_one_takes_effect() {
    let world = World::new().await;
    let text = prose("ferry", 9);
    world.faults.arm_next("event_store.append", Fault::HaltBefore);
    let mut first = Box::pin(world.try_upload(&text, KEY));
    assert!(world.faults.until_halt(first.as_mut()).await.is_none());
    let at_once = world.try_upload(&text, KEY).await;
    assert!(matches!(at_once, Err(AcceptError::InProgress)), "{at_once:?}");
    world.clock.advance_ms(PAST_THE_LEASE_MS);
    let second = world.try_upload(&text, KEY).await.unwrap();
    assert!(!second.replayed);
    world.faults.resume();
    let first = first.await;
    assert!(first.is_err(), "{first:?}");
    world.settle().await;
    assert_eq!(listed(&world).await, std::slice::from_ref(&second.key));
    assert_eq!(world.document(&second.key).await.status, Status::Ready);
    let again = world.try_upload(&text, KEY).await.unwrap();
    assert_eq!((again.key, again.replayed), (second.key, true));
}

/// The request fails or dies at each of its calls; the client asks again. One document, ready, and one content.
#[tokio::test]
async fn a_request_that_fails_at_any_call_can_be_repeated() {
    let text = prose("ferry", 9);
    for fault in Fault::ALL {
        for number in 0.. {
            let world = World::new().await;
            world.faults.arm(&[(number, fault)]);
            let mut first = Box::pin(world.try_upload(&text, KEY));
            let answer = world.faults.until_halt(first.as_mut()).await;
            drop(first);
            world.faults.resume();
            let fired = world.faults.fired();
            if fired.is_empty() {
                assert!(number > 3, "an upload makes only {number} calls");
                break;
            }
            world.clock.advance_ms(PAST_THE_LEASE_MS);
            let second = world.try_upload(&text, KEY).await;
            let second = second.unwrap_or_else(|error| panic!("{fired:?}: {error} after {answer:?}"));
            world.settle().await;
            world.check_history(&second.key).await;
            assert_eq!(world.document(&second.key).await.status, Status::Ready, "{fired:?}");
            assert_eq!(listed(&world).await, [second.key], "{fired:?}");
            world.clock.advance_ms(3_700_000);
            world.fire_schedule().await.unwrap();
            let sources = world.behind.blobs.old_sources(None, 0, 10).await.unwrap();
            assert_eq!(sources.len(), 1, "{fired:?}: contents left over");
        }
    }
}
