//! Tests of the chunker through its public API. Its parts are tested in their own files.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod properties;
mod structure;
mod tokenizers;
