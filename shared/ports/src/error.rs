//! The one error of all storage and messaging ports: a kind that callers act on, what was attempted, and the cause.

use std::error::Error;
use std::fmt;

/// The cause beneath a port's error.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// What a caller can do about it. There are as many kinds as there are different reactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Somebody else changed it first: reload and decide again, a bounded number of times.
    Conflict,
    /// The claim that fences this write was lost to another worker: write nothing more.
    ClaimLost,
    /// It is not there; the use case says whether that is an answer or a fault.
    NotFound,
    /// Asked to come back later; costs no attempt.
    Throttled,
    /// Not reachable or interrupted; a write may or may not have happened.
    Unavailable,
    /// The request breaks a rule or a bound and will never succeed.
    Invalid,
    /// What is stored cannot be read.
    Corrupt,
}

impl ErrorKind {
    /// The name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::ClaimLost => "claim lost",
            Self::NotFound => "not found",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
        }
    }
}

/// Why a port's operation did not succeed.
#[derive(Debug)]
pub struct PortError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// What was attempted on which id; no content, no secrets.
    pub attempted: String,
    /// How long to wait, where the other side said so.
    pub retry_after_ms: Option<u64>,
    source: Option<Cause>,
}

impl PortError {
    /// An error without a cause beneath.
    pub fn new(kind: ErrorKind, attempted: impl Into<String>) -> Self {
        Self { kind, attempted: attempted.into(), retry_after_ms: None, source: None }
    }

    /// An error with its cause.
    pub fn caused(kind: ErrorKind, attempted: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind, attempted) }
    }

    /// The same error, with the wait that the other side asked for.
    #[must_use]
    pub fn with_retry_after_ms(self, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms, ..self }
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.attempted, self.kind.as_str())
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
