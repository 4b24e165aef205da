//! The deletion saga after its tombstone: purge the index and the cached vectors, purge the blobs, read back, write the
//! receipt. Each step is recorded before the next, so a crash resumes where it was.

use std::sync::Arc;

use millrace_domain::{ByteSize, Command, Document, DocumentKey, Generation, Job, Status, Trace};
use millrace_ports::{BlobPrefix, BlobStore, BlobUsage, Claim, ErrorKind, IndexUsage, PortError, StepKey};

use super::found::Found;
use crate::cached_vectors::CachedVectors;
use crate::documents::{Context, Documents};
use crate::index_spaces::IndexSpaces;
use crate::job_outcome::JobOutcome;
use crate::step::{Begun, Delivery, StepError, Steps};

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct PurgeDocument {
    /// The histories.
    pub documents: Documents,
    /// The claims.
    pub steps: Steps,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Vectors already paid for.
    pub vectors: CachedVectors,
    /// The index.
    pub index: IndexSpaces,
}

impl PurgeDocument {
    /// Does one delivered job.
    #[tracing::instrument(name = "purge_document", skip_all, fields(
        document.id = %delivery.job.document_id, correlation.id = %delivery.job.trace.correlation_id
    ))]
    pub async fn run(&self, delivery: &Delivery) -> JobOutcome {
        if delivery.job.job != (Job::PurgeDocument {}) {
            return JobOutcome::malformed("not a PurgeDocument job");
        }
        match self.step(delivery).await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.unclaimed(delivery, &error),
        }
    }

    async fn step(&self, delivery: &Delivery) -> Result<JobOutcome, PortError> {
        let key = delivery.key();
        let Some(document) = self.documents.load(&key).await? else { return Ok(JobOutcome::Acknowledge) };
        if document.status != Status::Deleting {
            return Ok(JobOutcome::Acknowledge);
        }
        let index = self.index.usage(&key, &document.collection, None).await?;
        let content = self.blobs.usage(&BlobPrefix::document(&key)).await?;
        let found = Found::new(index, content, self.vectors.count_up_to(&key, document.generation).await?);
        let begun = self.steps.begin_noting(StepKey::purge_document(&key), found.to_memo()).await?;
        let claim = match begun {
            Begun::Claimed(claim) => claim,
            Begun::Done => return Ok(JobOutcome::Acknowledge),
            Begun::NotNow(outcome) => return Ok(outcome),
        };
        Ok(match self.work(&key, document, &delivery.job.trace, &claim).await {
            Ok(()) => JobOutcome::Acknowledge,
            Err(error) => self.steps.give_up(&claim, error).await,
        })
    }

    async fn work(
        &self,
        key: &DocumentKey,
        mut document: Document,
        trace: &Trace,
        claim: &Claim,
    ) -> Result<(), StepError> {
        let context = Context::of(trace);
        let attempts = Some(claim.attempt);
        let found = Found::from_memo(&claim.memo);
        if document.deletion.as_ref().is_some_and(|deletion| deletion.index.is_none()) {
            let command = self.purge_index(key, &document, found, attempts).await?;
            document = self.documents.execute(key, &context, command).await?.document;
        }
        if document.deletion.as_ref().is_some_and(|deletion| deletion.content.is_none()) {
            let removed = self.blobs.delete_prefix(&BlobPrefix::document(key)).await?;
            let BlobUsage { blobs, bytes } = found.content(removed);
            let bytes = ByteSize::new(bytes);
            let command = Command::RecordContentPurged { generation: None, blobs, bytes, attempts };
            document = self.documents.execute(key, &context, command).await?.document;
        }
        self.verify(key, &document).await?;
        let command = Command::CompleteDeletion { attempts, at: self.documents.now() };
        self.documents.execute(key, &context.completing(claim, "deleted"), command).await?;
        tracing::info!("document deleted and verified");
        Ok(())
    }

    async fn purge_index(
        &self,
        key: &DocumentKey,
        document: &Document,
        found: Found,
        attempts: Option<u32>,
    ) -> Result<Command, PortError> {
        let mut cached_vectors = 0;
        for generation in (1..=document.generation.get()).map(Generation::new) {
            cached_vectors += self.vectors.remove_generation(key, generation).await?;
        }
        let removed = self.index.purge(key, &document.collection, None, None).await?;
        let IndexUsage { chunks, vectors } = found.index(removed);
        let cached_vectors = found.cached_vectors(cached_vectors);
        Ok(Command::RecordVectorsPurged { generation: None, chunks, vectors, cached_vectors, attempts })
    }

    /// The read-back. A straggler that was still writing when the tombstone fell is removed here.
    async fn verify(&self, key: &DocumentKey, document: &Document) -> Result<(), PortError> {
        self.index.purge(key, &document.collection, None, None).await?;
        self.blobs.delete_prefix(&BlobPrefix::document(key)).await?;
        let index = self.index.usage(key, &document.collection, None).await?;
        let blobs = self.blobs.usage(&BlobPrefix::document(key)).await?;
        if index == IndexUsage::default() && blobs == BlobUsage::default() {
            return Ok(());
        }
        let attempted = format!("verify that document {} is purged", key.document_id);
        Err(PortError::new(ErrorKind::Unavailable, attempted))
    }
}
