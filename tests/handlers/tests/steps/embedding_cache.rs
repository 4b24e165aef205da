//! What was embedded once is not paid for again: by a copy, a retry, or a new generation of which little changed. Tenants
//! do not share.

use std::collections::BTreeSet;

use handlers::{Answer, World};
use millrace_domain::{DocumentEvent, DocumentKey, Generation, QueueName, Status};
use millrace_test_support::builders::{tenant, trace};

use crate::prose::prose;

/// Vectors from the cache, according to the history.
async fn cached(world: &World, key: &DocumentKey) -> u32 {
    let history = world.history(key).await;
    let cached = |event: &DocumentEvent| match event {
        DocumentEvent::ChunksEmbedded(embedded) => embedded.cached,
        _ => 0,
    };
    history.iter().map(|envelope| cached(&envelope.event)).sum()
}

#[tokio::test]
async fn a_second_document_with_the_same_text_embeds_nothing() {
    let world = World::new().await;
    let first = world.ready(&prose("ferry", 9)).await;
    let paid = world.embedder.passages();
    let second = world.ready(&prose("ferry", 9)).await;
    assert_eq!(world.embedder.passages(), paid);
    assert_eq!(cached(&world, &first).await, 0);
    assert_eq!(cached(&world, &second).await as usize, paid);
    assert_eq!(world.stored(&second, None).await.vectors as usize, paid);
}

#[tokio::test]
async fn another_tenant_pays_for_itself() {
    let world = World::new().await;
    world.ready(&prose("ferry", 9)).await;
    let paid = world.embedder.passages();
    let content = world.content(&prose("ferry", 9), None);
    world.upload.run(tenant("other"), content).await.unwrap();
    world.settle().await;
    assert_eq!(world.embedder.passages(), 2 * paid);
}

#[tokio::test]
async fn a_new_generation_pays_for_what_changed() {
    let world = World::new().await;
    let text = prose("ferry", 12);
    let key = world.ready(&text).await;
    let paid = world.embedder.passages();
    world.replace(&key, &format!("{text}\n\n{}", prose("lighthouse", 2))).await;
    world.settle().await;
    let document = world.document(&key).await;
    assert_eq!((document.status, document.generation), (Status::Ready, Generation::new(2)));
    let chunks = document.embedded_chunks as usize;
    let changed = world.embedder.passages() - paid;
    assert!(changed > 0 && changed < chunks, "{changed} of {chunks} chunks were embedded anew");
}

#[tokio::test]
async fn deletion_forgets_the_vectors_of_the_text() {
    let world = World::new().await;
    let key = world.ready(&prose("ferry", 9)).await;
    let hashes = world.chunk_hashes(&key, Generation::FIRST).await;
    assert_eq!(world.cached(&key, &hashes).await, hashes.len());
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    world.settle().await;
    assert_eq!(world.cached(&key, &hashes).await, 0);
}

#[tokio::test]
async fn a_superseded_generation_takes_the_vectors_of_its_own_texts_with_it() {
    let world = World::new().await;
    let key = world.ready(&format!("{}\n\n{}", prose("ferry", 9), prose("lighthouse", 2))).await;
    let first = world.chunk_hashes(&key, Generation::FIRST).await;
    world.replace(&key, &format!("{}\n\n{}", prose("ferry", 9), prose("harbour", 2))).await;
    world.settle().await;
    let second = world.chunk_hashes(&key, Generation::new(2)).await;
    let (kept, changed): (Vec<_>, Vec<_>) = first.into_iter().partition(|hash| second.contains(hash));
    assert!(!kept.is_empty() && !changed.is_empty(), "{} kept, {} changed", kept.len(), changed.len());
    assert_eq!(world.cached(&key, &changed).await, 0, "vectors of texts that are nowhere any more");
    assert_eq!(world.cached(&key, &second).await, second.len(), "vectors of the current texts");
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    world.settle().await;
    assert_eq!(world.cached(&key, &[kept, changed, second].concat()).await, 0);
}

/// Both are purged by one deletion, since the earlier one's own purge has not come yet.
#[tokio::test]
async fn a_text_of_two_generations_is_counted_once_in_the_receipt() {
    let world = World::new().await;
    let text = prose("ferry", 9);
    let key = world.ready(&text).await;
    world.replace(&key, &format!("{text}\n\n{}", prose("harbour", 2))).await;
    for queue in [QueueName::Ingest, QueueName::Embed] {
        while world.deliver(queue, 1).await != Answer::Nothing {}
    }
    world.drop_messages(QueueName::Purge).await;
    let (first, second) = (
        world.chunk_hashes(&key, Generation::FIRST).await,
        world.chunk_hashes(&key, Generation::new(2)).await,
    );
    let distinct: BTreeSet<_> = first.iter().chain(&second).map(|hash| hash.as_str()).collect();
    assert!(distinct.len() < first.len() + second.len(), "no text is in both");
    world.delete.run(&key, None, &trace(&*world.ids)).await.unwrap();
    world.settle().await;
    let receipt = world.document(&key).await.deletion.unwrap().receipt.unwrap();
    assert_eq!(receipt.cached_vectors, distinct.len() as u64);
}
