//! The only place here that waits by time. Everything else waits for a notification, with the Clock port saying until when.

use std::time::Duration;

/// Waits. For adapters whose callers asked them to wait for something, and only as long as they asked.
#[expect(clippy::disallowed_methods, reason = "the one place that waits by time")]
pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
