//! The configurations of the functions, compiled from where they stand: a binary's modules cannot be depended on, and what a
//! function reads is known for certain only by letting it read.
#![expect(dead_code, reason = "what a function does with its settings is not looked at here")]

#[path = "../../../../functions/api/src/config.rs"]
pub(crate) mod api;
#[path = "../../../../functions/authorizer/src/config.rs"]
pub(crate) mod authorizer;
#[path = "../../../../functions/chunk-worker/src/config.rs"]
pub(crate) mod chunk_worker;
#[path = "../../../../functions/embed-worker/src/config.rs"]
pub(crate) mod embed_worker;
#[path = "../../../../functions/event-relay/src/config.rs"]
pub(crate) mod event_relay;
#[path = "../../../../functions/projector/src/config.rs"]
pub(crate) mod projector;
#[path = "../../../../functions/sweeper/src/config.rs"]
pub(crate) mod sweeper;
#[path = "../../../../functions/upload-completer/src/config.rs"]
pub(crate) mod upload_completer;
