//! The embed-worker function: takes jobs from the `embed` queue and makes the vectors of chunk batches.

mod handler;

pub use handler::{Embeds, handle};
