//! The Millrace domain: the Document aggregate, its commands and events, collections, jobs, envelopes and ids.
//! Pure: no async, no input or output, no clock, no randomness.

mod collection;
mod document;
mod envelope;
mod failure;
mod ids;
mod job;
mod measures;
mod upcast;
mod upload_name;

pub use collection::*;
pub use document::*;
pub use envelope::*;
pub use failure::*;
pub use ids::*;
pub use job::*;
pub use measures::*;
pub use upcast::{UnreadableEvent, read_event};
pub use upload_name::UploadName;
