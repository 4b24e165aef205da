//! What deployed functions have in common when they compose themselves: groups of variables become settings, settings
//! become adapters. Which of them a function needs is decided in its own `config.rs` and `main.rs`; no use case is run here.

mod cloud;
mod embedder;
mod settings;
mod warm_up;

pub use cloud::Cloud;
pub use embedder::EmbedderConfig;
pub use settings::{aws, bytes, journal, journal_to_read, queues, search, table};
pub use warm_up::{Warming, warm_up};
