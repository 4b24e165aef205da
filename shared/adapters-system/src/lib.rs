//! The ports on the operating system alone: the wall clock and new ids. Whatever runs for real composes with these, on one
//! machine and on AWS; a simulation composes with others.

mod system;

pub use system::{SystemClock, SystemIdGenerator};
