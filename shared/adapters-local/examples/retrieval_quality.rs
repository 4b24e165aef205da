//! How well the words' evidence ranks: nDCG@10 and recall@100 on collections in BEIR's layout (corpus.jsonl,
//! queries.jsonl, qrels.tsv), whose folders are the arguments. Vectors and fusion are not measured here.
//!
//! `cargo run --release -p millrace-adapters-local --features bench --example retrieval_quality -- FOLDER...`
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use millrace_adapters_local::{Database, Publications, SqliteEventStore, SqliteSearchIndex, synthetic};
use millrace_domain::{ChunkIndex, CollectionName, DocumentId, DocumentKey, Generation, TenantId};
use millrace_ports::{
    Candidate, IndexTarget, IndexedChunk, IndexedDocument, SearchFilter, SearchIndex, SearchQuery,
};
use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    println!("collection           queries   nDCG@10  recall@100");
    for folder in std::env::args().skip(1) {
        let (queries, ndcg, recall) = measure(Path::new(&folder)).await?;
        println!("{folder:20} {queries:7} {:9.1} {:11.1}", ndcg * 100.0, recall * 100.0);
    }
    Ok(())
}

async fn measure(folder: &Path) -> Result<(usize, f64, f64), Failure> {
    let database = Database::open_in_memory()?;
    let publications = Arc::new(Publications::load(&database).await?);
    let events = SqliteEventStore::new(database.clone(), Arc::clone(&publications));
    let index = SqliteSearchIndex::open(database, publications).await?;
    let names = fill(&index, &events, folder).await?;
    let relevant = read_relevance(&folder.join("qrels.tsv"))?;
    let (mut count, mut ndcg, mut recall) = (0, 0.0, 0.0);
    for (id, text) in read_texts(&folder.join("queries.jsonl"))? {
        let Some(relevant) = relevant.get(&id) else { continue };
        let mut candidates = index.search(&query(text)).await?;
        candidates.sort_by(|a, b| b.words.total_cmp(&a.words));
        let ranked: Vec<_> = candidates.iter().map(|c: &Candidate| names[&c.document_id].as_str()).collect();
        count += 1;
        ndcg += ndcg_at_10(&ranked, relevant);
        let found = ranked.iter().take(100).filter(|name| relevant.contains_key(**name)).count();
        recall += found as f64 / relevant.len() as f64;
    }
    Ok((count, ndcg / f64::from(count), recall / f64::from(count))).map(|(n, a, b)| (n as usize, a, b))
}

fn query(text: String) -> SearchQuery {
    SearchQuery {
        tenant_id: TenantId::local_default(),
        collection: CollectionName::default(),
        text,
        vector: None,
        filter: SearchFilter::default(),
        candidates: 100,
    }
}

/// Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002; linear gains.
fn ndcg_at_10(ranked: &[&str], relevant: &HashMap<String, f64>) -> f64 {
    let discounted = |gains: Vec<f64>| {
        gains.iter().zip(2..).take(10).map(|(gain, rank)| gain / f64::from(rank).log2()).sum::<f64>()
    };
    let gains = ranked.iter().map(|name| relevant.get(*name).copied().unwrap_or(0.0)).collect();
    let mut ideal: Vec<f64> = relevant.values().copied().collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    discounted(gains) / discounted(ideal)
}

/// One document of one chunk for each text; gives their names.
async fn fill(
    index: &SqliteSearchIndex,
    events: &SqliteEventStore,
    folder: &Path,
) -> Result<HashMap<DocumentId, String>, Failure> {
    let mut names = HashMap::new();
    for (number, (name, text)) in (1_u128..).zip(read_texts(&folder.join("corpus.jsonl"))?) {
        let document_id = DocumentId::new(uuid::Uuid::from_u128(number));
        let key = DocumentKey { tenant_id: TenantId::local_default(), document_id };
        let target =
            IndexTarget { key, collection: CollectionName::default(), generation: Generation::FIRST };
        let document = IndexedDocument { target, filename: name.clone(), metadata: serde_json::Map::new() };
        let end = text.len() as u64;
        let chunk =
            IndexedChunk { index: ChunkIndex::new(0), page: None, heading: None, start: 0, end, text };
        index.put_words(&document, &[chunk]).await?;
        synthetic::publish(events, &document, 1).await?;
        names.insert(document_id, name);
    }
    Ok(names)
}

fn read_texts(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut texts = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let field = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        texts.push((field("_id"), format!("{} {}", field("title"), field("text"))));
    }
    Ok(texts)
}

fn read_relevance(path: &Path) -> Result<HashMap<String, HashMap<String, f64>>, Failure> {
    let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let mut fields = line.split('\t');
        if let (Some(query), Some(document), Some(score)) = (fields.next(), fields.next(), fields.next()) {
            let score: f64 = score.parse()?;
            if score > 0.0 {
                relevant.entry(query.to_owned()).or_default().insert(document.to_owned(), score);
            }
        }
    }
    Ok(relevant)
}
