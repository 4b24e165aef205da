//! The embed-worker's step: make the vectors of one batch, from the cache where it has them, store them, append
//! `ChunksEmbedded`, and `IngestionCompleted` with the last batch in the same append.

use std::sync::Arc;

use millrace_domain::{
    BatchIndex, ChunkIndex, Command, ContentHash, Document, DocumentKey, ErrorCode, Generation, Job, Stage,
    Status,
};
use millrace_ports::{
    BlobKey, BlobStore, Claim, Embedder, EmbedderError, Embedding, EmbeddingCache, EmbeddingPurpose,
    ErrorKind, IdGenerator, IndexTarget, PortError, SearchIndex, StepKey,
};

use super::fail_ingestion::{FailIngestion, Fault, Place};
use crate::admission::{Admission, admit};
use crate::chunk_file::ChunkFile;
use crate::documents::{Context, Documents};
use crate::job_outcome::JobOutcome;
use crate::jobs::Jobs;
use crate::leftovers::Leftovers;
use crate::step::{Begun, Delivery, StepError, Steps};

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct EmbedChunks {
    /// The histories.
    pub documents: Documents,
    /// The queues.
    pub jobs: Jobs,
    /// The claims.
    pub steps: Steps,
    /// Records failures.
    pub fail: FailIngestion,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The model.
    pub embedder: Arc<dyn Embedder>,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// Removes what a stopped or overtaken attempt wrote.
    pub leftovers: Leftovers,
    /// Ids for retries.
    pub ids: Arc<dyn IdGenerator>,
}

/// Why the work on a batch stopped.
enum Stop {
    Fault(ErrorCode, String),
    Error(StepError),
}

/// What the work on a batch did.
struct Embedded {
    /// Vectors that came from the cache.
    cached: u32,
    /// Where the cache has them all.
    hashes: Vec<ContentHash>,
}

impl From<PortError> for Stop {
    fn from(error: PortError) -> Self {
        Self::Error(error.into())
    }
}

impl EmbedChunks {
    /// Does one delivered job.
    #[tracing::instrument(name = "embed", skip_all, fields(
        document.id = %delivery.job.document_id, correlation.id = %delivery.job.trace.correlation_id, batch, attempt
    ))]
    pub async fn run(&self, delivery: &Delivery) -> JobOutcome {
        let Job::EmbedChunks { generation, batch } = delivery.job.job else {
            return JobOutcome::malformed("not an EmbedChunks job");
        };
        tracing::Span::current().record("batch", batch.get());
        match self.step(delivery, generation, batch).await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.unclaimed(delivery, &error),
        }
    }

    async fn step(
        &self,
        delivery: &Delivery,
        generation: Generation,
        batch: BatchIndex,
    ) -> Result<JobOutcome, PortError> {
        let key = delivery.key();
        let document = match admit(&self.documents, &self.steps, &*self.ids, delivery, generation).await? {
            Admission::End(outcome) => return Ok(outcome),
            Admission::Settled(document) => {
                let outcome = self.repeat_purges(delivery, &document).await?;
                self.leftovers.remove_settled(&key, &document).await?;
                return Ok(outcome);
            }
            Admission::Gone(document) => {
                self.leftovers.remove_gone(&key, &document, generation).await?;
                return Ok(JobOutcome::Acknowledge);
            }
            Admission::Work(document) if document.stage < Stage::Embed => {
                // A retry starts from the chunks: this batch will be sent again by the step before it.
                return self.repeat_purges(delivery, &document).await;
            }
            Admission::Work(document) if document.embedded_batches.contains(batch) => {
                return Ok(JobOutcome::Acknowledge);
            }
            Admission::Work(document) => document,
        };
        let claim = match self.steps.begin(StepKey::embed(&key, generation, document.retries, batch)).await? {
            Begun::Claimed(claim) => claim,
            Begun::Done => return Ok(JobOutcome::Acknowledge),
            Begun::NotNow(outcome) => return Ok(outcome),
        };
        tracing::Span::current().record("attempt", claim.attempt);
        let place = Place::at(&document, Stage::Embed);
        if self.steps.is_exhausted(&claim) {
            return Ok(self.fail.exhaust(&self.steps, delivery, &claim, place).await);
        }
        let worked = match self.work(delivery, &document, batch).await {
            Ok(embedded) => {
                self.publish(delivery, &claim, &document, batch, &embedded).await.map_err(Stop::Error)
            }
            Err(stop) => Err(stop),
        };
        Ok(match worked {
            Ok(()) => JobOutcome::Acknowledge,
            Err(Stop::Error(error)) => self.fail.settle(&self.steps, delivery, &claim, error, place).await,
            Err(Stop::Fault(error_code, reason)) => {
                let fault = Fault { place, error_code, reason };
                match self.fail.run(delivery, &claim, fault).await {
                    Ok(()) => JobOutcome::Acknowledge,
                    Err(error) => self.steps.give_up(&claim, error).await,
                }
            }
        })
    }

    /// What a settled document still owes is purges; its batches it owes no more.
    async fn repeat_purges(&self, delivery: &Delivery, document: &Document) -> Result<JobOutcome, PortError> {
        self.jobs.send_owed(&delivery.key(), None, document, &delivery.job.trace).await?;
        Ok(JobOutcome::Acknowledge)
    }

    async fn publish(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        before: &Document,
        batch: BatchIndex,
        embedded: &Embedded,
    ) -> Result<(), StepError> {
        let key = delivery.key();
        let command = Command::RecordEmbeddedBatch {
            generation: before.generation,
            retry: before.retries,
            batch,
            cached: embedded.cached,
            model: self.embedder.model().id.clone(),
            attempts: Some(claim.attempt),
            at: self.documents.now(),
        };
        let context = Context::of(&delivery.job.trace).completing(claim, "embedded");
        let executed = match self.documents.execute(&key, &context, command).await {
            Ok(executed) => executed,
            Err(error) => {
                let mut error = StepError::from(error);
                if matches!(error, StepError::Refused(_))
                    && let Err(failed) = self.withdraw(&key, before.generation, &embedded.hashes).await
                {
                    error = failed.into();
                }
                return Err(error);
            }
        };
        if executed.appended.is_empty() {
            self.steps.complete(claim).await?;
        }
        if executed.document.status == Status::Ready {
            tracing::info!(
                chunks = executed.document.embedded_chunks,
                duration_ms = executed.document.updated_at.millis_since(executed.document.started_at),
                "document ready"
            );
        }
        // Other batches were sent by the step before; what is new can only be a purge of what this one replaced.
        self.jobs.send_owed(&key, Some(before), &executed.document, &delivery.job.trace).await?;
        Ok(())
    }

    /// Removes what was written too late. The cached vectors of a deleted document go too; those of one that was merely
    /// stopped are there for its retry.
    async fn withdraw(
        &self,
        key: &DocumentKey,
        generation: Generation,
        hashes: &[ContentHash],
    ) -> Result<(), PortError> {
        let document = self.leftovers.withdraw(key, generation).await?;
        if document.is_some_and(|document| document.status.is_gone()) {
            self.cache.remove(&key.tenant_id, hashes).await?;
        }
        Ok(())
    }

    /// Stores the vectors of one batch.
    async fn work(
        &self,
        delivery: &Delivery,
        document: &Document,
        batch: BatchIndex,
    ) -> Result<Embedded, Stop> {
        let key = delivery.key();
        let started = self.documents.now();
        let file = self.chunks(delivery, document, batch).await?;
        let hashes: Vec<_> = file.chunks.iter().map(|chunk| chunk.content_hash()).collect();
        let model = &self.embedder.model().id;
        let mut vectors = self.cache.get(&key.tenant_id, model, &hashes).await?;
        vectors.resize(hashes.len(), None);
        let missing: Vec<usize> = (0..vectors.len()).filter(|at| vectors[*at].is_none()).collect();
        let texts: Vec<&str> = missing.iter().map(|at| file.chunks[*at].text.as_str()).collect();
        let made = self.embedder.embed(&texts, EmbeddingPurpose::Passage).await.map_err(stop_of_embedder)?;
        let new: Vec<_> =
            missing.iter().zip(&made).map(|(at, vector)| (hashes[*at].clone(), vector.clone())).collect();
        for (at, vector) in missing.iter().zip(made) {
            vectors[*at] = Some(vector);
        }
        if !new.is_empty() {
            self.cache.put(&key.tenant_id, model, &new).await?;
        }
        let cached = (hashes.len() - new.len()) as u32;
        let entries: Vec<(ChunkIndex, Embedding)> = file
            .chunks
            .iter()
            .zip(vectors)
            .filter_map(|(chunk, vector)| Some((chunk.index, vector?)))
            .collect();
        let target =
            IndexTarget { key, collection: document.collection.clone(), generation: document.generation };
        self.index.put_vectors(&target, &entries).await?;
        let duration_ms = self.documents.now().millis_since(started);
        tracing::debug!(chunks = entries.len(), cached, duration_ms, "batch embedded");
        Ok(Embedded { cached, hashes })
    }

    async fn chunks(
        &self,
        delivery: &Delivery,
        document: &Document,
        batch: BatchIndex,
    ) -> Result<ChunkFile, Stop> {
        let missing =
            || Stop::Fault(ErrorCode::ContentMissing, format!("chunks of batch {batch} are missing"));
        let key = BlobKey::chunk_batch(&delivery.key(), document.generation, batch.get());
        let bytes = match self.blobs.get(&key).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(error.into()),
        };
        ChunkFile::from_bytes(&bytes).map_err(|_| missing())
    }
}

/// One exhaustive match from what the embedder said to what becomes of the job or the document.
fn stop_of_embedder(error: EmbedderError) -> Stop {
    match error {
        EmbedderError::Throttled { retry_after_ms } => {
            PortError::new(ErrorKind::Throttled, "embed chunks").with_retry_after_ms(retry_after_ms).into()
        }
        EmbedderError::Unavailable(_) => {
            PortError::caused(ErrorKind::Unavailable, "embed chunks", error).into()
        }
        EmbedderError::Invalid(_) => Stop::Fault(ErrorCode::EmbedderRefused, error.to_string()),
    }
}
