//! The single node from outside: the built `millrace serve`, driven over HTTP with real files, real vectors, real crashes.

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
