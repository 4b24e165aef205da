//! The single node from outside: the built `millrace serve`, driven over HTTP with real files, real vectors, real crashes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails a test; seeds are printed"
)]

mod client;
mod crash;
mod deletion;
mod formats;
mod generations;
mod idempotency;
mod keys;
mod lifecycle;
mod load;
mod node;
mod search;
