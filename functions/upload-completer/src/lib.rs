//! The upload-completer: completes uploads by URL when the object store tells that their content is there.

mod handler;
mod notification;

pub use handler::handle;
pub use notification::created_contents;
