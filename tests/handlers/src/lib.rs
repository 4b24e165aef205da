//! The whole of Millrace in one process for tests: the real use cases and handlers over the local adapters in memory, with
//! a clock to set and ports that can be made to fail. It serves no requests and runs nothing by itself; a test delivers
//! each message. The tests are in `tests/`.

mod driving;
mod looking;
mod moving;
mod samples;
mod tiny_embedder;
mod tiny_extractor;
mod world;

pub use driving::{Answer, SqsAnswer};
pub use looking::{Leftovers, event_type};
pub use samples::{SAMPLE_TENANT, SampleDocument, sample, sample_names};
pub use tiny_embedder::{FURTHER_MODEL, TINY_MODEL, TinyEmbedder, Trouble};
pub use tiny_extractor::TinyExtractor;
pub use world::World;

pub use millrace_memory_node::{BATCH_SIZE, Parts};
