//! Evidence by words: which terms chunks hold, how rare terms are among the visible ones, and BM25 from both. What it
//! knows of the collection is what the window showed; for a collection within the window that is everything.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use millrace_ports::PortError;
use millrace_words::{Analyzer, Bm25, ChunkTerms, QueryTerms, Term};

use super::word_key::PartKey;
use super::word_part::WordPart;
use super::word_records::StoredPart;

/// Chunks that are remembered with their terms, between searches: some 20 MB.
const REMEMBERED_CHUNKS_MAX: usize = 8_192;

/// A part with the terms of its chunks.
#[derive(Debug)]
pub(crate) struct AnalysedPart {
    pub(crate) key: PartKey,
    pub(crate) content: WordPart,
    /// In the order of the chunks.
    pub(crate) terms: Vec<ChunkTerms>,
}

/// Analyses parts, and remembers those seen last: the next search reads mostly the same.
#[derive(Debug, Default)]
pub(crate) struct Analysis {
    state: Mutex<Remembered>,
}

type PartName = (PartKey, String);

#[derive(Debug, Default)]
struct Remembered {
    analyzer: Analyzer,
    parts: HashMap<PartName, Arc<AnalysedPart>>,
    order: VecDeque<PartName>,
    chunks: usize,
}

impl Analysis {
    /// The terms of a question.
    pub(crate) fn question(&self, text: &str) -> QueryTerms {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).analyzer.query(text)
    }

    /// The terms of a text.
    pub(crate) fn terms(&self, text: &str) -> ChunkTerms {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).analyzer.chunk(text)
    }

    /// Unpacks and analyses parts.
    pub(crate) fn parts(&self, parts: Vec<StoredPart>) -> Result<Vec<Arc<AnalysedPart>>, PortError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        parts.into_iter().map(|part| state.part(part)).collect()
    }
}

impl Remembered {
    fn part(&mut self, part: StoredPart) -> Result<Arc<AnalysedPart>, PortError> {
        let content = |part: &StoredPart| part.unpack("read stored words");
        let name = (part.key, part.revision.clone());
        if let Some(known) = self.parts.get(&name) {
            return Ok(Arc::clone(known));
        }
        let content = content(&part)?;
        let terms: Vec<_> = content.chunks.values().map(|chunk| self.analyzer.chunk(&chunk.text)).collect();
        let analysed = Arc::new(AnalysedPart { key: part.key, content, terms });
        self.chunks += analysed.terms.len();
        self.order.push_back(name.clone());
        self.parts.insert(name, Arc::clone(&analysed));
        while self.chunks > REMEMBERED_CHUNKS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.chunks -= self.parts.remove(&oldest).map_or(0, |part| part.terms.len());
        }
        Ok(analysed)
    }
}

/// The question's terms with what they weigh among visible chunks.
#[derive(Debug)]
pub(crate) struct Scorer {
    weights: Vec<(Term, f32)>,
    bm25: Bm25,
}

impl Scorer {
    /// Counts over the visible chunks.
    pub(crate) fn new<'a>(question: &QueryTerms, visible: impl Iterator<Item = &'a ChunkTerms>) -> Self {
        let (mut chunks, mut length, mut holding) = (0_u64, 0_u64, vec![0_u64; question.terms.len()]);
        for chunk in visible {
            chunks += 1;
            length += u64::from(chunk.length);
            for ((term, _), holding) in question.terms.iter().zip(&mut holding) {
                *holding += u64::from(count(chunk, *term) > 0);
            }
        }
        let weight =
            |((term, asked), holding): (&(Term, f32), u64)| (*term, Bm25::weight(chunks, holding) * asked);
        let weights = question.terms.iter().zip(holding).map(weight).collect();
        Self { weights, bm25: Bm25::new(length as f32 / chunks.max(1) as f32) }
    }

    /// The evidence for one chunk; 0 if it holds none of the question's words.
    pub(crate) fn score(&self, chunk: &ChunkTerms) -> f32 {
        let gain = |&(term, weight): &(Term, f32)| match count(chunk, term) {
            0 => 0.0,
            count => self.bm25.gain(weight, f32::from(count), chunk.length as f32),
        };
        self.weights.iter().map(gain).sum()
    }
}

fn count(chunk: &ChunkTerms, term: Term) -> u8 {
    chunk.terms.binary_search_by_key(&term, |(held, _)| *held).map_or(0, |at| chunk.terms[at].1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use millrace_domain::{ChunkIndex, DocumentId, Generation};
    use millrace_ports::IndexedChunk;
    use uuid::Uuid;

    use super::*;

    fn scores(question: &str, visible: &[&str], asked: &[&str]) -> Vec<f32> {
        let analysis = Analysis::default();
        let terms: Vec<_> = visible.iter().map(|text| analysis.terms(text)).collect();
        let scorer = Scorer::new(&analysis.question(question), terms.iter());
        asked.iter().map(|text| scorer.score(&analysis.terms(text))).collect()
    }

    #[test]
    fn rare_words_weigh_more_and_others_nothing() {
        let visible = ["a wing", "the wings", "wing and flutter", "a nozzle"];
        let asked = ["a flutter", "a wing", "a nozzle", "flutter and wing", "flutter and nozzle"];
        let scores = scores("wing flutter", &visible, &asked);
        assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
        assert!(scores[2] == 0.0 && scores[3] > scores[4], "{scores:?}");
    }

    #[test]
    fn a_chunk_beyond_the_window_is_scored_all_the_same() {
        assert!(scores("zeppelin", &["a wing"], &["the zeppelin"])[0] > 0.0);
        assert!(scores("zeppelin", &[], &["the zeppelin"])[0] > 0.0);
    }

    fn stored(number: u32, revision: &str, text: &str) -> StoredPart {
        let chunk = |index| {
            let index = ChunkIndex::new(index);
            (index, IndexedChunk { index, page: None, heading: None, start: 0, end: 1, text: text.into() })
        };
        let chunks: BTreeMap<_, _> = (0..64).map(chunk).collect();
        let body = WordPart { chunks, ..WordPart::default() }.to_bytes().unwrap();
        let (document_id, generation) = (DocumentId::new(Uuid::nil()), Generation::FIRST);
        let key = PartKey { document_id, generation, part: number };
        StoredPart { key, revision: revision.into(), body }
    }

    #[test]
    fn a_part_is_analysed_once_and_again_when_it_changed() {
        let analysis = Analysis::default();
        let one = analysis.parts(vec![stored(0, "r1", "a wing")]).unwrap();
        let same = analysis.parts(vec![stored(0, "r1", "a wing")]).unwrap();
        assert!(Arc::ptr_eq(&one[0], &same[0]));
        let other = analysis.parts(vec![stored(0, "r2", "a nozzle")]).unwrap();
        assert_ne!(one[0].terms, other[0].terms);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let analysis = Analysis::default();
        for number in 0..200 {
            analysis.parts(vec![stored(number, "r", "a wing")]).unwrap();
        }
        let state = analysis.state.lock().unwrap();
        assert_eq!(state.chunks, REMEMBERED_CHUNKS_MAX);
        assert_eq!((state.parts.len(), state.order.len()), (128, 128));
    }
}
