//! The sweeper: finds what was lost between two effects and starts it again. Lost enqueues, broken leases and unfinished
//! purges show as documents that are owed work and have stood still (`stalled_documents.rs` goes through them); orphaned uploads
//! as blobs without an event.
//! It only sends jobs, completes uploads by URL whose notification was lost, and deletes blobs that nothing refers to, so
//! its own crash, or two of it at once, is harmless.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_domain::{DocumentKey, Status, UploadId};
use millrace_ports::{BlobKey, BlobStore, ErrorKind, JobLedger, PortError};

use super::complete_upload::CompleteUpload;
use crate::documents::Documents;
use crate::failures::{Failures, guarded};
use crate::pending_upload::PendingUpload;
use crate::sagas::AdvanceReembeddings;
use crate::stalled_documents::{Restarted, StalledDocuments};

/// Bounds of one sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPolicy {
    /// A document that is owed work and whose last event is older is looked at, in milliseconds.
    pub stalled_ms: u64,
    /// How long a document is left alone after its first restart, in milliseconds; twice as long after each further one, up
    /// to 64 times.
    pub pause_ms: u64,
    /// An upload without an event is an orphan after so long, in milliseconds; one by URL so long after its URL expired. A
    /// content that came in by URL by then is completed instead.
    pub orphan_ms: u64,
    /// For how long it looks at documents, in milliseconds; the next goes on.
    pub look_ms: u64,
    /// Most documents of a tenant that are restarted, most uploads looked at, and most claims forgotten in one sweep; the
    /// next goes on.
    pub per_sweep_max: usize,
}

impl Default for SweepPolicy {
    /// Two minutes twice, an hour, half a minute, a thousand.
    fn default() -> Self {
        Self {
            stalled_ms: 120_000,
            pause_ms: 120_000,
            orphan_ms: 3_600_000,
            look_ms: 30_000,
            per_sweep_max: 1_000,
        }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Documents that had stood still.
    pub stalled_documents: usize,
    /// Jobs sent for them.
    pub jobs_sent: usize,
    /// Orphaned uploads removed.
    pub orphans_removed: usize,
    /// Uploads by URL completed whose content had come in unnoticed.
    pub uploads_completed: usize,
    /// Re-embeddings under way, moved on.
    pub reembeddings: usize,
    /// Ledger rows forgotten.
    pub claims_forgotten: u64,
    /// What failed and is tried again by a later one.
    pub failures: usize,
}

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The histories.
    pub documents: Documents,
    /// The documents that are owed work.
    pub stalled: StalledDocuments,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Completes uploads by URL.
    pub complete: CompleteUpload,
    /// Moves of collections to another model.
    pub reembeddings: AdvanceReembeddings,
    /// The bounds.
    pub policy: SweepPolicy,
}

impl Sweep {
    /// The first sweep of a process whose data nobody else works on: it looks at documents however young, since the process
    /// before may have died a moment ago, between an append and its jobs. What it restarts is left alone like any other's.
    #[must_use]
    pub fn at_start(&self) -> Self {
        Self { policy: SweepPolicy { stalled_ms: 0, ..self.policy }, ..self.clone() }
    }

    /// Sweeps once. What fails keeps nothing else from being done, neither another document nor another kind of work.
    ///
    /// # Errors
    /// The first failure, after everything else.
    pub async fn run(&self) -> Result<SweepReport, PortError> {
        let mut report = SweepReport::default();
        let mut failures = Failures::default();
        let Restarted { documents, jobs } = self.stalled.restart(self.policy, &mut failures).await;
        (report.stalled_documents, report.jobs_sent) = (documents, jobs);
        let moved = guarded("move re-embeddings on", self.reembeddings.run()).await;
        report.reembeddings = failures.pass(moved).unwrap_or_default();
        let forgotten = self.ledger.forget_expired(self.policy.per_sweep_max).await;
        report.claims_forgotten = failures.pass(forgotten).unwrap_or_default();
        // Nothing comes after what may take long.
        self.settle_uploads(&mut report, &mut failures).await;
        report.failures = failures.count();
        if report != SweepReport::default() {
            tracing::info!(?report, "swept");
        }
        failures.or(report)
    }

    async fn settle_uploads(&self, report: &mut SweepReport, failures: &mut Failures) {
        let old = self.blobs.old_sources(None, self.policy.orphan_ms, self.policy.per_sweep_max).await;
        // One with a content and a record came twice.
        for (key, upload) in BTreeSet::from_iter(failures.pass(old).unwrap_or_default()) {
            let attempted = format!("settle upload {upload} of document {}", key.document_id);
            match failures.pass(guarded(attempted, self.settle_upload(&key, upload)).await) {
                None | Some(Settled::Kept) => {}
                Some(Settled::Completed) => report.uploads_completed += 1,
                Some(Settled::Removed) => report.orphans_removed += 1,
            }
        }
    }

    /// The record of an upload by URL is looked for before the document: where it is missing the upload may have been
    /// accepted a moment ago, and then the document says so.
    async fn settle_upload(&self, key: &DocumentKey, upload: UploadId) -> Result<Settled, PortError> {
        match PendingUpload::find(&*self.blobs, key, upload).await {
            Ok(Some(pending)) => self.settle_pending(key, upload, &pending).await,
            Ok(None) => self.remove_orphan(key, upload).await,
            Err(error) if error.kind == ErrorKind::Corrupt => {
                tracing::error!(%error, document.id = %key.document_id, "upload left alone");
                Ok(Settled::Kept)
            }
            Err(error) => Err(error),
        }
    }

    /// Completes an upload whose notification was lost, and gives up one that can no longer be completed. Until long after
    /// its URL expired nothing is removed: its bytes may be on their way.
    async fn settle_pending(
        &self,
        key: &DocumentKey,
        upload: UploadId,
        pending: &PendingUpload,
    ) -> Result<Settled, PortError> {
        let refusal = match self.complete.run(key, upload).await {
            Ok(completed) if !completed.accepted.replayed => return Ok(Settled::Completed),
            // Its record is gone by now, or it is the one place that knows the answer, and ages.
            Ok(_) => None,
            Err(error) if error.port_error().is_some() => {
                tracing::warn!(%error, document.id = %key.document_id, "upload not completed, the next sweep tries again");
                return Ok(Settled::Kept);
            }
            Err(error) => Some(error),
        };
        if self.documents.now().millis_since(pending.expires_at) < self.policy.orphan_ms {
            return Ok(Settled::Kept);
        }
        if let Some(refusal) = refusal {
            tracing::info!(%refusal, document.id = %key.document_id, "upload given up");
            self.blobs.delete(&BlobKey::source(key, upload)).await?;
        }
        self.blobs.delete(&BlobKey::pending(key, upload)).await?;
        Ok(Settled::Removed)
    }

    async fn remove_orphan(&self, key: &DocumentKey, upload: UploadId) -> Result<Settled, PortError> {
        let document = self.documents.load(key).await?.filter(|document| document.status != Status::Deleted);
        let in_use = document.is_some_and(|document| {
            document.upload_id == upload
                || document.published.is_some_and(|published| published.upload_id == upload)
                || document.residue.iter().any(|residue| residue.upload_id == upload)
        });
        if in_use {
            return Ok(Settled::Kept);
        }
        self.blobs.delete(&BlobKey::source(key, upload)).await?;
        Ok(Settled::Removed)
    }
}

/// What became of an old upload.
enum Settled {
    Kept,
    Completed,
    Removed,
}
