//! A collection's vectors come from one model: contents, batches and queries under another are refused.

use std::sync::Arc;

use handlers::{TINY_MODEL, TinyEmbedder, World};
use millrace_application::{
    AcceptError, EmbedChunks, Embedders, SearchDocuments, SearchError, SearchRequest,
};
use millrace_domain::{CollectionName, QueueName, Status};
use millrace_embed_worker::Embeds;
use millrace_function_runtime::to_sqs_event;
use millrace_ports::SearchFilter;
use millrace_test_support::builders::tenant;

use crate::prose::prose;

#[tokio::test]
async fn a_content_under_another_model_is_refused_and_not_kept() {
    let world = World::new().await;
    world.ready(&prose("ferry", 3)).await;
    let upload = world.upload_with_model(&TinyEmbedder::named("tiny-2"));
    let refused = upload.run(tenant("acme"), world.content(&prose("lighthouse", 3), None)).await;
    let Err(AcceptError::ModelMismatch { collection_model, server_model }) = refused else {
        panic!("{refused:?}")
    };
    assert!(collection_model.starts_with(TINY_MODEL) && server_model.starts_with("tiny-2"));
    world.clock.advance_ms(1);
    assert_eq!(world.behind.blobs.old_sources(None, 0, 10).await.unwrap().len(), 1);
    assert!(world.is_idle().await);
    // Another tenant's collection of the same name is another collection.
    upload.run(tenant("other"), world.content(&prose("lighthouse", 3), None)).await.unwrap();
}

#[tokio::test]
async fn a_query_under_another_model_is_refused() {
    let world = World::new().await;
    world.ready(&prose("ferry", 3)).await;
    let embedders = Embedders::only(Arc::new(TinyEmbedder::named("tiny-2")));
    let search = SearchDocuments { embedders, ..world.search.clone() };
    let request = SearchRequest {
        tenant_id: tenant("acme"),
        collection: CollectionName::default(),
        query: "ferry".into(),
        limit: 10,
        hits_per_document_max: None,
        filter: SearchFilter::default(),
    };
    let refused = search.run(request).await;
    assert!(matches!(refused, Err(SearchError::ModelMismatch { .. })), "{refused:?}");
}

/// A worker that was deployed without the collection's model while a document was half done: it must not mix them.
#[tokio::test]
async fn a_worker_without_the_collections_model_writes_no_vectors() {
    let world = World::new().await;
    let key = world.upload(&prose("ferry", 9)).await;
    world.deliver(QueueName::Ingest, 1).await;
    world.deliver(QueueName::Embed, 1).await;
    let embedders = Embedders::only(Arc::new(TinyEmbedder::named("tiny-2")));
    let chunks = EmbedChunks { embedders, ..world.embed.chunks.clone() };
    let other = Embeds { chunks, ..world.embed.clone() };
    let before = world.stored(&key, None).await;
    let received = world.behind.consumer.receive(QueueName::Embed, 1, 0).await.unwrap();
    let event = to_sqs_event(QueueName::Embed, received);
    millrace_embed_worker::handle(&other, &*world.behind.queue, event).await;
    assert_eq!(world.stored(&key, None).await, before);
    // With the model back the document is completed.
    world.settle().await;
    assert_eq!(world.document(&key).await.status, Status::Ready);
    let stored = world.stored(&key, None).await;
    assert_eq!(stored.chunks, stored.vectors);
}
