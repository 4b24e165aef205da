//! What deployed functions have in common when they compose themselves: groups of variables become settings, settings
//! become adapters. Which of them a function needs is decided in its own `config.rs` and `main.rs`; no use case is run here.

mod cloud;
mod embedder;
mod settings;
mod warm_up;
mod workbench;

pub use cloud::Cloud;
pub use embedder::{EmbedderConfigs, embedding_models};
pub use settings::{aws, bytes, journal, journal_to_read, queues, search, table};
pub use warm_up::{Warming, warm_up};
pub use workbench::{CloudWorkbench, WorkbenchSettings};
