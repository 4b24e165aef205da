//! The API against the real use cases and the local adapters in memory: requests in, answers out, mostly without a socket.
//! Deliberately absent: the workers; what they would do to a document the fixture does by commands.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod asyncapi;
mod authentication;
mod collections;
mod conditions;
mod content;
mod dead_letters;
mod gateway;
mod lifecycle;
mod lists;
mod memory_blob_store;
mod openapi;
mod queue_away;
mod refusals;
mod schema_check;
mod search;
mod server;
mod socket;
mod stored;
mod stub_embedder;
mod upload_urls;
mod uploads;
mod uploads_by_url;
