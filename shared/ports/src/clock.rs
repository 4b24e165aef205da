//! Time and new identifiers. Plain synchronous traits, so that a simulation supplies both from one seed.

use std::fmt;

use millrace_domain::{CorrelationId, DocumentId, EventId, JobId, Timestamp, UploadId};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now. Two calls may give the same instant, and on two machines differ by their clocks' skew.
    fn now(&self) -> Timestamp;
}

/// Makes identifiers.
///
/// An implementer promises: UUIDs of version 7, never the same twice, increasing as seen by one process.
pub trait IdGenerator: Send + Sync + fmt::Debug {
    /// A new UUID.
    fn uuid(&self) -> Uuid;

    /// A new document id.
    fn document_id(&self) -> DocumentId {
        DocumentId::new(self.uuid())
    }

    /// A new upload id.
    fn upload_id(&self) -> UploadId {
        UploadId::new(self.uuid())
    }

    /// A new job id.
    fn job_id(&self) -> JobId {
        JobId::new(self.uuid())
    }

    /// A new event id.
    fn event_id(&self) -> EventId {
        EventId::new(self.uuid())
    }

    /// A new correlation id.
    fn correlation_id(&self) -> CorrelationId {
        CorrelationId::new(self.uuid())
    }
}
