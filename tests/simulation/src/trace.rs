//! What a run did, line by line: two runs of one seed must write the same bytes. Kept only when somebody wants to read it.

use std::fmt::Write as _;

/// The trace.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    text: Option<String>,
}

impl Trace {
    /// A trace that is kept, or not.
    pub(crate) fn new(kept: bool) -> Self {
        Self { text: kept.then(String::new) }
    }

    /// Adds a line, made only if it is kept.
    pub(crate) fn note(&mut self, at_ms: i64, line: impl FnOnce() -> String) {
        if let Some(text) = &mut self.text {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{:>4}.{:03} {}", at_ms / 1_000, at_ms.rem_euclid(1_000), line());
        }
    }

    /// Takes the text.
    pub(crate) fn take(&mut self) -> String {
        self.text.take().unwrap_or_default()
    }
}
