//! What this index promises beyond the suite: how it uses its two stores, at and beyond their limits.

use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::{ChunkIndex, CollectionName};
use millrace_ports::{
    Candidate, Embedding, ErrorKind, EventStore, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument,
    SearchFilter, SearchIndex, SearchQuery,
};
use millrace_test_support::{SeededIds, Story, builders};
use serde_json::{Map, Value, json};

use super::{BUCKET, World};
use crate::dynamodb::schema::{PARTITION, SORT, TIME_TO_LIVE};
use crate::s3vectors::index_name::index_name;
use crate::s3vectors::vector_key::VectorKey;
use crate::s3vectors::vector_store::{NewVector, VectorStore};
use crate::s3vectors::word_records::Window;

/// Searches the words of one document, the newest.
const ONE_DOCUMENT: Window = Window { bytes: 1024 * 1024, documents: 1 };

struct Papers {
    world: World,
    ids: SeededIds,
}

impl Papers {
    async fn new() -> Self {
        Self { world: World::new().await, ids: SeededIds::new(7) }
    }

    async fn with_window(window: Window) -> Self {
        let Self { world: World { index, events, vectors, dynamodb, words, stand_in }, ids } =
            Self::new().await;
        let index = index.with_window(window);
        Self { world: World { index, events, vectors, dynamodb, words, stand_in }, ids }
    }

    /// A document with these words and vectors, published up to some version of its history.
    async fn written(&self, metadata: Value, texts: &[&str], vectors: &[Embedding], appends: usize) -> Story {
        let mut story = Story::of(&self.ids, "acme");
        for append in story.ingest(&self.ids, texts.len() as u32).into_iter().take(appends) {
            self.world.events.append(append).await.unwrap();
        }
        let chunks: Vec<_> = (0..).zip(texts).map(|(index, text)| chunk(index, text)).collect();
        self.world.index.put_words(&document(&story, metadata), &chunks).await.unwrap();
        let vectors: Vec<_> = (0..).map(ChunkIndex::new).zip(vectors.iter().cloned()).collect();
        self.world.index.put_vectors(&target(&story), &vectors).await.unwrap();
        story
    }

    /// A document that is published whole.
    async fn ready(&self, metadata: Value, texts: &[&str], vectors: &[Embedding]) -> Story {
        self.written(metadata, texts, vectors, usize::MAX).await
    }

    async fn search(&self, query: &SearchQuery) -> Vec<Candidate> {
        self.world.index.search(query).await.unwrap()
    }

    async fn usage(&self, story: &Story) -> IndexUsage {
        self.world.index.usage(&story.key, &CollectionName::default(), None).await.unwrap()
    }

    /// Stores vectors behind the index's back, as a worker does that looked at the words before a purge.
    async fn stray_vector(&self, story: &Story) {
        let key = VectorKey {
            document_id: story.key.document_id,
            generation: story.state().generation,
            chunk: ChunkIndex::new(0),
        };
        let vector = NewVector { key, values: towards(0), metadata: Map::new(), metadata_bytes: 0 };
        let index = index_name(&story.key.tenant_id, &CollectionName::default());
        VectorStore::new(self.world.vectors.clone(), BUCKET.into()).put(&index, vec![vector]).await.unwrap();
    }
}

fn target(story: &Story) -> IndexTarget {
    let generation = story.state().generation;
    IndexTarget { key: story.key.clone(), collection: CollectionName::default(), generation }
}

fn document(story: &Story, metadata: Value) -> IndexedDocument {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    IndexedDocument { target: target(story), filename: "report.pdf".into(), metadata }
}

fn chunk(index: u32, text: &str) -> IndexedChunk {
    let index = ChunkIndex::new(index);
    IndexedChunk { index, page: None, heading: None, start: 0, end: 1, text: text.into() }
}

/// A unit vector that turns away from the first axis, the more the larger the number, up to 1,000.
fn towards(number: u32) -> Embedding {
    let angle = number as f32 * 0.0015;
    Embedding(vec![angle.cos(), angle.sin()])
}

fn asking(text: &str, vector: Option<Embedding>) -> SearchQuery {
    SearchQuery {
        tenant_id: builders::tenant("acme"),
        collection: CollectionName::default(),
        text: text.into(),
        vector,
        filter: SearchFilter::default(),
        candidates: 100,
    }
}

fn texts(found: &[Candidate]) -> Vec<&str> {
    found.iter().map(|hit| hit.chunk.text.as_str()).collect()
}

#[tokio::test]
async fn older_documents_are_found_by_meaning_and_their_words_count() {
    let papers = Papers::with_window(ONE_DOCUMENT).await;
    papers.ready(json!({}), &["an old wing", "an old nozzle"], &[towards(1), towards(2)]).await;
    papers.ready(json!({}), &["a new wing"], &[towards(3)]).await;
    let found = papers.search(&asking("wing", Some(towards(0)))).await;
    assert_eq!(texts(&found), ["an old wing", "an old nozzle", "a new wing"]);
    assert!(found[0].words > 0.0 && found[1].words == 0.0 && found[2].words > 0.0, "{found:?}");
    assert!(found.iter().all(|hit| hit.similarity.is_some_and(|similarity| similarity > 0.99)));
    // By words alone only the window is searched.
    assert_eq!(texts(&papers.search(&asking("wing", None)).await), ["a new wing"]);
}

#[tokio::test]
async fn a_document_that_is_asked_for_is_searched_by_its_words_however_old() {
    let papers = Papers::with_window(ONE_DOCUMENT).await;
    let old = papers.ready(json!({}), &["an old wing", "an old nozzle"], &[towards(1), towards(2)]).await;
    let new = papers.ready(json!({}), &["a new wing"], &[towards(3)]).await;
    let mut query = asking("wing", None);
    query.filter.documents = vec![old.key.document_id];
    assert_eq!(texts(&papers.search(&query).await), ["an old wing"]);
    query.filter.documents = vec![new.key.document_id, old.key.document_id];
    assert_eq!(texts(&papers.search(&query).await), ["an old wing", "a new wing"]);
}

#[tokio::test]
async fn a_window_is_bounded_in_bytes_too() {
    let papers = Papers::with_window(Window { bytes: 1, documents: 100 }).await;
    for text in ["first wing", "second wing", "third wing"] {
        papers.ready(json!({}), &[text], &[towards(1)]).await;
    }
    assert_eq!(texts(&papers.search(&asking("wing", None)).await), ["third wing"]);
}

#[tokio::test]
async fn invisible_vectors_do_not_take_the_place_of_visible_ones() {
    let papers = Papers::new().await;
    papers.ready(json!({}), &["a visible wing"], &[towards(900)]).await;
    let near: Vec<_> = (0..130).map(towards).collect();
    papers.written(json!({}), &["a hidden wing"; 130], &near, 3).await;
    let found = papers.search(&asking("", Some(towards(0)))).await;
    assert_eq!(texts(&found), ["a visible wing"]);
}

#[tokio::test]
async fn a_filter_by_metadata_reaches_beyond_the_hundred_nearest() {
    let papers = Papers::with_window(ONE_DOCUMENT).await;
    // Some of these pairs do not fit into what the service filters by.
    let long = json!({ "year": 2024, "a": "x".repeat(1_500), "b": "y".repeat(1_500), "z": "last" });
    papers.ready(long, &["a far wing"], &[towards(900)]).await;
    let near: Vec<_> = (0..120).map(towards).collect();
    papers.ready(json!({ "year": 2025 }), &["a near wing"; 120], &near).await;
    let mut query = asking("", Some(towards(0)));
    let pairs =
        [json!({ "year": 2024 }), json!({ "z": "last" }), json!({ "b": "y".repeat(1_500), "year": 2024 })];
    for pairs in pairs {
        query.filter.metadata = pairs.as_object().unwrap().clone();
        assert_eq!(texts(&papers.search(&query).await), ["a far wing"], "{pairs}");
    }
    query.filter.metadata = json!({ "z": "other" }).as_object().unwrap().clone();
    assert!(papers.search(&query).await.is_empty());
}

#[tokio::test]
async fn a_chunk_that_is_too_long_for_its_vector_is_refused_with_its_words() {
    let papers = Papers::new().await;
    let story = Story::of(&papers.ids, "acme");
    let mut story = story;
    story.upload(&papers.ids);
    let long = chunk(0, &"wing ".repeat(9_000));
    let refused = papers.world.index.put_words(&document(&story, json!({})), &[long]).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(papers.usage(&story).await, IndexUsage::default());
}

#[tokio::test]
async fn many_workers_may_bring_the_first_vectors_at_once() {
    let papers = Papers::new().await;
    let texts: Vec<_> = (0..40).map(|n| format!("wing {n}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let story = papers.ready(json!({}), &texts, &[]).await;
    let batches: Vec<Vec<_>> = (0..8)
        .map(|batch| (batch * 5..batch * 5 + 5).map(|n| (ChunkIndex::new(n), towards(n))).collect())
        .collect();
    let target = target(&story);
    let puts = batches.iter().map(|batch| papers.world.index.put_vectors(&target, batch));
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(papers.usage(&story).await, IndexUsage { chunks: 40, vectors: 40 });
}

#[tokio::test]
async fn writers_of_one_part_do_not_lose_each_others_chunks() {
    let papers = Papers::new().await;
    let story = papers.ready(json!({}), &["wing zero"], &[]).await;
    let document = document(&story, json!({}));
    let chunks: Vec<_> = (1..4).map(|n| [chunk(n, &format!("wing {n}"))]).collect();
    let puts = chunks.iter().map(|chunk| papers.world.index.put_words(&document, chunk));
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(
        texts(&papers.search(&asking("wing", None)).await),
        ["wing zero", "wing 1", "wing 2", "wing 3"]
    );
}

#[tokio::test]
async fn vectors_of_a_straggler_are_counted_and_purged() {
    let papers = Papers::new().await;
    let story = papers.ready(json!({}), &["a wing"], &[towards(1)]).await;
    let purge = || papers.world.index.purge(&story.key, &story.collection, None, None);
    assert_eq!(purge().await.unwrap(), IndexUsage { chunks: 1, vectors: 1 });
    papers.stray_vector(&story).await;
    assert_eq!(papers.usage(&story).await, IndexUsage { chunks: 0, vectors: 1 });
    assert_eq!(purge().await.unwrap(), IndexUsage { chunks: 0, vectors: 1 });
    assert_eq!(papers.usage(&story).await, IndexUsage::default());
}

#[tokio::test]
async fn what_is_remembered_of_a_purged_generation_expires_unless_it_is_written_again() {
    let papers = Papers::new().await;
    let story = papers.ready(json!({}), &["a wing", "a nozzle"], &[]).await;
    let expires = async || {
        let World { dynamodb, words, .. } = &papers.world;
        let scan = dynamodb.scan().table_name(words.as_str()).send().await.unwrap();
        let extents = scan.items().iter().filter(|item| item[SORT].as_s().unwrap().starts_with("e:"));
        let extents: Vec<_> = extents.collect();
        assert_eq!(extents.len(), 1);
        assert_eq!(extents[0][PARTITION], AttributeValue::S("acme#default".into()));
        extents[0].contains_key(TIME_TO_LIVE)
    };
    assert!(!expires().await);
    papers.world.index.purge(&story.key, &story.collection, None, None).await.unwrap();
    assert!(expires().await);
    papers.world.index.put_words(&document(&story, json!({})), &[chunk(0, "a wing")]).await.unwrap();
    assert!(!expires().await);
    assert_eq!(papers.usage(&story).await, IndexUsage { chunks: 1, vectors: 0 });
}
