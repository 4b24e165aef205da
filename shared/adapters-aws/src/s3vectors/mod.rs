//! The search index on S3 Vectors and DynamoDB. Vectors with their texts are in one index a tenant and collection; words
//! are records in a table, since the service has no search by words and no vector comes before its words. A collection that
//! was moved to another model is in a space of its own, which is a collection like any other here: with an index, made with
//! the length of the first vectors that come, and a partition of words. The heads publish in all of them.
//!
//! `s3_vectors_index` is the port, `search` its query; `vector_store` and `word_records` make the calls; the rest are
//! codecs and scoring. Why it is so: docs/adr/0005-search-on-aws.md.

mod document_value;
mod failure;
mod gathering;
mod index_name;
mod s3_vectors_index;
mod search;
#[cfg(test)]
mod tests;
mod vector_key;
mod vector_metadata;
mod vector_store;
mod word_evidence;
mod word_key;
mod word_part;
mod word_records;

pub use s3_vectors_index::{S3VectorsIndex, SearchTables};
