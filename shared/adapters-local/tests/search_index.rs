//! The search index suite on both forms of the database, and what only this index promises: that it opens again with
//! everything in it, analyses anew what another version had analysed, and keeps vectors when words come again.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not recognise as such")]

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteSearchIndex, sql_error};
use millrace_domain::{ChunkIndex, CollectionName};
use millrace_ports::{
    Candidate, Embedding, ErrorKind, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, SearchFilter,
    SearchQuery,
};
use millrace_test_support::search_index_suite::SearchIndexFixture;
use millrace_test_support::{SeededIds, Story, builders};

async fn fixture(database: Database, keep: Box<dyn Any + Send + Sync>) -> SearchIndexFixture {
    let publications = Arc::new(Publications::load(&database).await.unwrap());
    let events = Arc::new(SqliteEventStore::new(database.clone(), Arc::clone(&publications)));
    let index = Arc::new(SqliteSearchIndex::open(database, publications).await.unwrap());
    SearchIndexFixture { index, events, keep }
}

mod on_file {
    async fn fixture() -> super::SearchIndexFixture {
        let folder = tempfile::tempdir().unwrap();
        let database = super::Database::open(&folder.path().join("suite.db")).unwrap();
        super::fixture(database, Box::new(folder)).await
    }

    millrace_test_support::search_index_suite!(fixture);
    millrace_test_support::index_space_suite!(fixture);
}

mod in_memory {
    async fn fixture() -> super::SearchIndexFixture {
        super::fixture(super::Database::open_in_memory().unwrap(), Box::new(())).await
    }

    millrace_test_support::search_index_suite!(fixture);
    millrace_test_support::index_space_suite!(fixture);
}

async fn open(path: &Path) -> SearchIndexFixture {
    fixture(Database::open(path).unwrap(), Box::new(())).await
}

fn vector(number: u32) -> Embedding {
    let angle = number as f32 * 0.37;
    Embedding(vec![angle.cos(), angle.sin(), 0.0])
}

fn target(story: &Story) -> IndexTarget {
    let generation = story.state().generation;
    IndexTarget { key: story.key.clone(), collection: CollectionName::default(), generation }
}

fn chunk(number: u32) -> IndexedChunk {
    let text = format!("wing number{number} of the running aircraft");
    IndexedChunk { index: ChunkIndex::new(number), page: None, heading: None, start: 0, end: 1, text }
}

/// Words and vectors of a document with so many chunks, and its life up to `ready`.
async fn ingest(fixture: &SearchIndexFixture, ids: &SeededIds, chunks: u32) -> Story {
    let mut story = Story::of(ids, "acme");
    for append in story.ingest(ids, chunks) {
        fixture.events.append(append).await.unwrap();
    }
    put_words(fixture, &story, chunks).await;
    let vectors: Vec<_> = (0..chunks).map(|n| (ChunkIndex::new(n), vector(n))).collect();
    fixture.index.put_vectors(&target(&story), &vectors).await.unwrap();
    story
}

async fn put_words(fixture: &SearchIndexFixture, story: &Story, chunks: u32) {
    let metadata = serde_json::from_str(r#"{"tags": ["a", "b"]}"#).unwrap();
    let document = IndexedDocument { target: target(story), filename: "report.pdf".into(), metadata };
    let chunks: Vec<_> = (0..chunks).map(chunk).collect();
    fixture.index.put_words(&document, &chunks).await.unwrap();
}

async fn search(fixture: &SearchIndexFixture) -> Vec<Candidate> {
    let filter =
        SearchFilter { documents: Vec::new(), metadata: serde_json::from_str(r#"{"tags": "b"}"#).unwrap() };
    let query = SearchQuery {
        tenant_id: builders::tenant("acme"),
        collection: CollectionName::default(),
        text: "which wings run past number7".into(),
        vector: Some(vector(11)),
        filter,
        candidates: 50,
    };
    fixture.index.search(&query).await.unwrap()
}

#[tokio::test]
async fn an_index_opens_again_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let ids = SeededIds::new(1);
    let before = {
        let fixture = open(&path).await;
        let kept = ingest(&fixture, &ids, 300).await;
        let mut deleted = ingest(&fixture, &ids, 40).await;
        fixture.events.append(deleted.delete(&ids)).await.unwrap();
        let purged = ingest(&fixture, &ids, 40).await;
        fixture.index.purge(&purged.key, &CollectionName::default(), None, None).await.unwrap();
        let found = search(&fixture).await;
        assert!(found.len() >= 50 && found.iter().all(|hit| hit.document_id == kept.key.document_id));
        found
    };
    assert_eq!(search(&open(&path).await).await, before);
}

#[tokio::test]
async fn terms_of_another_version_are_made_anew() {
    let database = Database::open_in_memory().unwrap();
    let before = {
        let fixture = fixture(database.clone(), Box::new(())).await;
        ingest(&fixture, &SeededIds::new(1), 20).await;
        search(&fixture).await
    };
    let spoil = |connection: &rusqlite::Connection| {
        connection.execute("UPDATE search_words SET terms = x'ff00'", []).map_err(sql_error)
    };
    assert_eq!(database.write("spoil the terms", spoil).await.unwrap(), 20);
    assert_eq!(search(&fixture(database.clone(), Box::new(())).await).await, before);
    let left = |connection: &rusqlite::Connection| {
        let count = "SELECT count(*) FROM search_words WHERE terms = x'ff00'";
        connection.query_row(count, [], |row| row.get::<_, u32>(0)).map_err(sql_error)
    };
    assert_eq!(database.read("count what is left", left).await.unwrap(), 0);
}

#[tokio::test]
async fn words_that_come_again_keep_their_vectors() {
    let fixture = fixture(Database::open_in_memory().unwrap(), Box::new(())).await;
    let story = ingest(&fixture, &SeededIds::new(1), 30).await;
    let before = search(&fixture).await;
    assert!(before.iter().all(|hit| hit.similarity.is_some()));
    put_words(&fixture, &story, 30).await;
    assert_eq!(search(&fixture).await, before);
}

#[tokio::test]
async fn a_vector_of_another_length_is_refused() {
    let fixture = fixture(Database::open_in_memory().unwrap(), Box::new(())).await;
    let story = ingest(&fixture, &SeededIds::new(1), 3).await;
    let longer = [(ChunkIndex::new(0), Embedding(vec![1.0; 4]))];
    let refused = fixture.index.put_vectors(&target(&story), &longer).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_chunk_beyond_what_a_row_can_name_is_refused() {
    let fixture = fixture(Database::open_in_memory().unwrap(), Box::new(())).await;
    let story = ingest(&fixture, &SeededIds::new(1), 3).await;
    let document =
        IndexedDocument { target: target(&story), filename: String::new(), metadata: serde_json::Map::new() };
    let refused = fixture.index.put_words(&document, &[chunk(1 << 24)]).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_purge_frees_memory() {
    let database = Database::open_in_memory().unwrap();
    let publications = Arc::new(Publications::load(&database).await.unwrap());
    let events = Arc::new(SqliteEventStore::new(database.clone(), Arc::clone(&publications)));
    let index = Arc::new(SqliteSearchIndex::open(database, publications).await.unwrap());
    let fixture = SearchIndexFixture { index: Arc::clone(&index) as _, events, keep: Box::new(()) };
    let story = ingest(&fixture, &SeededIds::new(1), 300).await;
    assert!(index.memory_bytes() > 300 * 60);
    fixture.index.purge(&story.key, &CollectionName::default(), None, None).await.unwrap();
    assert_eq!(index.memory_bytes(), 0);
}

#[tokio::test]
async fn a_vector_without_its_chunk_is_not_kept() {
    let fixture = fixture(Database::open_in_memory().unwrap(), Box::new(())).await;
    let story = ingest(&fixture, &SeededIds::new(1), 3).await;
    let stray = [(ChunkIndex::new(9), vector(9))];
    fixture.index.put_vectors(&target(&story), &stray).await.unwrap();
    let usage = fixture.index.usage(&story.key, &CollectionName::default(), None).await.unwrap();
    assert_eq!(usage, IndexUsage { chunks: 3, vectors: 3 });
}
