//! The index in memory against a model of it: random writes, publications, purges and upkeep, after each of which a
//! search must give what counting and comparing everything from the texts gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millrace_domain::{ChunkIndex, DocumentId, Generation};
use millrace_ports::{Embedding, SearchFilter};
use proptest::prelude::*;
use serde_json::Map;
use uuid::Uuid;

use super::collection::{Collection, Visible};
use super::entry::{About, Entry};
use super::filter::Filter;
use super::scan::{Question, scan};
use super::segment::SegmentBuilder;
use super::vector_block::{QueryVector, Row};
use crate::QuantisedVector;
use millrace_words::Analyzer;

const WORDS: [&str; 12] =
    ["wing", "flap", "rudder", "nozzle", "duct", "spar", "rib", "strut", "slat", "keel", "the", "翼型"];

#[derive(Debug, Clone)]
enum Step {
    Put { document: u8, generation: u8, first: u8, texts: Vec<Vec<u8>> },
    PutVectors { document: u8, generation: u8, chunks: Vec<(u8, u8)> },
    Publish { document: u8, visible: Option<(u8, bool)> },
    Purge { document: u8, generation: Option<u8> },
    Upkeep,
}

fn step() -> impl Strategy<Value = Step> {
    let text = || proptest::collection::vec(0_u8..12, 0..12);
    prop_oneof![
        4 => (0_u8..5, 1_u8..3, 0_u8..6, proptest::collection::vec(text(), 1..90))
            .prop_map(|(document, generation, first, texts)| Step::Put { document, generation, first, texts }),
        4 => (0_u8..5, 1_u8..3, proptest::collection::vec((0_u8..95, any::<u8>()), 1..60))
            .prop_map(|(document, generation, chunks)| Step::PutVectors { document, generation, chunks }),
        5 => (0_u8..5, proptest::option::weighted(0.8, (1_u8..3, any::<bool>())))
            .prop_map(|(document, visible)| Step::Publish { document, visible }),
        2 => (0_u8..5, proptest::option::of(1_u8..3))
            .prop_map(|(document, generation)| Step::Purge { document, generation }),
        2 => Just(Step::Upkeep),
    ]
}

#[derive(Default)]
struct Model {
    /// By document, generation and chunk: text and seed of the vector.
    chunks: BTreeMap<(u8, u8, u8), (String, Option<u8>)>,
    visible: BTreeMap<u8, (u8, bool)>,
}

/// What a search gives of a chunk: document, generation, chunk, words and similarity.
type Evidence = (u8, u8, u8, f32, Option<f32>);

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put { document, generation, first, texts } => {
                for (chunk, text) in (*first..).zip(texts) {
                    let at = self.chunks.entry((*document, *generation, chunk)).or_default();
                    at.0 = spell(text);
                }
            }
            Step::PutVectors { document, generation, chunks } => {
                for (chunk, seed) in chunks {
                    if let Some(at) = self.chunks.get_mut(&(*document, *generation, *chunk)) {
                        at.1 = Some(*seed);
                    }
                }
            }
            Step::Publish { document, visible: Some(visible) } => {
                self.visible.insert(*document, *visible);
            }
            Step::Publish { document, visible: None } => {
                self.visible.remove(document);
            }
            Step::Purge { document, generation } => {
                self.chunks.retain(|(d, g, _), _| d != document || generation.is_some_and(|only| only != *g));
            }
            Step::Upkeep => {}
        }
    }

    /// Everything that may be found, with its evidence, in the order of documents and chunks.
    fn evidence(&self, text: &str, seed: u8, only: &[u8]) -> Vec<Evidence> {
        let mut analyzer = Analyzer::new();
        let seen: Vec<_> = self
            .chunks
            .iter()
            .filter(|((document, generation, _), _)| {
                self.visible.get(document).is_some_and(|visible| visible.0 == *generation)
            })
            .map(|(name, (text, vector))| (*name, analyzer.chunk(text), *vector))
            .collect();
        let total = seen.len() as f64;
        let mean = (seen.iter().map(|chunk| f64::from(chunk.1.length)).sum::<f64>() / total).max(1.0);
        let terms = analyzer.query(text).terms;
        let passes = |document: &u8| only.is_empty() || only.contains(document);
        let score = |chunk: &millrace_words::ChunkTerms| {
            let one = |(term, asked): &(millrace_words::Term, f32)| {
                let count = |chunk: &millrace_words::ChunkTerms| {
                    chunk.terms.iter().find(|held| held.0 == *term).map_or(0.0, |held| f64::from(held.1))
                };
                let holding = seen.iter().filter(|other| count(&other.1) > 0.0).count() as f64;
                let weight = (1.0 + (total - holding + 0.5) / (holding + 0.5)).ln() * f64::from(*asked);
                let count = count(chunk);
                weight * count / (count + 1.5 * (0.25 + 0.75 * f64::from(chunk.length) / mean))
            };
            terms.iter().map(one).sum::<f64>() as f32
        };
        let question = embedding(seed);
        seen.iter()
            .filter(|((document, ..), ..)| passes(document))
            .map(|((document, generation, chunk), terms, vector)| {
                let published = self.visible[document].1;
                let vector = vector.filter(|_| published).map(|seed| cosine(&question, &embedding(seed)));
                (*document, *generation, *chunk, score(terms), vector)
            })
            .collect()
    }
}

fn spell(text: &[u8]) -> String {
    text.iter().map(|&word| WORDS[word as usize]).collect::<Vec<_>>().join(" ")
}

fn embedding(seed: u8) -> QuantisedVector {
    let value = |at: u32| {
        ((u32::from(seed) + 1).wrapping_mul(2_654_435_761_u32.rotate_left(at)) >> 24) as f32 - 128.0
    };
    QuantisedVector::from_embedding(&Embedding((0..24).map(value).collect()))
}

fn cosine(a: &QuantisedVector, b: &QuantisedVector) -> f32 {
    let dot = |a: &QuantisedVector, b: &QuantisedVector| {
        a.values.iter().zip(&b.values).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
    };
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

fn document_id(document: u8) -> DocumentId {
    DocumentId::new(Uuid::from_u128(u128::from(document)))
}

fn generation(generation: u8) -> Generation {
    Generation::new(u32::from(generation))
}

fn apply(collection: &Collection, step: &Step) {
    match step {
        Step::Put { document, generation: number, first, texts } => {
            let mut analyzer = Analyzer::new();
            let mut builder = SegmentBuilder::default();
            for (chunk, text) in (u32::from(*first)..).zip(texts) {
                builder.push(0, chunk, &analyzer.chunk(&spell(text)));
            }
            let about = Arc::new(About { filename: String::new(), metadata: Map::new() });
            let row = i64::from(*document) * 100 + i64::from(*number);
            let entry = Entry::new(row, document_id(*document), generation(*number), about);
            collection.put(vec![entry], builder.build());
        }
        Step::PutVectors { document, generation: number, chunks } => {
            let row = |&(chunk, seed): &(u8, u8)| {
                (ChunkIndex::new(u32::from(chunk)), Row::new(&embedding(seed).values))
            };
            let rows: Vec<_> = chunks.iter().map(row).collect();
            collection.put_vectors(document_id(*document), generation(*number), 24, &rows);
        }
        Step::Publish { document, visible } => {
            let visible: Visible = visible.map(|(number, vectors)| (generation(number), vectors));
            collection.publish(document_id(*document), visible);
        }
        Step::Purge { document, generation: number } => {
            collection.purge(document_id(*document), number.map(generation));
        }
        Step::Upkeep => collection.upkeep(),
    }
}

fn search(collection: &Collection, text: &str, seed: u8, only: &[u8], candidates: usize) -> Vec<Evidence> {
    let documents = only.iter().map(|&document| document_id(document)).collect();
    let question = Question {
        terms: Analyzer::new().query(text),
        vector: Some(QueryVector::new(&embedding(seed))),
        filter: Filter::new(&SearchFilter { documents, metadata: Map::new() }),
        candidates,
    };
    let found = scan(&collection.windows(), &question);
    let name = |id: DocumentId| id.as_uuid().as_u128() as u8;
    found
        .iter()
        .map(|hit| {
            let (entry, chunk) = (&hit.entry, hit.chunk as u8);
            (name(entry.document_id), entry.generation.get() as u8, chunk, hit.words, hit.similarity)
        })
        .collect()
}

fn check(found: &[Evidence], expected: &[Evidence], candidates: usize) -> Result<(), TestCaseError> {
    for hit in found {
        let exact = expected.iter().find(|exact| (exact.0, exact.1, exact.2) == (hit.0, hit.1, hit.2));
        let Some(exact) = exact else {
            return Err(TestCaseError::fail(format!("{hit:?} must not be found")));
        };
        prop_assert!((hit.3 - exact.3).abs() <= 1e-5 * exact.3.max(1.0), "{hit:?} is not {exact:?}");
        prop_assert_eq!(hit.4.is_some(), exact.4.is_some(), "{:?} is not {:?}", hit, exact);
        prop_assert!(
            (hit.4.unwrap_or(0.0) - exact.4.unwrap_or(0.0)).abs() < 1e-5,
            "{hit:?} is not {exact:?}"
        );
    }
    let names: BTreeSet<_> = found.iter().map(|hit| (hit.0, hit.2)).collect();
    prop_assert_eq!(names.len(), found.len(), "a chunk is there twice");
    let mut by_words: Vec<_> = expected.iter().filter(|exact| exact.3 > 0.0).collect();
    by_words.sort_by(|a, b| b.3.total_cmp(&a.3).then((a.0, a.2).cmp(&(b.0, b.2))));
    let mut by_meaning: Vec<_> = expected.iter().filter(|exact| exact.4.is_some()).collect();
    by_meaning.sort_by(|a, b| b.4.unwrap().total_cmp(&a.4.unwrap()).then((a.0, a.2).cmp(&(b.0, b.2))));
    // Rounding may change the places of neighbours, so the last ones are compared by their evidence only.
    let worst = by_words.get(candidates.wrapping_sub(1)).map_or(0.0, |exact| exact.3);
    for exact in by_words.iter().take_while(|exact| exact.3 > worst + 1e-4) {
        prop_assert!(names.contains(&(exact.0, exact.2)), "{exact:?} is missing by words");
    }
    let worst = by_meaning.get(candidates.wrapping_sub(1)).map_or(-2.0, |exact| exact.4.unwrap());
    for exact in by_meaning.iter().take_while(|exact| exact.4.unwrap() > worst + 1e-4) {
        prop_assert!(names.contains(&(exact.0, exact.2)), "{exact:?} is missing by meaning");
    }
    let most = by_words.len().min(candidates) + by_meaning.len().min(candidates);
    prop_assert!(found.len() <= most, "{} found, at most {most} expected", found.len());
    prop_assert!(found.len() >= by_words.len().min(candidates).max(by_meaning.len().min(candidates)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 2_000 }))]

    #[test]
    fn a_search_gives_what_looking_at_everything_gives(
        steps in proptest::collection::vec(step(), 1..40),
        words in proptest::collection::vec(0_u8..12, 0..5),
        seed in any::<u8>(),
    ) {
        let (collection, mut model) = (Collection::default(), Model::default());
        let text = spell(&words);
        for step in &steps {
            apply(&collection, step);
            model.apply(step);
            for (only, candidates) in [(&[][..], 1_000), (&[][..], 5), (&[1, 3][..], 7)] {
                let found = search(&collection, &text, seed, only, candidates);
                check(&found, &model.evidence(&text, seed, only), candidates)?;
            }
        }
    }
}

/// Many small writes and purges do not leave many segments or dead slots behind.
#[test]
fn upkeep_bounds_segments_and_dead_slots() {
    let collection = Collection::default();
    for round in 0..40_u8 {
        for document in 0..5 {
            let texts = vec![vec![round % 12, 3, 4]; 60];
            apply(&collection, &Step::Put { document, generation: 1, first: 0, texts });
            apply(&collection, &Step::Upkeep);
        }
    }
    let windows = collection.windows();
    let segments: usize = windows.iter().map(|window| window.segments().len()).sum();
    assert!(segments < 20, "{segments} segments");
    let slots: u32 = windows.iter().flat_map(|window| window.segments()).map(|segment| segment.len()).sum();
    assert!(slots < 600, "{slots} slots for 300 chunks");
    (0..5).for_each(|document| apply(&collection, &Step::Purge { document, generation: None }));
    assert!(collection.windows().is_empty());
    assert_eq!(collection.bytes(), 0);
}
