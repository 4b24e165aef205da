//! The Millrace domain: the Document aggregate, its commands and events, jobs, envelopes and ids.
//! Pure: no async, no input or output, no clock, no randomness.

mod ids;
mod measures;

pub use ids::*;
pub use measures::*;
