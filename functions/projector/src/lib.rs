//! The projector function: takes events from its queue and keeps the read models.

mod handler;

pub use handler::handle;
