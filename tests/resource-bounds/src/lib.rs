//! Tests of guarantee G8: one bad document harms only itself. Damaged and hostile documents of every format go through
//! the real extraction child; damaged requests, jobs, events and stream records through their decoders. Everything
//! follows from a seed and a number of inputs, never from a clock. How well good documents are read is tested in
//! `shared/extraction`, what a whole node makes of bad clients in `cli/tests/single_node`.

pub mod bombs;
mod campaign;
mod corpus;
mod json_mutation;
mod measured_child;
mod mutation;
mod package;
mod random;
pub mod small_files;
pub mod targets;

pub use campaign::{Campaign, Finding, Findings};
pub use corpus::{CorpusFile, corpus_files, corpus_folder};
pub use json_mutation::mutate_json;
pub use measured_child::{Ended, MeasuredExtractor, run_if_child};
pub use mutation::{MUTATED_BYTES_MAX, mutate};
pub use package::{Entry, mutate_package, pack, unpack};
pub use random::Random;
