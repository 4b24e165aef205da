//! The search index on S3 Vectors and DynamoDB. Vectors with their texts are in one index a tenant and collection; words
//! are records in a table, since the service has no search by words and no vector comes before its words.
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
