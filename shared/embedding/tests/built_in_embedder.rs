//! The built-in embedder against the reference: vectors of the f32 model and ids of its tokenizer, both in
//! `reference/reference.json`, made by the script beside it. Says nothing about speed.

#![expect(clippy::unwrap_used, reason = "tests")]
#![cfg(feature = "bundled-model")]

use std::num::NonZeroUsize;

use millrace_embedding::{BuiltInEmbedder, bundled_tokenizer};
use millrace_ports::{Embedder, Embedding, EmbeddingPurpose, Tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    embeddings: Vec<Embedded>,
    tokens: Vec<Tokenized>,
    random: Vec<Tokenized>,
}

#[derive(Deserialize)]
struct Embedded {
    text: String,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Tokenized {
    text: String,
    ids: Vec<u32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/reference.json")).unwrap()
}

fn embedder() -> BuiltInEmbedder {
    BuiltInEmbedder::bundled(NonZeroUsize::new(2).unwrap())
}

async fn passages(embedder: &BuiltInEmbedder, texts: &[&str]) -> Vec<Vec<f32>> {
    let embeddings = embedder.embed(texts, EmbeddingPurpose::Passage).await.unwrap();
    embeddings.into_iter().map(|Embedding(vector)| vector).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[tokio::test]
async fn vectors_are_close_to_the_f32_models() {
    let reference = reference().embeddings;
    let texts: Vec<&str> = reference.iter().map(|row| row.text.as_str()).collect();
    let vectors = passages(&embedder(), &texts).await;
    let cosines: Vec<f32> =
        vectors.iter().zip(&reference).map(|(vector, row)| cosine(vector, &row.vector)).collect();
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    let least = cosines.iter().copied().fold(1.0, f32::min);
    assert!(mean >= 0.99, "mean cosine {mean}, {cosines:?}");
    assert!(least >= 0.98, "least cosine {least}, {cosines:?}");
}

#[tokio::test]
async fn nearest_texts_are_the_f32_models() {
    let reference = reference().embeddings;
    let texts: Vec<&str> = reference.iter().map(|row| row.text.as_str()).collect();
    let vectors = passages(&embedder(), &texts).await;
    let nearest = |vectors: &[&[f32]], to: usize| {
        let mut others: Vec<usize> = (0..vectors.len()).filter(|other| *other != to).collect();
        others.sort_by(|a, b| cosine(vectors[to], vectors[*b]).total_cmp(&cosine(vectors[to], vectors[*a])));
        others.truncate(5);
        others
    };
    let ours: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
    let theirs: Vec<&[f32]> = reference.iter().map(|row| row.vector.as_slice()).collect();
    let agreed: usize = (0..texts.len())
        .map(|text| {
            let expected = nearest(&theirs, text);
            nearest(&ours, text).iter().filter(|other| expected.contains(other)).count()
        })
        .sum();
    assert!(agreed * 100 >= texts.len() * 5 * 92, "{agreed} of {} nearest five agree", texts.len() * 5);
}

#[tokio::test]
async fn a_vector_does_not_depend_on_its_batch() {
    let reference = reference().embeddings;
    let texts: Vec<&str> = reference.iter().map(|row| row.text.as_str()).collect();
    let embedder = embedder();
    let together = passages(&embedder, &texts).await;
    for (text, vector) in texts.iter().zip(&together) {
        let alone = &passages(&embedder, &[text]).await[0];
        let query = &embedder.embed(&[text], EmbeddingPurpose::Query).await.unwrap()[0].0;
        assert!(cosine(alone, vector) > 0.999_99, "{text:?}");
        assert_eq!(alone, query);
    }
}

#[tokio::test]
async fn keeps_the_ports_promises() {
    let embedder = embedder();
    assert!(passages(&embedder, &[]).await.is_empty());
    assert_eq!(embedder.model().tokens_max, 254);
    let long = "grain ".repeat(5_000);
    let longer = format!("{long} and something else");
    let vectors = passages(&embedder, &["", "one", &long, &longer]).await;
    for vector in &vectors {
        assert_eq!(vector.len(), usize::from(embedder.model().dimensions));
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "squared length {length}");
    }
    assert_eq!(vectors[2], vectors[3], "what is beyond the limit does not count");
}

#[tokio::test]
async fn queries_are_kept_and_answered_in_order() {
    let embedder = embedder();
    let embed = async |texts: &[&str]| embedder.embed(texts, EmbeddingPurpose::Query).await.unwrap();
    let one = embed(&["a mill", "a river"]).await;
    let two = embed(&["a river", "a stone", "a mill"]).await;
    assert_eq!((&one[0], &one[1]), (&two[2], &two[0]));
}

#[tokio::test]
async fn a_file_that_is_no_model_is_invalid() {
    let one = NonZeroUsize::MIN;
    let embedder = BuiltInEmbedder::from_bytes(b"not a model".as_slice(), bundled_tokenizer(), one);
    let error = embedder.embed(&["text"], EmbeddingPurpose::Passage).await.unwrap_err();
    assert!(matches!(error, millrace_ports::EmbedderError::Invalid(_)), "{error:?}");
}

#[test]
fn token_ids_are_the_reference_tokenizers() {
    let (tokenizer, mut ids) = (bundled_tokenizer(), Vec::new());
    let reference = reference();
    for row in reference.tokens.iter().chain(&reference.random) {
        tokenizer.encode(&row.text, usize::MAX, &mut ids);
        assert_eq!(ids[1..ids.len() - 1], row.ids, "{:?}", row.text);
    }
}

#[test]
fn token_ends_are_ordered_and_on_boundaries() {
    let (tokenizer, mut ends) = (bundled_tokenizer(), Vec::new());
    let reference = reference();
    for row in reference.tokens.iter().chain(&reference.random) {
        tokenizer.token_ends(&row.text, &mut ends);
        assert_eq!(ends.len(), row.ids.len(), "{:?}", row.text);
        assert!(ends.is_sorted(), "{:?}", row.text);
        assert!(ends.iter().all(|end| row.text.is_char_boundary(*end)), "{:?}", row.text);
    }
    tokenizer.token_ends("Caf\u{e9}s, 水 millstones!", &mut ends);
    let text = "Caf\u{e9}s, 水 millstones!";
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let tokens: Vec<&str> = starts.zip(&ends).map(|(start, end)| text[start..*end].trim()).collect();
    assert_eq!(tokens, ["Caf\u{e9}s", ",", "水", "mills", "tones", "!"]);
}
