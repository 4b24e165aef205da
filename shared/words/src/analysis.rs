//! Turns texts and questions into terms: tokens, stemmed as English where they are plain letters. Chunks keep every
//! word; a question drops stop words, unless it has nothing else.

use std::borrow::Cow;
use std::fmt;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;

use crate::stop_words::is_stop_word;
use crate::term::Term;
use crate::tokens::{TokenKind, Tokenizer};

/// Goes up when the same text gives other terms than before; stored terms of another version are made anew.
pub const ANALYSIS_VERSION: u8 = 1;
/// Different terms of a question that are looked up; the rest of a longer one is ignored.
const QUERY_TERMS_MAX: usize = 256;
/// Words whose terms are remembered; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// Longer runs of letters are no words of a language.
const STEMMED_BYTES_MAX: usize = 40;

/// The terms of one chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkTerms {
    /// Number of words, stop words not counted.
    pub length: u32,
    /// Each term once, ascending, with how often it occurs (at most 255, where BM25 has long levelled off).
    pub terms: Vec<(Term, u8)>,
}

/// The terms of a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryTerms {
    /// Each term once, in order of appearance, with how often it occurs.
    pub terms: Vec<(Term, f32)>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    term: Term,
    stop_word: bool,
}

/// Finds the terms of texts, remembering those of words seen before. Cheap to make, but worth keeping for a batch.
pub struct Analyzer {
    stemmer: Stemmer,
    tokenizer: Tokenizer,
    known: FxHashMap<Box<str>, Known>,
    found: Vec<Term>,
}

impl Default for Analyzer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Analyzer {
    /// Knows no word yet.
    pub fn new() -> Self {
        Self {
            stemmer: Stemmer::create(Algorithm::English),
            tokenizer: Tokenizer::default(),
            known: FxHashMap::default(),
            found: Vec::new(),
        }
    }

    /// The terms of a chunk's text.
    pub fn chunk(&mut self, text: &str) -> ChunkTerms {
        let Self { stemmer, tokenizer, known, found } = self;
        let mut length = 0;
        found.clear();
        tokenizer.each_token(text, &mut |token, kind| {
            let Known { term, stop_word } = lookup(stemmer, known, token, kind);
            found.push(term);
            length += u32::from(kind != TokenKind::Pair && !stop_word);
        });
        found.sort_unstable();
        let mut terms: Vec<(Term, u8)> = Vec::with_capacity(found.len());
        for &term in found.iter() {
            match terms.last_mut() {
                Some((last, count)) if *last == term => *count = count.saturating_add(1),
                _ => terms.push((term, 1)),
            }
        }
        terms.shrink_to_fit();
        ChunkTerms { length, terms }
    }

    /// The terms of a question.
    pub fn query(&mut self, text: &str) -> QueryTerms {
        let Self { stemmer, tokenizer, known, .. } = self;
        let (mut content, mut stop_words) = (Vec::new(), Vec::new());
        tokenizer.each_token(text, &mut |token, kind| {
            // Pairs say more than their characters; those count only where there is no pair.
            if kind == (TokenKind::Character { alone: false }) {
                return;
            }
            let Known { term, stop_word } = lookup(stemmer, known, token, kind);
            count_term(if stop_word { &mut stop_words } else { &mut content }, term);
        });
        QueryTerms { terms: if content.is_empty() { stop_words } else { content } }
    }
}

fn count_term(terms: &mut Vec<(Term, f32)>, term: Term) {
    if let Some((_, count)) = terms.iter_mut().find(|(known, _)| *known == term) {
        *count += 1.0;
    } else if terms.len() < QUERY_TERMS_MAX {
        terms.push((term, 1.0));
    }
}

fn lookup(stemmer: &Stemmer, known: &mut FxHashMap<Box<str>, Known>, token: &str, kind: TokenKind) -> Known {
    if let Some(found) = known.get(token) {
        return *found;
    }
    let stop_word = kind == TokenKind::Word && is_stop_word(token);
    let found = Known { term: Term::of(&stem(stemmer, token)), stop_word };
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(token.into(), found);
    found
}

fn stem<'a>(stemmer: &Stemmer, token: &'a str) -> Cow<'a, str> {
    let stems = token.len() <= STEMMED_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_lowercase());
    if stems { stemmer.stem(token) } else { Cow::Borrowed(token) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Vec<Term> {
        Analyzer::new().query(text).terms.into_iter().map(|(term, _)| term).collect()
    }

    fn terms(stems: &[&str]) -> Vec<Term> {
        stems.iter().map(|stem| Term::of(stem)).collect()
    }

    #[test]
    fn a_question_drops_stop_words_unless_it_has_nothing_else() {
        assert_eq!(query("What are the running costs?"), terms(&["run", "cost"]));
        assert_eq!(query("to be or not to be"), terms(&["to", "be", "or", "not"]));
        assert_eq!(query(" -- "), []);
    }

    #[test]
    fn a_question_in_chinese_asks_for_pairs() {
        assert_eq!(query("東京都"), terms(&["東京", "京都"]));
        assert_eq!(query("翼"), terms(&["翼"]));
    }

    #[test]
    fn a_chunk_counts_its_terms() {
        let chunk = Analyzer::new().chunk("Wings, the wing of 3 wings 翼");
        let mut expected: Vec<_> =
            [("wing", 3), ("the", 1), ("of", 1), ("3", 1), ("翼", 1)].map(|(w, n)| (Term::of(w), n)).into();
        expected.sort_unstable();
        assert_eq!(chunk, ChunkTerms { length: 5, terms: expected });
    }

    #[test]
    fn a_long_question_is_cut() {
        let text: String = (0..1_000).map(|n| format!("q{n} ")).collect();
        assert_eq!(query(&text).len(), QUERY_TERMS_MAX);
    }
}
