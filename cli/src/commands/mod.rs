//! The commands, one file each.

pub(crate) mod cancel;
pub(crate) mod collections;
pub(crate) mod content;
pub(crate) mod dead_letters;
pub(crate) mod delete;
mod each_document;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod queues;
pub(crate) mod retry;
mod saga_table;
pub(crate) mod search;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod timeline;
pub(crate) mod upload;
pub(crate) mod watch;
