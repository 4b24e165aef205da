//! One search over the windows of a collection: exact BM25 and exact cosines, no files, no locks.

use std::cmp::Ordering;
use std::sync::Arc;

use super::bits::Bits;
use super::entry::Entry;
use super::filter::Filter;
use super::segment::{Postings, Segment};
use super::top_k::{Place, TopK};
use super::vector_block::QueryVector;
use super::window::{WINDOW_SLOTS, Window};
use millrace_words::{Bm25, QueryTerms, Term};

/// What to look for.
pub(super) struct Question {
    pub(super) terms: QueryTerms,
    pub(super) vector: Option<QueryVector>,
    pub(super) filter: Option<Filter>,
    /// How many to find by each kind of evidence.
    pub(super) candidates: usize,
}

/// A chunk that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) entry: Arc<Entry>,
    pub(super) chunk: u32,
    pub(super) words: f32,
    pub(super) similarity: Option<f32>,
}

/// Finds the best by words and the best by vector, each with both kinds of evidence, by document and chunk.
pub(super) fn scan(windows: &[Arc<Window>], question: &Question) -> Vec<Found> {
    let scan = Scan::new(windows, question);
    let similar = scan.best_by_vector();
    let mut also: Vec<Place> = similar.iter().map(|&(_, place)| place).collect();
    also.sort_unstable();
    let (worded, also_words) = scan.best_by_words(&also);
    let mut found: Vec<(Place, f32)> = worded.iter().map(|&(words, place)| (place, words)).collect();
    found.extend(also.into_iter().zip(also_words));
    found.sort_unstable_by(|a, b| scan.order(a.0, b.0));
    found.dedup_by_key(|(place, _)| *place);
    found.into_iter().map(|(place, words)| scan.found(place, words)).collect()
}

struct Scan<'a> {
    windows: &'a [Arc<Window>],
    question: &'a Question,
    /// Per window, the slots that pass the filter, if there is one.
    passing: Vec<Option<Bits>>,
}

impl<'a> Scan<'a> {
    fn new(windows: &'a [Arc<Window>], question: &'a Question) -> Self {
        let passing = |window: &Arc<Window>| question.filter.as_ref().map(|filter| filter.slots(window));
        Self { windows, question, passing: windows.iter().map(passing).collect() }
    }

    fn chunk(&self, place: Place) -> (&'a Arc<Entry>, u32) {
        self.windows[(place / WINDOW_SLOTS) as usize].chunk(place % WINDOW_SLOTS)
    }

    /// By document id and chunk.
    fn order(&self, a: Place, b: Place) -> Ordering {
        let key = |place| {
            let (entry, chunk) = self.chunk(place);
            (entry.document_id, chunk)
        };
        key(a).cmp(&key(b))
    }

    fn found(&self, place: Place, words: f32) -> Found {
        let (entry, chunk) = self.chunk(place);
        Found { entry: Arc::clone(entry), chunk, words, similarity: self.similarity(place) }
    }

    fn similarity(&self, place: Place) -> Option<f32> {
        let window = &self.windows[(place / WINDOW_SLOTS) as usize];
        let slot = place % WINDOW_SLOTS;
        let query = self.question.vector.as_ref()?;
        let block = window.vectors().block(slot / 64)?;
        window.meaning().get(slot).then(|| block.cosine(slot % 64, query))
    }

    /// Slots `64 * word ..` of a window that pass the filter.
    fn passing(&self, window: usize, word: u32) -> u64 {
        self.passing[window].as_ref().map_or(u64::MAX, |passing| passing.word(word))
    }

    fn best_by_vector(&self) -> Vec<(f32, Place)> {
        let Some(query) = &self.question.vector else { return Vec::new() };
        let tie = |a, b| self.order(a, b);
        let mut top = TopK::new(self.question.candidates, &tie);
        for (at, window) in self.windows.iter().enumerate() {
            for word in 0..window.meaning().words() {
                let mask = window.meaning().word(word) & self.passing(at, word);
                let Some(block) = window.vectors().block(word).filter(|_| mask != 0) else { continue };
                let cosines = block.cosines(query);
                let first = at as u32 * WINDOW_SLOTS + word * 64;
                push_masked(&mut top, &cosines, mask, first);
            }
        }
        top.into_best()
    }

    /// The best by words, and the words' evidence of other places, which are ascending.
    fn best_by_words(&self, also: &[Place]) -> (Vec<(f32, Place)>, Vec<f32>) {
        let mut also_words = vec![0.0; also.len()];
        let terms = self.weighted_terms();
        if terms.is_empty() {
            return (Vec::new(), also_words);
        }
        let bm25 = Bm25::new(self.mean_length());
        let tie = |a, b| self.order(a, b);
        let mut top = TopK::new(self.question.candidates, &tie);
        let mut scores = Vec::new();
        for (at, window) in self.windows.iter().enumerate() {
            for segment in window.segments() {
                scores.clear();
                scores.resize(segment.len() as usize, 0.0);
                let found =
                    terms.iter().filter_map(|&(term, weight)| Some((segment.postings(term)?, weight)));
                let mut any = false;
                for (postings, weight) in found {
                    any = true;
                    add_scores(&mut scores, segment, postings, weight, bm25);
                }
                if any {
                    let first = at as u32 * WINDOW_SLOTS + segment.first;
                    read_scores(&scores, first, also, &mut also_words);
                    self.push_scores(&mut top, &scores, at, segment);
                }
            }
        }
        (top.into_best(), also_words)
    }

    fn push_scores(&self, top: &mut TopK<'_>, scores: &[f32], at: usize, segment: &Segment) {
        let window = &self.windows[at];
        for (group, from) in scores.chunks(64).zip((segment.first..).step_by(64)) {
            // A score of 0 is no match.
            let threshold = top.threshold();
            if !group.iter().any(|&score| score > 0.0 && score >= threshold) {
                continue;
            }
            let passing = self.passing[at].as_ref().map_or(u64::MAX, |passing| passing.window(from));
            let mask = window.words().window(from) & passing;
            let first = at as u32 * WINDOW_SLOTS + from;
            for (score, bit) in group.iter().zip(0..) {
                if *score > 0.0 && mask >> bit & 1 == 1 {
                    top.push(*score, first + bit);
                }
            }
        }
    }

    /// The question's terms that visible chunks hold, with what they weigh among visible chunks.
    fn weighted_terms(&self) -> Vec<(Term, f32)> {
        let total: u64 = self.windows.iter().map(|window| window.statistics().0).sum();
        let weight = |&(term, count)| {
            let holding: u64 = self.windows.iter().map(|window| u64::from(holding(window, term))).sum();
            (holding > 0).then(|| (term, Bm25::weight(total, holding) * count))
        };
        self.question.terms.terms.iter().filter_map(weight).collect()
    }

    /// Words of a visible chunk on average.
    fn mean_length(&self) -> f32 {
        let sums = self.windows.iter().map(|window| window.statistics());
        let (chunks, length) = sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (length as f64 / chunks as f64).max(1.0) as f32
    }
}

/// How many visible chunks of a window hold a term.
fn holding(window: &Window, term: Term) -> u32 {
    let of_segment = |segment: &Arc<Segment>| {
        let postings = segment.postings(term)?;
        if window.words().count(segment.first, segment.len()) == segment.len() {
            return Some(postings.slots.len() as u32);
        }
        let visible =
            postings.slots.iter().filter(|&&slot| window.words().get(segment.first + u32::from(slot)));
        Some(visible.count() as u32)
    };
    window.segments().iter().filter_map(of_segment).sum()
}

/// Adds what each chunk gains by a term that it holds.
fn add_scores(scores: &mut [f32], segment: &Segment, postings: Postings<'_>, weight: f32, bm25: Bm25) {
    let lengths = segment.lengths();
    for (&slot, &count) in postings.slots.iter().zip(postings.counts) {
        let (slot, count) = (usize::from(slot), f32::from(count));
        scores[slot] += bm25.gain(weight, count, f32::from(lengths[slot]));
    }
}

/// Copies the scores of those ascending places that lie among them.
fn read_scores(scores: &[f32], first: Place, places: &[Place], out: &mut [f32]) {
    let from = places.partition_point(|&place| place < first);
    for (place, out) in places[from..].iter().zip(&mut out[from..]) {
        let Some(score) = scores.get((place - first) as usize) else { break };
        *out = *score;
    }
}

fn push_masked(top: &mut TopK<'_>, scores: &[f32; 64], mask: u64, first: Place) {
    for (&score, bit) in scores.iter().zip(0..) {
        if score >= top.threshold() && mask >> bit & 1 == 1 {
            top.push(score, first + bit);
        }
    }
}
