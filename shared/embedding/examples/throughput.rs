//! Prints how many texts per second the built-in embedder does, by number of threads and of texts per call:
//! `cargo run --release -p millrace-embedding --example throughput -- texts.jsonl [threads]`.
//! Each line of the file is a JSON object with a `text`. Not a test: nothing is asserted about time.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports to its user")]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use millrace_embedding::{BuiltInEmbedder, bundled_tokenizer};
use millrace_ports::{Embedder, EmbeddingPurpose, Tokenizer};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: throughput <texts.jsonl> [threads]");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads_max = arguments.next().map_or(cores, |threads| threads.parse().unwrap());
    let texts: Vec<String> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    report_tokenizer(&texts);
    println!("instructions: {}", BuiltInEmbedder::instruction_set());
    for threads in 1..=threads_max {
        let embedder = BuiltInEmbedder::bundled(NonZeroUsize::new(threads).unwrap());
        let start = Instant::now();
        embedder.warm().await.unwrap();
        println!("{threads} threads: loaded in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        for batch in [1, 8, 32, 256] {
            report(&embedder, &texts, batch).await;
        }
        let start = Instant::now();
        embedder.embed(&["how do aeroelastic models scale?"], EmbeddingPurpose::Query).await.unwrap();
        println!("  one query: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    }
}

fn report_tokenizer(texts: &[&str]) {
    let (tokenizer, mut ends, mut tokens) = (bundled_tokenizer(), Vec::new(), 0);
    let start = Instant::now();
    for text in texts {
        tokenizer.token_ends(text, &mut ends);
        tokens += ends.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("tokenizer: {tokens} tokens at {:.2} million/s", tokens as f64 / seconds / 1e6);
}

async fn report(embedder: &BuiltInEmbedder, texts: &[&str], batch: usize) {
    let (start, mut done) = (Instant::now(), 0);
    for texts in texts.chunks(batch) {
        embedder.embed(texts, EmbeddingPurpose::Passage).await.unwrap();
        done += texts.len();
        if start.elapsed() > Duration::from_secs(5) {
            break;
        }
    }
    println!("  {batch:4} texts a call: {:7.1} texts/s", done as f64 / start.elapsed().as_secs_f64());
}
