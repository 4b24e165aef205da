//! Search on one machine: an inverted index and a matrix of 8-bit vectors in memory, derived from rows in the
//! database. Nothing here is approximate, and nothing knows how the two kinds of evidence are fused.
//!
//! Terms come from `millrace-words`; `segment` and `vector_block` hold them and the vectors in a `window` of slots; a
//! `collection` is a list of windows and knows which slots may be seen; `scan` searches it. `rows` and `load` are the
//! database's side, `sqlite_search_index` the port.

mod bits;
mod collection;
mod dot_product;
mod entry;
mod filter;
mod forward;
mod load;
#[cfg(test)]
mod model_tests;
mod rows;
mod scan;
mod segment;
mod sqlite_search_index;
mod top_k;
mod vector_block;
mod window;

pub(crate) use collection::Collection;
pub use sqlite_search_index::SqliteSearchIndex;
