//! Compensation: removes what a failed, cancelled or superseded generation left in the index and, if it was superseded,
//! in the blob store. Queries did not see it any more; this makes room and makes a retry start clean.

use std::sync::Arc;

use millrace_domain::{ByteSize, Command, Document, DocumentKey, Generation, Job, Residue, Trace};
use millrace_ports::{
    BlobKey, BlobPrefix, BlobStore, BlobUsage, Claim, ErrorKind, IndexUsage, PortError, StepKey,
};

use super::found::Found;
use crate::cached_vectors::CachedVectors;
use crate::documents::{Context, Documents};
use crate::index_spaces::IndexSpaces;
use crate::job_outcome::JobOutcome;
use crate::step::{Begun, Delivery, StepError, Steps};

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct PurgeGeneration {
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

impl PurgeGeneration {
    /// Does one delivered job.
    #[tracing::instrument(name = "purge_generation", skip_all, fields(
        document.id = %delivery.job.document_id, correlation.id = %delivery.job.trace.correlation_id
    ))]
    pub async fn run(&self, delivery: &Delivery) -> JobOutcome {
        let Job::PurgeGeneration { generation } = delivery.job.job else {
            return JobOutcome::malformed("not a PurgeGeneration job");
        };
        match self.purge(&delivery.key(), generation, &delivery.job.trace).await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.unclaimed(delivery, &error),
        }
    }

    /// Purges now, for a caller that cannot wait for the queue. That it is not done (somebody else is at it) is no
    /// error; the next command on the document will tell.
    pub(crate) async fn purge_now(
        &self,
        key: &DocumentKey,
        generation: Generation,
        trace: &Trace,
    ) -> Result<(), PortError> {
        self.purge(key, generation, trace).await.map(drop)
    }

    async fn purge(
        &self,
        key: &DocumentKey,
        generation: Generation,
        trace: &Trace,
    ) -> Result<JobOutcome, PortError> {
        let Some(document) = self.documents.load(key).await? else { return Ok(JobOutcome::Acknowledge) };
        let Some(residue) = owed(&document, generation) else { return Ok(JobOutcome::Acknowledge) };
        let step = StepKey::purge_generation(key, generation, document.retries, residue.content);
        let found = self.look(key, &document, residue).await?;
        let claim = match self.steps.begin_noting(step, found.to_memo()).await? {
            Begun::Claimed(claim) => claim,
            Begun::Done => return Ok(JobOutcome::Acknowledge),
            Begun::NotNow(outcome) => return Ok(outcome),
        };
        Ok(match self.work(key, &document, residue, trace, &claim).await {
            Ok(()) => JobOutcome::Acknowledge,
            Err(error) => self.steps.give_up(&claim, error).await,
        })
    }

    async fn work(
        &self,
        key: &DocumentKey,
        document: &Document,
        residue: Residue,
        trace: &Trace,
        claim: &Claim,
    ) -> Result<(), StepError> {
        let (generation, attempts) = (residue.generation, Some(claim.attempt));
        let found = Found::from_memo(&claim.memo);
        // A stopped generation may be retried; by then a purge that stood still must not touch it any more.
        let only_at = (generation == document.generation).then_some(document.version);
        let removed = self.index.purge(key, &document.collection, Some(generation), only_at).await?;
        let removed = found.index(removed);
        let left = self.index.usage(key, &document.collection, Some(generation)).await?;
        if left != IndexUsage::default() {
            let attempted = format!("purge generation {generation} of {}", key.document_id);
            return Err(PortError::new(ErrorKind::Unavailable, attempted).into());
        }
        let mut commands = vec![Command::RecordVectorsPurged {
            generation: Some(generation),
            chunks: removed.chunks,
            vectors: removed.vectors,
            cached_vectors: found.cached_vectors(self.purge_cache(key, document, residue).await?),
            attempts,
        }];
        if residue.content {
            let blobs = found.content(self.remove_content(key, residue).await?);
            let (blobs, bytes) = (blobs.blobs, ByteSize::new(blobs.bytes));
            commands.push(Command::RecordContentPurged {
                generation: Some(generation),
                blobs,
                bytes,
                attempts,
            });
        }
        let context = Context::of(trace).completing(claim, "purged");
        if self.documents.execute_all(key, &context, commands).await?.appended.is_empty() {
            self.steps.complete(claim).await?;
        }
        Ok(())
    }

    /// A stopped generation keeps its cached vectors for its retry. A superseded one loses them with its chunk files,
    /// which alone say what they are, except for the texts that are in use still.
    async fn purge_cache(
        &self,
        key: &DocumentKey,
        document: &Document,
        residue: Residue,
    ) -> Result<u64, PortError> {
        if !residue.content {
            return Ok(0);
        }
        self.vectors.remove_superseded(key, residue.generation, in_use(document, residue)).await
    }

    /// What there is to remove.
    async fn look(
        &self,
        key: &DocumentKey,
        document: &Document,
        residue: Residue,
    ) -> Result<Found, PortError> {
        let index = self.index.usage(key, &document.collection, Some(residue.generation)).await?;
        if !residue.content {
            return Ok(Found::new(index, BlobUsage::default(), 0));
        }
        let others = in_use(document, residue);
        let cached_vectors = self.vectors.count_superseded(key, residue.generation, others).await?;
        let mut content = self.blobs.usage(&BlobPrefix::chunks(key, residue.generation)).await?;
        for blob in [BlobKey::text(key, residue.generation), BlobKey::source(key, residue.upload_id)] {
            match self.blobs.open(&blob, Some(0..0)).await {
                Ok((size, _)) => {
                    content.blobs += 1;
                    content.bytes += size.get();
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Found::new(index, content, cached_vectors))
    }

    async fn remove_content(&self, key: &DocumentKey, residue: Residue) -> Result<BlobUsage, PortError> {
        let chunks = self.blobs.delete_prefix(&BlobPrefix::chunks(key, residue.generation)).await?;
        let text = self.blobs.delete(&BlobKey::text(key, residue.generation)).await?;
        let source = self.blobs.delete(&BlobKey::source(key, residue.upload_id)).await?;
        Ok(BlobUsage {
            blobs: chunks.blobs + text.blobs + source.blobs,
            bytes: chunks.bytes + text.bytes + source.bytes,
        })
    }
}

/// The other generations whose texts are in use still.
fn in_use(document: &Document, residue: Residue) -> impl Iterator<Item = Generation> {
    let published = document.published.map(|published| published.generation);
    let generations = published.into_iter().chain([document.generation]);
    generations.filter(move |generation| *generation != residue.generation)
}

fn owed(document: &Document, generation: Generation) -> Option<Residue> {
    document.residue.iter().copied().find(|residue| residue.generation == generation)
}
