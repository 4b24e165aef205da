//! Each sample invocation of projector: what it answers and what it changes.

use handlers::SampleDocument::{Neighbour, Report};
use handlers::{SampleDocument, World};
use millrace_domain::{Document, Stage};

use crate::prose::prose;
use crate::queue_samples::PROJECTOR;

async fn view(world: &World, document: SampleDocument) -> Option<Document> {
    world.behind.views.get(&document.key()).await.unwrap().map(|view| view.document)
}

#[test]
fn every_sample_has_a_test() {
    PROJECTOR.assert_all_tested(&[
        "document_unknown",
        "duplicate_in_batch",
        "malformed_body",
        "ordinary",
        "out_of_order",
        "poison_beside_good_neighbours",
        "unknown_event_type",
    ]);
}

/// Events in order are folded without a call back: this world's journal does not have them at all.
#[tokio::test]
async fn ordinary() {
    let world = World::new().await;
    PROJECTOR.run(&world, "ordinary").await;
    let view = view(&world, Report).await.unwrap();
    assert_eq!((view.version.get(), view.stage), (3, Stage::Embed));
    assert_eq!(view.plan.unwrap().chunks, 3);
}

#[tokio::test]
async fn duplicate_in_batch() {
    let world = World::new().await;
    PROJECTOR.run(&world, "duplicate_in_batch").await;
    assert_eq!(view(&world, Report).await.unwrap().version.get(), 2);
    PROJECTOR.run(&world, "duplicate_in_batch").await;
    assert_eq!(view(&world, Report).await.unwrap().version.get(), 2);
}

/// A gap is closed from the history, and what comes late is known by then.
#[tokio::test]
async fn out_of_order() {
    let world = World::new().await;
    let key = world.begin_chunked(Report, &prose("ferry", 9)).await;
    PROJECTOR.run(&world, "out_of_order").await;
    assert_eq!(view(&world, Report).await, Some(world.document(&key).await));
}

#[tokio::test]
async fn malformed_body() {
    let world = World::new().await;
    PROJECTOR.run(&world, "malformed_body").await;
    assert_eq!(PROJECTOR.reasons(&world).await, ["malformed event"]);
}

#[tokio::test]
async fn unknown_event_type() {
    let world = World::new().await;
    PROJECTOR.run(&world, "unknown_event_type").await;
    assert_eq!(PROJECTOR.reasons(&world).await, ["malformed event"]);
    assert_eq!(view(&world, Report).await, None);
}

#[tokio::test]
async fn poison_beside_good_neighbours() {
    let world = World::new().await;
    PROJECTOR.run(&world, "poison_beside_good_neighbours").await;
    assert_eq!(view(&world, Report).await.unwrap().version.get(), 2);
    assert_eq!(view(&world, Neighbour).await.unwrap().version.get(), 1);
    assert_eq!(PROJECTOR.reasons(&world).await.len(), 1);
}

/// An event whose document the history does not have: nothing to show, nothing to repeat.
#[tokio::test]
async fn document_unknown() {
    let world = World::new().await;
    PROJECTOR.run(&world, "document_unknown").await;
    assert_eq!(view(&world, SampleDocument::Unknown).await, None);
    assert_eq!(PROJECTOR.reasons(&world).await.len(), 0);
}
