//! What every embedding cache must do: one case for each promise of the port. Run it with `embedding_cache_suite!`.
//! That entries may vanish is a permission, not a promise: a small cache just filled is expected to hold them.
#![expect(clippy::unwrap_used, reason = "these are tests, run from other crates")]

use std::any::Any;
use std::sync::Arc;

use millrace_ports::{Embedding, EmbeddingCache};

use crate::builders::{hash, model, tenant};
use crate::split_mix;

/// What the suite needs of an implementation: a new, empty cache with room for a thousand vectors.
pub struct EmbeddingCacheFixture {
    /// The cache.
    pub cache: Arc<dyn EmbeddingCache>,
    /// Whatever must live as long.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for EmbeddingCacheFixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddingCacheFixture").field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// Makes a test of each case. Takes the name of an async function that makes a fixture.
#[macro_export]
macro_rules! embedding_cache_suite {
    ($fixture:path) => {
        $crate::suite_cases!(
            embedding_cache_suite,
            $fixture,
            [
                a_vector_comes_back_within_int8_precision,
                answers_are_in_the_order_asked,
                tenants_do_not_share_entries,
                models_are_apart,
                removing_takes_a_text_under_every_model,
            ]
        );
    };
}

/// A unit vector that differs for different seeds.
pub fn unit_vector(seed: u64, dimensions: usize) -> Embedding {
    let number = |place: usize| (split_mix(seed ^ split_mix(place as u64)) >> 40) as f32 / 16_777_216.0 - 0.5;
    let values: Vec<f32> = (0..dimensions).map(number).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    Embedding(values.into_iter().map(|value| value / length).collect())
}

fn cosine(one: &Embedding, other: &Embedding) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(&one.0, &other.0) / (product(&one.0, &one.0) * product(&other.0, &other.0)).sqrt()
}

fn assert_close(found: Option<&Embedding>, put: &Embedding) {
    let found = found.expect("the vector was put a moment ago");
    assert_eq!(found.0.len(), put.0.len());
    assert!(cosine(found, put) > 0.999, "cosine {}", cosine(found, put));
}

/// Direction kept to three nines; a vector put again is the later one.
pub async fn a_vector_comes_back_within_int8_precision(fixture: &EmbeddingCacheFixture) {
    let (acme, minilm) = (tenant("acme"), model("minilm"));
    for round in 0..2 {
        let vectors: Vec<_> = (0..300).map(|n| (hash(n), unit_vector(n + round * 1_000, 384))).collect();
        fixture.cache.put(&acme, &minilm, &vectors).await.unwrap();
        let hashes: Vec<_> = vectors.iter().map(|(hash, _)| hash.clone()).collect();
        let found = fixture.cache.get(&acme, &minilm, &hashes).await.unwrap();
        assert_eq!(found.len(), 300);
        found.iter().zip(&vectors).for_each(|(found, (_, put))| assert_close(found.as_ref(), put));
    }
}

/// One answer for each question, with a gap where nothing is known.
pub async fn answers_are_in_the_order_asked(fixture: &EmbeddingCacheFixture) {
    let (acme, minilm) = (tenant("acme"), model("minilm"));
    let vectors: Vec<_> = (0..5).map(|n| (hash(n), unit_vector(n, 16))).collect();
    fixture.cache.put(&acme, &minilm, &vectors).await.unwrap();
    let asked = [3, 99, 0, 3].map(hash);
    let found = fixture.cache.get(&acme, &minilm, &asked).await.unwrap();
    assert_eq!(found.len(), 4);
    assert_close(found[0].as_ref(), &vectors[3].1);
    assert_eq!(found[1], None);
    assert_close(found[2].as_ref(), &vectors[0].1);
    assert_close(found[3].as_ref(), &vectors[3].1);
    assert_eq!(fixture.cache.get(&acme, &minilm, &[]).await.unwrap(), []);
    fixture.cache.put(&acme, &minilm, &[]).await.unwrap();
}

/// No one can tell from a hit what another has uploaded.
pub async fn tenants_do_not_share_entries(fixture: &EmbeddingCacheFixture) {
    let minilm = model("minilm");
    fixture.cache.put(&tenant("acme"), &minilm, &[(hash(1), unit_vector(1, 16))]).await.unwrap();
    let found = fixture.cache.get(&tenant("umbrella"), &minilm, &[hash(1)]).await.unwrap();
    assert_eq!(found, [None]);
    assert_eq!(fixture.cache.remove(&tenant("umbrella"), &[hash(1)]).await.unwrap(), 0);
    let found = fixture.cache.get(&tenant("acme"), &minilm, &[hash(1)]).await.unwrap();
    assert_close(found[0].as_ref(), &unit_vector(1, 16));
}

/// A vector of one model is never given for another.
pub async fn models_are_apart(fixture: &EmbeddingCacheFixture) {
    let (acme, one, other) = (tenant("acme"), model("one"), model("other"));
    fixture.cache.put(&acme, &one, &[(hash(1), unit_vector(1, 16))]).await.unwrap();
    assert_eq!(fixture.cache.get(&acme, &other, &[hash(1)]).await.unwrap(), [None]);
    fixture.cache.put(&acme, &other, &[(hash(1), unit_vector(2, 32))]).await.unwrap();
    let found = fixture.cache.get(&acme, &one, &[hash(1)]).await.unwrap();
    assert_close(found[0].as_ref(), &unit_vector(1, 16));
}

/// And counts what there was; the neighbours stay.
pub async fn removing_takes_a_text_under_every_model(fixture: &EmbeddingCacheFixture) {
    let acme = tenant("acme");
    for name in ["one", "other"] {
        let vectors: Vec<_> = (0..3).map(|n| (hash(n), unit_vector(n, 16))).collect();
        fixture.cache.put(&acme, &model(name), &vectors).await.unwrap();
    }
    let gone = [0, 2, 99].map(hash);
    assert_eq!(fixture.cache.count(&acme, &[0, 0, 2, 99].map(hash)).await.unwrap(), 4);
    assert_eq!(fixture.cache.count(&tenant("umbrella"), &gone).await.unwrap(), 0);
    assert_eq!(fixture.cache.remove(&acme, &gone).await.unwrap(), 4);
    assert_eq!(fixture.cache.count(&acme, &gone).await.unwrap(), 0);
    assert_eq!(fixture.cache.remove(&acme, &gone).await.unwrap(), 0);
    for name in ["one", "other"] {
        let found = fixture.cache.get(&acme, &model(name), &[0, 1, 2].map(hash)).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    }
}
