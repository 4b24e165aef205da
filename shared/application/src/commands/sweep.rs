//! The sweeper: finds what was lost between two effects and starts it again. Lost enqueues, broken leases and unfinished
//! purges show as documents that are owed work and have stood still; orphaned uploads as blobs without an event.
//! It only sends jobs, completes uploads by URL whose notification was lost, and deletes blobs that nothing refers to, so
//! its own crash, or two of it at once, is harmless.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_domain::{DocumentKey, Status, Trace, UploadId};
use millrace_ports::{
    BlobKey, BlobStore, ClaimOutcome, ClaimRequest, ErrorKind, EventStore, IdGenerator, JobLedger, PortError,
    StepKey,
};

use super::complete_upload::CompleteUpload;
use crate::documents::Documents;
use crate::jobs::Jobs;
use crate::pending_upload::PendingUpload;
use crate::sagas::AdvanceReembeddings;

/// How long the restarts of a document are counted after the last pause, in milliseconds: a day. Were they forgotten
/// sooner, the pauses would not grow.
const RESTARTS_REMEMBER_MS: u64 = 86_400_000;

/// Bounds of one sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPolicy {
    /// A document that is owed work and whose last event is older is looked at, in milliseconds.
    pub stalled_ms: u64,
    /// An upload without an event is an orphan after so long, in milliseconds; one by URL so long after its URL expired. A
    /// content that came in by URL by then is completed instead.
    pub orphan_ms: u64,
    /// Most documents, and most orphans, of one sweep; the next goes on.
    pub per_sweep_max: usize,
}

impl Default for SweepPolicy {
    /// Two minutes, an hour, a thousand.
    fn default() -> Self {
        Self { stalled_ms: 120_000, orphan_ms: 3_600_000, per_sweep_max: 1_000 }
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
}

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The histories.
    pub documents: Documents,
    /// Where documents that are owed work are listed.
    pub store: Arc<dyn EventStore>,
    /// The queues.
    pub jobs: Jobs,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Completes uploads by URL.
    pub complete: CompleteUpload,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
    /// Moves of collections to another model.
    pub reembeddings: AdvanceReembeddings,
    /// The bounds.
    pub policy: SweepPolicy,
}

impl Sweep {
    /// Sweeps once.
    pub async fn run(&self) -> Result<SweepReport, PortError> {
        let mut report = SweepReport::default();
        let before = self.documents.now().plus_millis(-(self.policy.stalled_ms as i64));
        for (key, _) in self.store.unsettled(before, self.policy.per_sweep_max).await? {
            let sent = self.restart(&key).await?;
            report.stalled_documents += usize::from(sent > 0);
            report.jobs_sent += sent;
        }
        let orphans = self.blobs.old_sources(None, self.policy.orphan_ms, self.policy.per_sweep_max).await?;
        // One with a content and a record came twice.
        for (key, upload) in BTreeSet::from_iter(orphans) {
            match self.settle_upload(&key, upload).await? {
                Settled::Kept => {}
                Settled::Completed => report.uploads_completed += 1,
                Settled::Removed => report.orphans_removed += 1,
            }
        }
        report.reembeddings = self.reembeddings.run().await?;
        report.claims_forgotten = self.ledger.forget_expired(self.policy.per_sweep_max).await?;
        if report != SweepReport::default() {
            tracing::info!(?report, "swept");
        }
        Ok(report)
    }

    /// Sends a document's owed jobs, unless that was done for this version not long ago: a long queue is not a loss, so
    /// the pause doubles each time.
    async fn restart(&self, key: &DocumentKey) -> Result<usize, PortError> {
        let Some(document) = self.documents.load(key).await? else { return Ok(0) };
        let request = ClaimRequest {
            step: StepKey::restart(key, document.version),
            owner: self.ids.uuid(),
            lease_ms: self.policy.stalled_ms,
            fingerprint: String::new(),
            memo: String::new(),
            remember_ms: RESTARTS_REMEMBER_MS,
        };
        let ClaimOutcome::Claimed(claim) = self.ledger.claim(request).await? else { return Ok(0) };
        let trace =
            Trace { correlation_id: self.ids.correlation_id(), causation_id: None, traceparent: None };
        let sent = self.jobs.send_owed(key, None, &document, &trace).await?;
        let pause_ms = self.policy.stalled_ms << claim.attempt.saturating_sub(1).min(6);
        self.ledger.extend(&claim, pause_ms).await?;
        Ok(sent)
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
