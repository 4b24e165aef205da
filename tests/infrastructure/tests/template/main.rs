//! The infrastructure template, expanded as AWS expands it, held to the code: what is written twice, here and there, is the same.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod configs;
mod environment;
mod event_bus;
mod expanded;
mod functions;
mod permissions;
mod queues;
mod tables;
