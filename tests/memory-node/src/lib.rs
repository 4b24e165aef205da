//! What a single node composes, over adapters in memory: one of each port, the same behind a plan of faults, and the bounds
//! that make short texts have several batches. Tests drive it in their own way: `tests/handlers` message by message,
//! `tests/simulation` under one seed. Nothing is run here.

mod bounds;
mod memory_node;
mod parts;

pub use bounds::{BATCH_SIZE, CONTENT_BYTES_MAX, small_chunks};
pub use memory_node::MemoryNode;
pub use parts::Parts;
