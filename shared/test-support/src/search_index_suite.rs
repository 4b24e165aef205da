//! What every search index must do: one case for each promise of the port. Run it with `search_index_suite!`.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use millrace_domain::{ChunkIndex, CollectionName, Generation, TenantId, Version};
use millrace_ports::{
    Append, Candidate, Embedding, ErrorKind, EventStore, IndexTarget, IndexUsage, IndexedChunk,
    IndexedDocument, SearchFilter, SearchIndex, SearchQuery,
};
use serde_json::{Value, json};

use crate::builders::{collection, tenant};
use crate::{SeededIds, Story, split_mix};

/// What the suite needs of an implementation: a new, empty index and the event store whose heads it follows.
pub struct SearchIndexFixture {
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// The store that publishes.
    pub events: Arc<dyn EventStore>,
    /// Whatever must live as long, for example a temporary folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for SearchIndexFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SearchIndexFixture").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! search_index_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            search_index_suite,
            $fixture,
            [
                nothing_is_visible_by_being_written,
                words_are_visible_once_chunked_and_vectors_once_completed,
                a_later_generation_replaces_the_earlier_in_one_switch,
                a_switch_is_never_seen_half_way,
                a_stale_worker_cannot_publish,
                a_deleted_document_is_gone_at_once,
                a_failed_document_is_gone_at_once,
                writing_a_chunk_again_replaces_it,
                chunks_may_come_in_several_parts,
                a_hit_carries_the_chunk_as_it_was_written,
                the_most_similar_are_among_the_answer,
                the_best_by_words_are_among_the_answer,
                each_candidate_has_both_kinds_of_evidence,
                without_a_vector_only_words_count,
                a_question_without_words_finds_by_meaning,
                invisible_chunks_do_not_count_in_the_statistics,
                equal_evidence_is_ordered_by_document_and_chunk,
                the_same_search_gives_the_same_answer,
                a_filter_names_documents,
                a_filter_asks_for_metadata,
                a_filter_leaves_the_best_of_the_rest,
                tenants_and_collections_are_apart,
                a_purge_removes_one_generation,
                a_purge_that_stood_still_removes_nothing,
                a_purge_of_everything_leaves_nothing,
                vectors_of_purged_chunks_do_not_come_back,
                an_unknown_collection_is_empty,
            ]
        );
    };
}

/// Writes documents the way the workers do.
struct Writer<'a> {
    fixture: &'a SearchIndexFixture,
    ids: SeededIds,
}

impl<'a> Writer<'a> {
    fn new(fixture: &'a SearchIndexFixture) -> Self {
        Self { fixture, ids: SeededIds::new(42) }
    }

    async fn append(&self, append: Append) {
        self.fixture.events.append(append).await.unwrap();
    }

    /// A document that was uploaded and extracted.
    async fn uploaded_in(&self, tenant_name: &str, name: &str) -> Story {
        let mut story = Story::of(&self.ids, tenant_name);
        story.collection = collection(name);
        let (upload, extract) = (story.upload(&self.ids), story.extract(&self.ids));
        self.append(upload).await;
        self.append(extract).await;
        story
    }

    async fn uploaded(&self) -> Story {
        self.uploaded_in("acme", "papers").await
    }

    /// Another content, extracted.
    async fn replaced(&self, story: &mut Story) {
        let (replace, extract) = (story.replace(&self.ids, "new.pdf"), story.extract(&self.ids));
        self.append(replace).await;
        self.append(extract).await;
    }

    async fn put_words(&self, story: &Story, texts: &[&str]) {
        let chunks: Vec<_> = (0..).zip(texts).map(|(index, text)| chunk(index, text)).collect();
        self.fixture.index.put_words(&document(story, json!({})), &chunks).await.unwrap();
    }

    async fn put_vectors(&self, story: &Story, vectors: &[Embedding]) {
        let vectors: Vec<_> =
            (0..).map(ChunkIndex::new).zip(vectors).map(|(index, vector)| (index, vector.clone())).collect();
        self.fixture.index.put_vectors(&target(story), &vectors).await.unwrap();
    }

    async fn chunked(&self, story: &mut Story, chunks: usize) {
        let chunks = u32::try_from(chunks).unwrap();
        self.append(story.chunk(&self.ids, chunks, chunks)).await;
    }

    async fn completed(&self, story: &mut Story) {
        self.append(story.embed(&self.ids, 0)).await;
    }

    /// A document whose words are published.
    async fn worded(&self, texts: &[&str]) -> Story {
        let mut story = self.uploaded().await;
        self.put_words(&story, texts).await;
        self.chunked(&mut story, texts.len()).await;
        story
    }

    /// A document that is published whole.
    async fn ready(&self, texts: &[&str], vectors: &[Embedding]) -> Story {
        let mut story = self.worded(texts).await;
        self.put_vectors(&story, vectors).await;
        self.completed(&mut story).await;
        story
    }

    async fn search(&self, query: &SearchQuery) -> Vec<Candidate> {
        self.fixture.index.search(query).await.unwrap()
    }

    /// The texts that are found, in the order of documents and chunks.
    async fn texts(&self, query: &SearchQuery) -> Vec<String> {
        let mut found = self.search(query).await;
        found.sort_by_key(|candidate| (candidate.document_id, candidate.chunk.index));
        found.into_iter().map(|candidate| candidate.chunk.text).collect()
    }

    async fn usage(&self, story: &Story, generation: Option<Generation>) -> IndexUsage {
        self.fixture.index.usage(&story.key, &story.collection, generation).await.unwrap()
    }

    async fn purge(&self, story: &Story, generation: Option<Generation>) -> IndexUsage {
        self.fixture.index.purge(&story.key, &story.collection, generation, None).await.unwrap()
    }
}

fn target(story: &Story) -> IndexTarget {
    let generation = story.state().generation;
    IndexTarget { key: story.key.clone(), collection: story.collection.clone(), generation }
}

fn document(story: &Story, metadata: Value) -> IndexedDocument {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    IndexedDocument { target: target(story), filename: story.state().filename.clone(), metadata }
}

fn chunk(index: u32, text: &str) -> IndexedChunk {
    let end = text.len() as u64;
    IndexedChunk {
        index: ChunkIndex::new(index),
        page: None,
        heading: None,
        start: 0,
        end,
        text: text.to_owned(),
    }
}

fn asking(text: &str) -> SearchQuery {
    SearchQuery {
        tenant_id: tenant("acme"),
        collection: collection("papers"),
        text: text.to_owned(),
        vector: None,
        filter: SearchFilter::default(),
        candidates: 100,
    }
}

fn by_vector(text: &str, vector: Embedding, candidates: usize) -> SearchQuery {
    SearchQuery { vector: Some(vector), candidates, ..asking(text) }
}

/// A unit vector of 32 numbers that follows from a seed.
fn vector(seed: u64) -> Embedding {
    let value = |at: u64| (split_mix(split_mix(seed) ^ at) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
    let values: Vec<f32> = (0..32).map(value).collect();
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    Embedding(values.into_iter().map(|value| value / norm).collect())
}

fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    a.0.iter().zip(&b.0).map(|(a, b)| a * b).sum()
}

/// How far a similarity may be off, because vectors may be kept in 8 bits.
const PRECISION: f32 = 0.02;

/// What was written but not published is found neither by words nor by meaning.
pub async fn nothing_is_visible_by_being_written(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let story = writer.uploaded().await;
    writer.put_words(&story, &["a wing in a slipstream"]).await;
    writer.put_vectors(&story, &[vector(1)]).await;
    assert!(writer.search(&by_vector("wing", vector(1), 10)).await.is_empty());
}

/// `DocumentChunked` publishes words, `IngestionCompleted` vectors.
pub async fn words_are_visible_once_chunked_and_vectors_once_completed(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.worded(&["a wing", "a propeller"]).await;
    writer.put_vectors(&story, &[vector(1), vector(2)]).await;
    let found = writer.search(&by_vector("wing", vector(2), 10)).await;
    assert_eq!(found.iter().map(|hit| hit.chunk.text.as_str()).collect::<Vec<_>>(), ["a wing"]);
    assert!(found[0].words > 0.0 && found[0].similarity.is_none());
    writer.completed(&mut story).await;
    let query = by_vector("wing", vector(2), 10);
    assert_eq!(writer.texts(&query).await, ["a wing", "a propeller"]);
    assert!(writer.search(&query).await.iter().all(|hit| hit.similarity.is_some()));
}

/// The old generation stays until the new one is complete; then only the new one is found.
pub async fn a_later_generation_replaces_the_earlier_in_one_switch(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.ready(&["old wing"], &[vector(1)]).await;
    let query = by_vector("wing", vector(2), 10);
    writer.replaced(&mut story).await;
    writer.put_words(&story, &["new wing", "another wing"]).await;
    writer.put_vectors(&story, &[vector(2), vector(3)]).await;
    assert_eq!(writer.texts(&query).await, ["old wing"]);
    writer.chunked(&mut story, 2).await;
    assert_eq!(writer.texts(&query).await, ["old wing"]);
    writer.completed(&mut story).await;
    assert_eq!(writer.texts(&query).await, ["new wing", "another wing"]);
    let found = writer.search(&query).await;
    assert!(found.iter().all(|hit| hit.generation == story.state().generation && hit.filename == "new.pdf"));
}

/// Searches that run while generations are replaced see one or the other, whole.
pub async fn a_switch_is_never_seen_half_way(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let texts = ["first wing", "second wing", "third wing"];
    let vectors = [vector(1), vector(2), vector(3)];
    let mut story = writer.ready(&texts, &vectors).await;
    let replacing = async {
        for _ in 0..20 {
            let old = story.state().generation;
            writer.replaced(&mut story).await;
            writer.put_words(&story, &texts).await;
            writer.put_vectors(&story, &vectors).await;
            writer.chunked(&mut story, 3).await;
            writer.completed(&mut story).await;
            writer.purge(&story, Some(old)).await;
        }
    };
    let searching = async {
        let mut seen = Generation::FIRST;
        for _ in 0..200 {
            let found = writer.search(&by_vector("wing", vector(2), 10)).await;
            assert_eq!(found.len(), 3, "{found:?}");
            assert!(found.iter().all(|hit| hit.generation == found[0].generation), "{found:?}");
            assert!(found[0].generation >= seen, "generation {} after {seen}", found[0].generation);
            seen = found[0].generation;
        }
    };
    futures::join!(replacing, searching);
}

/// What is written under a generation that is not published stays invisible, before and after.
pub async fn a_stale_worker_cannot_publish(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.ready(&["first wing"], &[vector(1)]).await;
    let stale = story.clone();
    writer.replaced(&mut story).await;
    writer.put_words(&story, &["second wing"]).await;
    writer.put_vectors(&story, &[vector(2)]).await;
    writer.chunked(&mut story, 1).await;
    writer.completed(&mut story).await;
    writer.put_words(&stale, &["stale wing"]).await;
    writer.put_vectors(&stale, &[vector(3)]).await;
    assert_eq!(writer.texts(&by_vector("wing", vector(3), 10)).await, ["second wing"]);
}

/// The tombstone is enough; nothing need be purged.
pub async fn a_deleted_document_is_gone_at_once(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.ready(&["a wing"], &[vector(1)]).await;
    writer.ready(&["another wing"], &[vector(2)]).await;
    writer.append(story.delete(&writer.ids)).await;
    assert_eq!(writer.texts(&by_vector("wing", vector(1), 10)).await, ["another wing"]);
}

/// A document that fails after its words were published is withdrawn.
pub async fn a_failed_document_is_gone_at_once(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.worded(&["a wing"]).await;
    assert_eq!(writer.texts(&asking("wing")).await, ["a wing"]);
    writer.append(story.fail(&writer.ids)).await;
    assert!(writer.search(&asking("wing")).await.is_empty());
}

/// Same document, generation and chunk: one entry, the last one; names and metadata too.
pub async fn writing_a_chunk_again_replaces_it(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let story = writer.ready(&["a wing", "a nozzle"], &[vector(1), vector(2)]).await;
    let renamed = IndexedDocument { filename: "renamed.pdf".into(), ..document(&story, json!({ "a": 1 })) };
    writer.fixture.index.put_words(&renamed, &[chunk(0, "a rudder")]).await.unwrap();
    writer.put_vectors(&story, &[vector(3)]).await;
    assert!(writer.search(&asking("wing")).await.is_empty());
    assert_eq!(writer.texts(&asking("rudder nozzle")).await, ["a rudder", "a nozzle"]);
    let found = writer.search(&by_vector("rudder", vector(3), 1)).await;
    assert!(found[0].similarity.is_some_and(|similarity| similarity > 1.0 - PRECISION), "{found:?}");
    assert_eq!(found[0].filename, "renamed.pdf");
    assert_eq!(writer.usage(&story, None).await, IndexUsage { chunks: 2, vectors: 2 });
}

/// One generation in several calls, in any order.
pub async fn chunks_may_come_in_several_parts(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.uploaded().await;
    let document = document(&story, json!({}));
    for numbers in [300..310, 0..150, 150..300] {
        let chunks: Vec<_> = numbers.map(|n| chunk(n, &format!("wing number{n}"))).collect();
        writer.fixture.index.put_words(&document, &chunks).await.unwrap();
    }
    writer.fixture.index.put_words(&document, &[]).await.unwrap();
    writer.chunked(&mut story, 310).await;
    for n in [0, 149, 150, 299, 300, 309] {
        assert_eq!(writer.texts(&asking(&format!("number{n}"))).await, [format!("wing number{n}")]);
    }
    assert_eq!(writer.search(&asking("wing")).await.len(), 100);
    assert_eq!(writer.usage(&story, None).await, IndexUsage { chunks: 310, vectors: 0 });
}

/// Text, page, heading and offsets come back.
pub async fn a_hit_carries_the_chunk_as_it_was_written(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.uploaded().await;
    let written = IndexedChunk {
        index: ChunkIndex::new(0),
        page: Some(7),
        heading: Some("Über Flügel › 翼".into()),
        start: 3_000_000_000,
        end: 3_000_000_123,
        text: "Der Flügel\n\n翼 \u{1f600} 'quoted' \"text\"".into(),
    };
    let document = document(&story, json!({}));
    writer.fixture.index.put_words(&document, std::slice::from_ref(&written)).await.unwrap();
    writer.chunked(&mut story, 1).await;
    let found = writer.search(&asking("flügel")).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].chunk, written);
    assert_eq!((found[0].document_id, found[0].filename.as_str()), (story.key.document_id, "report.pdf"));
}

/// The best by meaning are exactly those that comparing with every vector gives.
pub async fn the_most_similar_are_among_the_answer(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut all = Vec::new();
    for part in 0..4_u64 {
        let vectors: Vec<_> = (0..75).map(|n| vector(part * 1_000 + n)).collect();
        let texts: Vec<_> = (0..75).map(|n| format!("text {n} of part {part}")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let story = writer.ready(&texts, &vectors).await;
        all.extend((0..).zip(vectors).map(|(index, vector)| ((story.key.document_id, index), vector)));
    }
    for seed in 0..20 {
        let question = vector(seed + 50_000);
        let mut ranked: Vec<_> =
            all.iter().map(|(name, vector)| (cosine(vector, &question), *name)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = writer.search(&by_vector("", question, 10)).await;
        // Vectors kept in 8 bits may change places with a neighbour that is as good.
        for (similarity, (document, index)) in
            ranked.iter().take_while(|best| best.0 > ranked[9].0 + PRECISION)
        {
            let hit =
                found.iter().find(|hit| hit.document_id == *document && hit.chunk.index.get() == *index);
            let hit = hit.unwrap_or_else(|| panic!("missing the chunk of similarity {similarity}"));
            assert!((hit.similarity.unwrap() - similarity).abs() < PRECISION);
        }
        assert_eq!(found.len(), 10);
    }
}

/// Rarer words weigh more, repetition helps, length holds back.
pub async fn the_best_by_words_are_among_the_answer(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut texts = vec!["boundary layer theory"; 30];
    texts.extend(["wing nozzle duct"; 4]);
    texts.extend(["flutter of the wing", "wing wing wing", "flutter flutter flutter"]);
    let long =
        "a wing among many other words that have nothing to do with what anybody might have asked for here";
    texts.push(long);
    writer.worded(&texts).await;
    let found = writer.search(&SearchQuery { candidates: 1, ..asking("wings flutter") }).await;
    assert_eq!(found.iter().map(|hit| hit.chunk.text.as_str()).collect::<Vec<_>>(), ["flutter of the wing"]);
    let found = writer.search(&asking("wing flutter")).await;
    assert_eq!(found.len(), 8);
    let words = |text: &str| found.iter().find(|hit| hit.chunk.text == text).map(|hit| hit.words).unwrap();
    let best_first =
        ["flutter of the wing", "flutter flutter flutter", "wing wing wing", "wing nozzle duct", long];
    let words = best_first.map(words);
    assert!(words.is_sorted_by(|a, b| a > b), "{words:?}");
}

/// What was found by one kind of evidence has the other, too.
pub async fn each_candidate_has_both_kinds_of_evidence(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let texts: Vec<_> = (0..40).map(|n| format!("wing{}", " flap".repeat(n))).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let vectors: Vec<_> = (0..40).map(vector).collect();
    writer.ready(&texts, &vectors).await;
    let all = writer.search(&by_vector("wing flap", vector(7), 100)).await;
    assert_eq!(all.len(), 40);
    let found = writer.search(&by_vector("wing flap", vector(7), 3)).await;
    assert!((3..=6).contains(&found.len()), "{} candidates", found.len());
    for hit in &found {
        assert!(all.contains(hit), "{hit:?} has other evidence among more candidates");
        let exact = cosine(&vectors[hit.chunk.index.get() as usize], &vector(7));
        assert!((hit.similarity.unwrap() - exact).abs() < PRECISION);
        assert!(hit.words > 0.0);
    }
}

/// No vector in the question, no similarity in the answer; a chunk without the words is not found.
pub async fn without_a_vector_only_words_count(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    writer.ready(&["a wing", "a nozzle"], &[vector(1), vector(2)]).await;
    let found = writer.search(&asking("wing")).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].similarity, None);
}

/// An empty text, or words that are nowhere: 0 as words' evidence.
pub async fn a_question_without_words_finds_by_meaning(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    writer.ready(&["a wing", "a nozzle"], &[vector(1), vector(2)]).await;
    for text in ["", "  ?! ", "zeppelin"] {
        let found = writer.search(&by_vector(text, vector(2), 1)).await;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].chunk.text.as_str(), found[0].words), ("a nozzle", 0.0));
        assert!(writer.search(&asking(text)).await.is_empty());
    }
}

/// Unpublished, replaced and purged chunks leave the evidence of others as it was.
pub async fn invisible_chunks_do_not_count_in_the_statistics(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    writer.worded(&["a wing", "wing and flap", "nozzle"]).await;
    let before = writer.search(&asking("wing flap")).await;
    let hidden = writer.uploaded().await;
    writer.put_words(&hidden, &["wing", "flap flap flap", "something much longer than all the others"]).await;
    assert_eq!(writer.search(&asking("wing flap")).await, before);
    let mut gone = writer.worded(&["flap", "wing"]).await;
    assert_ne!(writer.search(&asking("wing flap")).await, before);
    writer.append(gone.delete(&writer.ids)).await;
    assert_eq!(writer.search(&asking("wing flap")).await, before);
    writer.purge(&gone, None).await;
    assert_eq!(writer.search(&asking("wing flap")).await, before);
}

/// Where all are the same, the first by document and chunk are the best.
pub async fn equal_evidence_is_ordered_by_document_and_chunk(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut names = Vec::new();
    for _ in 0..6 {
        let story = writer.ready(&["the wing"; 5], &vec![vector(1); 5]).await;
        names.extend((0..5).map(|index| (story.key.document_id, ChunkIndex::new(index))));
    }
    names.sort();
    for candidates in [1, 4, 7, 29] {
        for query in [
            SearchQuery { candidates, ..asking("wing") },
            by_vector("", vector(1), candidates),
            by_vector("wing", vector(1), candidates),
        ] {
            let mut found: Vec<_> =
                writer.search(&query).await.iter().map(|hit| (hit.document_id, hit.chunk.index)).collect();
            found.sort();
            assert_eq!(found, names[..candidates]);
        }
    }
}

/// Twice the same, whatever was written and purged in between.
pub async fn the_same_search_gives_the_same_answer(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    for n in 0..10 {
        writer
            .ready(&["wing flap", "wing", "flap wing rudder"], &[vector(n), vector(n + 1), vector(n + 2)])
            .await;
    }
    let query = by_vector("wing rudder", vector(5), 12);
    let first = writer.search(&query).await;
    assert_eq!(writer.search(&query).await, first);
    let mut other = writer.ready(&["wing rudder"], &[vector(5)]).await;
    assert_ne!(writer.search(&query).await, first);
    writer.append(other.delete(&writer.ids)).await;
    writer.purge(&other, None).await;
    assert_eq!(writer.search(&query).await, first);
}

/// Only the documents that are named.
pub async fn a_filter_names_documents(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let one = writer.ready(&["wing one"], &[vector(1)]).await;
    let two = writer.ready(&["wing two"], &[vector(2)]).await;
    writer.ready(&["wing three"], &[vector(3)]).await;
    let mut query = by_vector("wing", vector(3), 10);
    query.filter.documents = vec![two.key.document_id, one.key.document_id];
    assert_eq!(writer.texts(&query).await, ["wing one", "wing two"]);
    query.filter.documents = vec![Story::of(&writer.ids, "acme").key.document_id];
    assert!(writer.search(&query).await.is_empty());
}

/// All pairs must be there: equal values, or lists that contain them.
pub async fn a_filter_asks_for_metadata(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    for (text, metadata) in [
        ("wing one", json!({ "year": 2024, "tags": ["a", "b"] })),
        ("wing two", json!({ "year": 2025, "tags": ["b"] })),
        ("wing three", json!({})),
    ] {
        let mut story = writer.uploaded().await;
        writer.fixture.index.put_words(&document(&story, metadata), &[chunk(0, text)]).await.unwrap();
        writer.chunked(&mut story, 1).await;
    }
    for (asked, expected) in [
        (json!({ "year": 2024 }), vec!["wing one"]),
        (json!({ "tags": "b" }), vec!["wing one", "wing two"]),
        (json!({ "tags": "b", "year": 2025 }), vec!["wing two"]),
        (json!({ "tags": "c" }), vec![]),
        (json!({ "year": "2024" }), vec![]),
        (json!({ "missing": null }), vec![]),
    ] {
        let Value::Object(metadata) = asked.clone() else { unreachable!() };
        let filter = SearchFilter { documents: Vec::new(), metadata };
        let found = writer.texts(&SearchQuery { filter, ..asking("wing") }).await;
        assert_eq!(found, expected, "{asked}");
    }
}

/// A filter is applied before the best are chosen, not after.
pub async fn a_filter_leaves_the_best_of_the_rest(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    for n in 0..20 {
        writer.ready(&["wing wing wing"], &[vector(n)]).await;
    }
    let wanted = writer.ready(&["a wing and much else besides it"], &[vector(1_000)]).await;
    let mut query = by_vector("wing", vector(3), 2);
    query.filter.documents = vec![wanted.key.document_id];
    assert_eq!(writer.texts(&query).await, ["a wing and much else besides it"]);
}

/// The same words elsewhere are not found, and do not count.
pub async fn tenants_and_collections_are_apart(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    for (tenant_name, name) in [("acme", "papers"), ("acme", "letters"), ("other", "papers")] {
        let mut story = writer.uploaded_in(tenant_name, name).await;
        writer.put_words(&story, &[&format!("wing of {tenant_name} in {name}")]).await;
        writer.put_vectors(&story, &[vector(1)]).await;
        writer.chunked(&mut story, 1).await;
        writer.completed(&mut story).await;
    }
    let query = by_vector("wing", vector(1), 10);
    assert_eq!(writer.texts(&query).await, ["wing of acme in papers"]);
    let elsewhere = |tenant_id: TenantId, collection: CollectionName| SearchQuery {
        tenant_id,
        collection,
        ..query.clone()
    };
    assert_eq!(
        writer.texts(&elsewhere(tenant("acme"), collection("letters"))).await,
        ["wing of acme in letters"]
    );
    assert_eq!(
        writer.texts(&elsewhere(tenant("other"), collection("papers"))).await,
        ["wing of other in papers"]
    );
    assert!(writer.search(&elsewhere(tenant("other"), collection("letters"))).await.is_empty());
}

/// One generation goes, the other stays; a second purge finds nothing.
pub async fn a_purge_removes_one_generation(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let mut story = writer.ready(&["old wing", "old flap"], &[vector(1), vector(2)]).await;
    writer.replaced(&mut story).await;
    writer.put_words(&story, &["new wing"]).await;
    writer.put_vectors(&story, &[vector(3)]).await;
    writer.chunked(&mut story, 1).await;
    writer.completed(&mut story).await;
    let both = IndexUsage { chunks: 3, vectors: 3 };
    assert_eq!(writer.usage(&story, None).await, both);
    let old = IndexUsage { chunks: 2, vectors: 2 };
    assert_eq!(writer.usage(&story, Some(Generation::FIRST)).await, old);
    assert_eq!(writer.purge(&story, Some(Generation::FIRST)).await, old);
    assert_eq!(writer.purge(&story, Some(Generation::FIRST)).await, IndexUsage::default());
    assert_eq!(writer.usage(&story, Some(Generation::FIRST)).await, IndexUsage::default());
    assert_eq!(writer.usage(&story, None).await, IndexUsage { chunks: 1, vectors: 1 });
    assert_eq!(writer.texts(&by_vector("wing flap", vector(1), 10)).await, ["new wing"]);
}

/// Somebody decided to purge on a version, stood still, and the document went on.
pub async fn a_purge_that_stood_still_removes_nothing(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let story = writer.ready(&["a wing"], &[vector(1)]).await;
    let now = story.state().version;
    let purge = |version| {
        let generation = Some(Generation::FIRST);
        writer.fixture.index.purge(&story.key, &story.collection, generation, Some(version))
    };
    let earlier = Version::new(now.get() - 1);
    assert_eq!(purge(earlier).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(writer.texts(&by_vector("wing", vector(1), 10)).await, ["a wing"]);
    assert_eq!(purge(now).await.unwrap(), IndexUsage { chunks: 1, vectors: 1 });
}

/// Every generation goes, however many chunks there are, and other documents stay.
pub async fn a_purge_of_everything_leaves_nothing(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let texts: Vec<_> = (0..700).map(|n| format!("wing {n}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let vectors: Vec<_> = (0..700).map(vector).collect();
    let mut story = writer.ready(&texts, &vectors).await;
    let kept = writer.ready(&["kept wing"], &[vector(1)]).await;
    writer.replaced(&mut story).await;
    writer.put_words(&story, &["unfinished wing"]).await;
    writer.append(story.delete(&writer.ids)).await;
    assert_eq!(writer.purge(&story, None).await, IndexUsage { chunks: 701, vectors: 700 });
    assert_eq!(writer.usage(&story, None).await, IndexUsage::default());
    assert_eq!(writer.purge(&story, None).await, IndexUsage::default());
    assert_eq!(writer.usage(&kept, None).await, IndexUsage { chunks: 1, vectors: 1 });
    assert_eq!(writer.texts(&by_vector("wing", vector(1), 10)).await, ["kept wing"]);
}

/// A worker that comes too late leaves nothing that is counted or found.
pub async fn vectors_of_purged_chunks_do_not_come_back(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    let story = writer.ready(&["a wing"], &[vector(1)]).await;
    writer.purge(&story, None).await;
    writer.put_vectors(&story, &[vector(1)]).await;
    assert!(writer.search(&by_vector("wing", vector(1), 10)).await.is_empty());
    assert_eq!(writer.usage(&story, None).await.chunks, 0);
}

/// Nothing was ever written there; and nothing is asked for.
pub async fn an_unknown_collection_is_empty(fixture: &SearchIndexFixture) {
    let writer = Writer::new(fixture);
    assert!(writer.search(&by_vector("wing", vector(1), 10)).await.is_empty());
    let story = writer.ready(&["a wing"], &[vector(1)]).await;
    assert!(writer.search(&by_vector("wing", vector(1), 0)).await.is_empty());
    let unknown = collection("unknown");
    let usage = writer.fixture.index.usage(&story.key, &unknown, None).await.unwrap();
    assert_eq!(usage, IndexUsage::default());
    let purged = writer.fixture.index.purge(&story.key, &unknown, None, None).await.unwrap();
    assert_eq!(purged, IndexUsage::default());
    assert_eq!(writer.texts(&asking("wing")).await, ["a wing"]);
}
