//! millrace-embedding.
