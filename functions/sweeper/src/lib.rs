//! The sweeper function: purges what jobs on the `purge` queue name and, on a schedule, restarts what was lost.

mod handler;
mod invocation;

pub use handler::{Purges, handle_purges, handle_schedule};
pub use invocation::Invocation;
