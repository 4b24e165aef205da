//! One document in the course of a re-embedding: which of its generations have to be in the new space, whether they are, and
//! the jobs that bring them there.

use std::sync::Arc;

use millrace_domain::{
    BatchIndex, Collection, Document, DocumentKey, Generation, IndexSpace, Job, Reembedding, Status, Trace,
};
use millrace_domain::{CollectionName, Stage, TenantId};
use millrace_ports::{
    BlobPrefix, BlobStore, ClaimOutcome, ClaimRequest, IdGenerator, IndexUsage, JobLedger, PortError,
    ReadModel, StepKey,
};

use crate::index_spaces::IndexSpaces;
use crate::jobs::Jobs;

/// How long after sending a document's batches nothing is sent again, in milliseconds; it doubles each time, for a long queue
/// is not a loss.
const RESEND_MS: u64 = 120_000;
/// How long the sendings are counted after the last pause, in milliseconds: a day.
const RESENDS_REMEMBER_MS: u64 = 86_400_000;

/// The generations of a document that can be embedded anew: the one that queries see, and the current one from where its
/// chunks are stored.
pub(crate) fn live_generations(document: &Document) -> Vec<Generation> {
    let published = document.published.map(|published| published.generation);
    let current = (document.status == Status::Processing && document.stage >= Stage::Embed)
        .then_some(document.generation)
        .filter(|current| Some(*current) != published);
    published.into_iter().chain(current).collect()
}

/// How many documents of a collection are not deleted, as lists know it.
pub(crate) async fn count_documents(
    views: &dyn ReadModel,
    tenant: &TenantId,
    name: &CollectionName,
) -> Result<u64, PortError> {
    let counts = views.counts(tenant).await?;
    let counted = counts.iter().filter(|count| count.collection == *name && !count.status.is_gone());
    Ok(counted.map(|count| count.documents).sum())
}

/// The parts it works with.
#[derive(Debug, Clone)]
pub(crate) struct ComparedSpaces {
    pub(crate) index: IndexSpaces,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) jobs: Jobs,
    pub(crate) ledger: Arc<dyn JobLedger>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl ComparedSpaces {
    /// Whether the new space holds all that queries see or are about to see: of the current generation every chunk that its plan
    /// has, recorded or not, since two counts of a half-embedded document may be equal and be of different batches; of another
    /// one what the old space holds. That is counted first: workers write into the new one first, so what is new in the old by
    /// then is in the new.
    pub(crate) async fn is_whole(
        &self,
        key: &DocumentKey,
        document: &Document,
        collection: &Collection,
        saga: &Reembedding,
    ) -> Result<bool, PortError> {
        let mut generations = live_generations(document);
        if document.status == Status::Processing && !generations.contains(&document.generation) {
            generations.push(document.generation);
        }
        for generation in generations {
            let plan = document.plan.filter(|_| document.generation == generation);
            let expected = match plan.map(|plan| u64::from(plan.chunks)) {
                Some(chunks) => IndexUsage { chunks, vectors: chunks },
                None => self.usage(key, collection, saga.from.space, generation).await?,
            };
            let new = self.usage(key, collection, saga.to.space, generation).await?;
            if new.chunks < expected.chunks || new.vectors < expected.vectors {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &Collection,
        space: IndexSpace,
        generation: Generation,
    ) -> Result<IndexUsage, PortError> {
        self.index.index().usage(key, &collection.name.in_space(space), Some(generation)).await
    }

    /// Sends one job per batch of what is live, unless that was done not long ago. Says whether something was sent.
    pub(crate) async fn send(
        &self,
        key: &DocumentKey,
        document: &Document,
        saga: &Reembedding,
    ) -> Result<bool, PortError> {
        let mut sent = false;
        for generation in live_generations(document) {
            let is_current = document.generation == generation;
            let retry = if is_current { document.retries } else { 0 };
            let step = StepKey::send_reembedding(key, (generation, retry), saga.to.space);
            let request = ClaimRequest {
                step,
                owner: self.ids.uuid(),
                lease_ms: RESEND_MS,
                fingerprint: String::new(),
                memo: String::new(),
                remember_ms: RESENDS_REMEMBER_MS,
            };
            let ClaimOutcome::Claimed(claim) = self.ledger.claim(request).await? else { continue };
            let batches = match document.plan.filter(|_| is_current) {
                Some(plan) => plan.batches(),
                None => self.stored_batches(key, generation).await?,
            };
            self.send_batches(key, generation, batches, saga.to.space, &saga.trace).await?;
            let pause_ms = RESEND_MS << claim.attempt.saturating_sub(1).min(6);
            self.ledger.extend(&claim, pause_ms).await?;
            sent |= batches > 0;
        }
        Ok(sent)
    }

    /// Of a generation that is not the current one only the chunk files tell how many there are.
    async fn stored_batches(&self, key: &DocumentKey, generation: Generation) -> Result<u32, PortError> {
        let usage = self.blobs.usage(&BlobPrefix::chunks(key, generation)).await?;
        Ok(u32::try_from(usage.blobs).unwrap_or(u32::MAX))
    }

    async fn send_batches(
        &self,
        key: &DocumentKey,
        generation: Generation,
        batches: u32,
        space: IndexSpace,
        trace: &Trace,
    ) -> Result<(), PortError> {
        let jobs =
            (0..batches).map(|batch| Job::ReembedBatch { generation, batch: BatchIndex::new(batch), space });
        self.jobs.send_aside(key, jobs.collect(), trace).await.map(drop)
    }

    /// Removes a document from a space and reads back. Says whether nothing is left.
    pub(crate) async fn drop_from(
        &self,
        key: &DocumentKey,
        collection: &Collection,
        space: IndexSpace,
    ) -> Result<bool, PortError> {
        let name = collection.name.in_space(space);
        self.index.index().purge(key, &name, None, None).await?;
        Ok(self.index.index().usage(key, &name, None).await? == IndexUsage::default())
    }
}
