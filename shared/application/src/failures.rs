//! Failures of pieces of work that have nothing to do with each other: none keeps the others from being done, each is logged,
//! and the first of them is the answer in the end.

use std::error::Error as _;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use millrace_ports::{ErrorKind, PortError};

/// So many are logged; when everything fails, more would say nothing new.
const LOGGED_MAX: usize = 20;

/// Runs a piece of work. A panic in it is an error like any other: a history that cannot be folded panics each time.
pub(crate) async fn guarded<T>(
    attempted: impl Into<String>,
    work: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|_| Err(PortError::caused(ErrorKind::Corrupt, attempted, "it panicked")))
}

/// What failed so far.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    first: Option<PortError>,
    count: usize,
}

impl Failures {
    /// What a piece of work gave; nothing if it failed.
    pub(crate) fn pass<T>(&mut self, result: Result<T, PortError>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The first of them, or what everything came to.
    pub(crate) fn or<T>(self, result: T) -> Result<T, PortError> {
        self.first.map_or(Ok(result), Err)
    }

    fn note(&mut self, error: PortError) {
        self.count += 1;
        if self.count <= LOGGED_MAX {
            tracing::warn!(%error, cause = error.source(), "failed; what has nothing to do with it goes on");
        }
        self.first.get_or_insert(error);
    }
}
