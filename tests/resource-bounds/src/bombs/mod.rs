//! Hostile documents that are too large to commit, made when a test runs. Each says which ends are right for it: text,
//! or a failure with one of these codes. Small malformed files are made in `small_files.rs`.

mod archives;
mod markup;
mod pdfs;
mod raw_zip;
mod texts;

/// One hostile document.
#[derive(Debug)]
pub struct Bomb {
    /// What it is, for the reader of a failure.
    pub what: &'static str,
    /// The name it is uploaded under.
    pub filename: &'static str,
    /// Its content, made when asked for: all of them at once would fill the memory.
    pub make: fn() -> Vec<u8>,
    /// How it may end: `text`, or the codes of failures.
    pub ends: &'static [&'static str],
    /// Whether its parser needs longer than anybody waits. Then the tests give it little time.
    pub takes_for_ever: bool,
}

const fn bomb(
    what: &'static str,
    filename: &'static str,
    make: fn() -> Vec<u8>,
    ends: &'static [&'static str],
) -> Bomb {
    Bomb { what, filename, make, ends, takes_for_ever: false }
}

/// All of them.
#[must_use]
pub fn bombs() -> Vec<Bomb> {
    [archives::bombs(), markup::bombs(), pdfs::bombs(), texts::bombs()].into_iter().flatten().collect()
}

pub(crate) use raw_zip::{RawEntry, RawZip, zlib};
