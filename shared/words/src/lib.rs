//! What a search index makes of words, on every platform the same: texts and questions become terms, and BM25 says how
//! much a term tells. Pure; where terms are stored and which chunks are looked at is the index's business.

mod analysis;
mod bm25;
mod stop_words;
mod term;
mod tokens;

pub use analysis::{ANALYSIS_VERSION, Analyzer, ChunkTerms, QueryTerms};
pub use bm25::Bm25;
pub use stop_words::STOP_WORDS;
pub use term::{TERM_BITS, Term};
