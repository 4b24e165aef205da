//! Millrace as it is deployed: the binaries of the functions, the template, and an emulator of AWS that enforces the template's
//! permissions. One stack is shared by all tests; each test has tenants of its own.
//!
//! `AWS_ENDPOINT_URL` names another emulator than the one that is started otherwise. It must run the functions on this machine: they
//! reach it through a proxy of this process, which breaks connections and kills workers on demand.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod binaries;
mod client;
mod crashes;
mod dead_letters;
mod deletion;
mod duplicates;
mod emulated_aws;
mod faults;
mod history;
mod proxy;
mod reembedding;
mod replay;
mod stack;
mod stand_in_embedder;
mod subscriber;
mod throttling;
mod upload;
mod uploads_by_url;
mod worker_process;
