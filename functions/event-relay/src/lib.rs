//! The event-relay function: takes the journal's stream and publishes its events: the transactional outbox.

mod handler;

pub use handler::handle;
