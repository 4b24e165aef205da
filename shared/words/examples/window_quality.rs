//! How well search ranks if only a part of the collection is searched by words, as on AWS (docs/adr/0005): nDCG@10 and
//! recall@100 of vectors, words and their fusion, over collections in BEIR's layout, whose folders are the arguments. The
//! texts of the window are a sample by hash; its statistics serve for all; of the rest, only what is among the 100 nearest
//! vectors is scored by its words.
//!
//! `cargo run --release -p millrace-words --example window_quality -- FOLDER...`
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports to its user")]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use millrace_embedding::BuiltInEmbedder;
use millrace_ports::{Embedder, Embedding, EmbeddingPurpose};
use millrace_words::{Analyzer, Bm25, ChunkTerms, QueryTerms, Term};
use serde_json::Value;

/// Candidates of each kind of evidence.
const CANDIDATES: usize = 100;
/// Parts of the collection that are searched by words, in thousandths.
const WINDOWS: [u64; 5] = [1_000, 500, 250, 100, 20];

struct Text {
    name: String,
    terms: ChunkTerms,
    vector: Embedding,
    /// From 0 to 999; the window of so many thousandths holds those below.
    place: u64,
}

#[tokio::main]
async fn main() {
    let embedder = BuiltInEmbedder::bundled(NonZeroUsize::new(2).unwrap());
    println!("{:32} window %  nDCG@10  recall@100", "collection");
    for folder in std::env::args().skip(1) {
        measure(&embedder, Path::new(&folder)).await;
    }
}

async fn measure(embedder: &BuiltInEmbedder, folder: &Path) {
    let mut analyzer = Analyzer::new();
    let corpus = read_texts(&folder.join("corpus.jsonl"));
    let vectors = embed(embedder, &corpus, EmbeddingPurpose::Passage).await;
    let text = |((name, text), vector): ((String, String), Embedding)| {
        let place = Term::of(&name).0 % 1_000;
        Text { terms: analyzer.chunk(&text), name, vector, place }
    };
    let texts: Vec<Text> = corpus.into_iter().zip(vectors).map(text).collect();
    let queries = read_texts(&folder.join("queries.jsonl"));
    let vectors = embed(embedder, &queries, EmbeddingPurpose::Query).await;
    let relevant = read_relevance(&folder.join("qrels.tsv"));
    for window in WINDOWS {
        let (mut count, mut ndcg, mut recall) = (0_u32, 0.0, 0.0);
        for ((id, query), vector) in queries.iter().zip(&vectors) {
            let Some(relevant) = relevant.get(id) else { continue };
            let ranked = search(&texts, window, &analyzer.query(query), vector);
            count += 1;
            ndcg += ndcg_at_10(&ranked, relevant);
            let found = ranked.iter().take(100).filter(|name| relevant.contains_key(**name)).count();
            recall += found as f64 / relevant.len() as f64;
        }
        let percent = |sum: f64| 100.0 * sum / f64::from(count);
        let share = window as f64 / 10.0;
        println!("{:32} {share:8.1} {:8.1} {:11.1}", folder.display(), percent(ndcg), percent(recall));
    }
}

/// The names of the texts that are found, best first.
fn search<'a>(texts: &'a [Text], window: u64, question: &QueryTerms, vector: &Embedding) -> Vec<&'a str> {
    let words = evidence_by_words(texts, window, question);
    let similarity: Vec<f32> = texts.iter().map(|text| dot(&text.vector, vector)).collect();
    let best = |scores: &[f32], may: &dyn Fn(usize) -> bool| {
        let mut order: Vec<usize> = (0..scores.len()).filter(|at| may(*at)).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        order.truncate(CANDIDATES);
        order
    };
    let worded = best(&words, &|at| texts[at].place < window && words[at] > 0.0);
    let candidates: BTreeSet<usize> = best(&similarity, &|_| true).into_iter().chain(worded).collect();
    let candidates: Vec<usize> = candidates.into_iter().collect();
    let stretched = |scores: &[f32]| {
        let all = candidates.iter().map(|at| scores[*at]);
        let (low, high) = all.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let width = if high > low { high - low } else { 1.0 };
        candidates.iter().map(|at| (scores[*at] - low) / width).collect::<Vec<_>>()
    };
    let fused: Vec<f32> =
        stretched(&words).into_iter().zip(stretched(&similarity)).map(|(a, b)| a + b).collect();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| fused[*b].total_cmp(&fused[*a]).then(a.cmp(b)));
    order.into_iter().map(|at| texts[candidates[at]].name.as_str()).collect()
}

/// The evidence by words of every text, with the statistics of the window.
fn evidence_by_words(texts: &[Text], window: u64, question: &QueryTerms) -> Vec<f32> {
    let count = |text: &Text, term: Term| {
        let at = text.terms.terms.binary_search_by_key(&term, |(held, _)| *held);
        at.map_or(0.0, |at| f32::from(text.terms.terms[at].1))
    };
    let seen: Vec<&Text> = texts.iter().filter(|text| text.place < window).collect();
    let length: u64 = seen.iter().map(|text| u64::from(text.terms.length)).sum();
    let bm25 = Bm25::new(length as f32 / seen.len().max(1) as f32);
    let weight = |(term, asked): &(Term, f32)| {
        let holding = seen.iter().filter(|text| count(text, *term) > 0.0).count();
        (*term, Bm25::weight(seen.len() as u64, holding as u64) * asked)
    };
    let weights: Vec<(Term, f32)> = question.terms.iter().map(weight).collect();
    let score = |text: &Text| {
        let gain =
            |(term, weight): &(Term, f32)| bm25.gain(*weight, count(text, *term), text.terms.length as f32);
        weights.iter().map(gain).sum()
    };
    texts.iter().map(score).collect()
}

fn dot(a: &Embedding, b: &Embedding) -> f32 {
    a.0.iter().zip(&b.0).map(|(a, b)| a * b).sum()
}

async fn embed(
    embedder: &BuiltInEmbedder,
    texts: &[(String, String)],
    purpose: EmbeddingPurpose,
) -> Vec<Embedding> {
    let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    let mut vectors = Vec::new();
    for batch in texts.chunks(64) {
        vectors.extend(embedder.embed(batch, purpose).await.unwrap());
    }
    vectors
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

fn read_texts(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let read = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        (field("_id"), format!("{} {}", field("title"), field("text")).trim().to_owned())
    };
    text.lines().map(read).collect()
}

fn read_relevance(path: &Path) -> HashMap<String, HashMap<String, f64>> {
    let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in fs::read_to_string(path).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let score: f64 = fields[2].parse().unwrap();
        if score > 0.0 {
            relevant.entry(fields[0].to_owned()).or_default().insert(fields[1].to_owned(), score);
        }
    }
    relevant
}
