//! The single node from outside: the built `millrace serve`, driven over HTTP with real files, real vectors, real crashes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails a test; seeds are printed"
)]

mod bad_clients;
mod client;
mod collections;
mod crash;
mod dead_letters;
mod deletion;
mod formats;
mod full_disk;
mod generations;
mod idempotency;
mod keys;
mod letters_in_folder;
mod lifecycle;
mod load;
mod node;
mod search;
mod uploads_by_url;
