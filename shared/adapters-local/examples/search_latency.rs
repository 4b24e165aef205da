//! How long a search takes: p50 and p99 over synthetic collections, whole (both kinds of evidence, texts of the
//! candidates fetched), beside SQLite's FTS5 over the same texts; and how large the index is and how long it loads.
//!
//! `cargo run --release -p millrace-adapters-local --features bench --example search_latency -- [CHUNKS...]`
//! with 10,000 and 100,000 chunks unless others are named. FTS5 is left out above 200,000.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use millrace_adapters_local::synthetic::{SyntheticCorpus, fill, questions};
use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteSearchIndex};
use millrace_domain::{CollectionName, TenantId};
use millrace_ports::{Embedding, SearchFilter, SearchIndex, SearchQuery};
use rusqlite::Connection;

type Failure = Box<dyn std::error::Error>;

const DIMENSIONS: usize = 384;
const QUESTIONS: usize = 500;
const CANDIDATES: usize = 100;
const FTS5_CHUNKS_MAX: u32 = 200_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let named: Vec<u32> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let sizes = if named.is_empty() { vec![10_000, 100_000] } else { named };
    for chunks in sizes {
        let folder = tempfile::tempdir()?;
        measure(&folder.path().join("bench.db"), chunks).await?;
    }
    Ok(())
}

async fn measure(path: &Path, chunks: u32) -> Result<(), Failure> {
    println!("\n{chunks} chunks of 124 words, vectors of {DIMENSIONS}");
    let (index, _events) = open(path).await?;
    let started = Instant::now();
    fill_synthetic(&index, &_events, chunks).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("  written in {seconds:.1} s ({:.0} chunks/s)", f64::from(chunks) / seconds);
    drop((index, _events));

    let started = Instant::now();
    let (index, _events) = open(path).await?;
    println!("  loaded in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("  memory of the index {:.0} bytes a chunk", index.memory_bytes() as f64 / f64::from(chunks));

    let questions = questions(1, QUESTIONS, DIMENSIONS);
    let whole =
        time_searches(&index, &questions, |text, vector| query(text, Some(vector), CANDIDATES)).await?;
    report("words and meaning, 100 + 100 candidates with texts", &whole);
    let few = time_searches(&index, &questions, |text, vector| query(text, Some(vector), 1)).await?;
    report("words and meaning, 1 + 1 candidates", &few);
    let words = time_searches(&index, &questions, |text, _| query(text, None, CANDIDATES)).await?;
    report("words, 100 candidates with texts", &words);
    let meaning =
        time_searches(&index, &questions, |_, vector| query(String::new(), Some(vector), CANDIDATES)).await?;
    report("meaning, 100 candidates with texts", &meaning);
    if chunks <= FTS5_CHUNKS_MAX {
        let fts5 = time_fts5(path, &questions)?;
        report("FTS5 (porter, OR, bm25), 100 candidates with texts", &fts5);
        println!(
            "  FTS5 / ours, words: p50 {:.1}, p99 {:.1}",
            ratio(&fts5, &words, 50),
            ratio(&fts5, &words, 99)
        );
    }
    Ok(())
}

async fn open(path: &Path) -> Result<(SqliteSearchIndex, SqliteEventStore), Failure> {
    let database = Database::open(path)?;
    let publications = Arc::new(Publications::load(&database).await?);
    let events = SqliteEventStore::new(database.clone(), Arc::clone(&publications));
    Ok((SqliteSearchIndex::open(database, publications).await?, events))
}

async fn fill_synthetic(
    index: &SqliteSearchIndex,
    events: &SqliteEventStore,
    chunks: u32,
) -> Result<(), Failure> {
    let corpus = SyntheticCorpus {
        tenant_id: TenantId::local_default(),
        collection: CollectionName::default(),
        chunks,
        chunks_per_document: 100,
        dimensions: DIMENSIONS,
        seed: 7,
    };
    Ok(fill(index, events, &corpus).await?)
}

fn query(text: String, vector: Option<Embedding>, candidates: usize) -> SearchQuery {
    SearchQuery {
        tenant_id: TenantId::local_default(),
        collection: CollectionName::default(),
        text,
        vector,
        filter: SearchFilter::default(),
        candidates,
    }
}

/// Milliseconds of each question, ascending.
async fn time_searches(
    index: &SqliteSearchIndex,
    questions: &[(String, Embedding)],
    ask: impl Fn(String, Embedding) -> SearchQuery,
) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::new();
    for (text, vector) in questions {
        let query = ask(text.clone(), vector.clone());
        let started = Instant::now();
        index.search(&query).await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The same questions, stop words left out, asked of an FTS5 table over the same texts.
fn time_fts5(path: &Path, questions: &[(String, Embedding)]) -> Result<Vec<f64>, Failure> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -65536;
         CREATE VIRTUAL TABLE fts USING fts5 (content, tokenize = 'porter unicode61');
         INSERT INTO fts (rowid, content) SELECT id, content FROM search_chunks;
         INSERT INTO fts (fts) VALUES ('optimize');",
    )?;
    let mut statement = connection.prepare(
        "SELECT rowid, content, bm25(fts) FROM fts WHERE fts MATCH ?1 ORDER BY bm25(fts) LIMIT 100",
    )?;
    let (mut times, mut bytes) = (Vec::new(), 0);
    for (text, _) in questions {
        let words: Vec<_> = text
            .split(' ')
            .filter(|word| word.ends_with('x') && word.len() > 2)
            .map(|word| format!("\"{word}\""))
            .collect();
        if words.is_empty() {
            continue;
        }
        let started = Instant::now();
        let mut rows = statement.query([words.join(" OR ")])?;
        while let Some(row) = rows.next()? {
            bytes += row.get_ref(1)?.as_str()?.len();
        }
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    println!("  FTS5 gave {} KiB of texts", bytes >> 10);
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn percentile(times: &[f64], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn ratio(theirs: &[f64], ours: &[f64], percent: usize) -> f64 {
    percentile(theirs, percent) / percentile(ours, percent)
}

fn report(what: &str, times: &[f64]) {
    println!("  {what:52} p50 {:6.2} ms  p99 {:6.2} ms", percentile(times, 50), percentile(times, 99));
}
