//! S3 Vectors in memory, for tests: the published operations on vectors and indexes with their limits and errors, and
//! exact cosines over what was put. Signatures, permissions, policies, encryption and rate limits are not checked.

mod failure;
mod filter;
mod metadata;
mod names;
mod operations;
mod stand_in;
mod store;

pub use stand_in::StandIn;
