//! Moving the sample tenant's collection to another model: starting it, driving the saga as a schedule and the queues do, and
//! what lies in which index space.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail by themselves")]

use std::pin::pin;
use std::sync::Arc;

use millrace_application::ReembedRequest;
use millrace_domain::{
    Collection, CollectionName, DocumentKey, IndexSpace, QueueName, Reembedding, ReembeddingFailure,
    ReembeddingStepName,
};
use millrace_function_runtime::to_sqs_event;
use millrace_ports::{Embedder, EmbeddingPurpose, IndexUsage, SearchFilter, SearchQuery};
use millrace_test_support::builders::{model, tenant, trace};

use crate::{FURTHER_MODEL, SAMPLE_TENANT, World};

/// Most rounds until a saga must have ended.
const ROUNDS_MAX: usize = 600;
/// How far the clock moves on between two rounds, in milliseconds.
const PAUSE_MS: u64 = 20_000;

impl World {
    /// The record of the collection that all samples are in.
    pub async fn collection(&self) -> Collection {
        let (tenant, name) = (tenant(SAMPLE_TENANT), CollectionName::default());
        self.behind.collections.get(&tenant, &name).await.expect("reading works").expect("it was used")
    }

    /// What is asked for when that collection is to be moved.
    pub fn reembed_request(&self, model_name: &str) -> ReembedRequest {
        ReembedRequest {
            tenant_id: tenant(SAMPLE_TENANT),
            collection: CollectionName::default(),
            model: Some(model(model_name)),
            trace: trace(&*self.ids),
        }
    }

    /// Sets its move to the further model in motion.
    pub async fn start_moving(&self) {
        let request = self.reembed_request(FURTHER_MODEL);
        self.start_reembedding.run(request).await.expect("the move is started");
    }

    /// One slice of the saga, and everything that it put on queues. A slice may die or fail; the next goes on.
    pub async fn move_on(&self) {
        let mut slice = pin!(self.sweep.reembeddings.run());
        if self.faults.until_halt(slice.as_mut()).await.is_none() {
            self.faults.resume();
        }
        self.work_off().await;
    }

    /// Drives the saga until its current step is this one, which is not worked at yet; or until it has ended.
    pub async fn move_to(&self, step: ReembeddingStepName) {
        for _ in 0..ROUNDS_MAX {
            match self.collection().await.reembedding.and_then(|saga| saga.step_name()) {
                None => return,
                Some(current) if current == step => return,
                Some(_) => {}
            }
            self.move_on().await;
            self.clock.advance_ms(PAUSE_MS);
        }
        panic!("the saga did not come to {step}");
    }

    /// Drives the saga until it has ended, and everything until it rests.
    pub async fn moved(&self) -> Reembedding {
        for _ in 0..ROUNDS_MAX {
            self.move_on().await;
            if let Collection { reembedding: None, last_reembedding: Some(ended), .. } =
                self.collection().await
            {
                self.settle().await;
                return ended;
            }
            self.clock.advance_ms(PAUSE_MS);
        }
        panic!("the saga did not come to an end: {:?}", self.collection().await.reembedding);
    }

    /// Drives the saga until something holds it up.
    pub async fn held_up(&self) -> ReembeddingFailure {
        for _ in 0..ROUNDS_MAX {
            self.move_on().await;
            let saga = self.collection().await.reembedding.expect("the saga has not ended");
            if let Some(held_up_by) = saga.held_up_by {
                return held_up_by;
            }
            self.clock.advance_ms(PAUSE_MS);
        }
        panic!("nothing holds the saga up");
    }

    /// Drives the saga alone, in one task: a call that halts holds everything up.
    pub async fn moved_without_deaths(&self) {
        for _ in 0..ROUNDS_MAX {
            self.sweep.reembeddings.run().await.expect("nothing fails");
            let received =
                self.behind.consumer.receive(QueueName::Embed, 10, 0).await.expect("receive works");
            if !received.is_empty() {
                let receipts: Vec<_> = received.iter().map(|message| message.receipt.clone()).collect();
                self.handle(QueueName::Embed, to_sqs_event(QueueName::Embed, received)).await;
                self.behind.consumer.delete(QueueName::Embed, &receipts).await.expect("delete works");
            }
            if self.collection().await.reembedding.is_none() {
                return;
            }
            self.clock.advance_ms(PAUSE_MS);
        }
        panic!("the saga did not come to an end");
    }

    /// What a space holds of a document.
    pub async fn stored_in(&self, key: &DocumentKey, space: u32) -> IndexUsage {
        let name = CollectionName::default().in_space(IndexSpace::new(space));
        self.behind.index.usage(key, &name, None).await.expect("usage works")
    }

    /// Holds that a search made now sees all of a ready document: each of its chunks, by its words and with a vector of the
    /// collection's model.
    ///
    /// # Panics
    /// If it is not so.
    pub async fn assert_seen_whole(&self, key: &DocumentKey, word: &str) {
        let (collection, document) = (self.collection().await, self.document(key).await);
        let first: Arc<dyn Embedder> = self.embedder.clone();
        let further: Arc<dyn Embedder> = self.further.clone();
        let embedders = [first, further];
        let embedder = embedders.iter().find(|embedder| embedder.model().id == collection.model);
        let embedder = embedder.expect("the collection has one of the two models");
        let vector = embedder.embed(&[word], EmbeddingPurpose::Query).await.expect("queries do not fail");
        let query = SearchQuery {
            tenant_id: key.tenant_id.clone(),
            collection: collection.name.in_space(collection.space),
            text: word.into(),
            vector: vector.into_iter().next(),
            filter: SearchFilter { documents: vec![key.document_id], ..SearchFilter::default() },
            candidates: 300,
        };
        let found = self.behind.index.search(&query).await.expect("the vectors have the model's length");
        let chunks = document.plan.expect("it was chunked").chunks as usize;
        assert_eq!(found.len(), chunks, "chunks of {word} seen in space {}", collection.space);
        assert!(found.iter().all(|candidate| candidate.similarity.is_some()), "a chunk without its vector");
        assert!(found.iter().all(|candidate| candidate.words > 0.0), "a chunk without its words");
        assert_eq!(self.hits(key, word).await, chunks, "hits for {word}");
    }
}
