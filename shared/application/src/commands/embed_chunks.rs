//! The embed-worker's step: make the vectors of one batch, from the cache where it has them, store them, append
//! `ChunksEmbedded`, and `IngestionCompleted` with the last batch in the same append.

use std::sync::Arc;

use millrace_domain::{
    BatchIndex, Command, ContentHash, Document, DocumentKey, ErrorCode, Generation, IndexSpace, Job, ModelId,
    SpaceModel, Stage, Status,
};
use millrace_ports::{
    BlobStore, Claim, Embedder, EmbeddingCache, ErrorKind, IdGenerator, IndexedDocument, PortError, StepKey,
};

use super::fail_ingestion::{FailIngestion, Fault, Place, describe};
use crate::admission::{Admission, admit};
use crate::batch_vectors::{BatchVectors, NoVectors, read_chunks};
use crate::chunk_file::{ChunkFile, StoredChunk};
use crate::documents::{Context, Documents};
use crate::embedders::Embedders;
use crate::index_spaces::{IndexSpaces, Writing};
use crate::job_outcome::JobOutcome;
use crate::jobs::Jobs;
use crate::leftovers::Leftovers;
use crate::reembeddings::{Reembeddings, failure};
use crate::step::{Begun, Delivery, StepError, Steps};

/// How long a job waits after it gave a re-embedding up, in milliseconds: the next attempt finds the record changed.
const GIVEN_UP_WAIT_MS: u64 = 1_000;

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
    /// The models.
    pub embedders: Embedders,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// The index.
    pub index: IndexSpaces,
    /// Gives up a re-embedding that stands in the way.
    pub reembeddings: Reembeddings,
    /// Removes what a stopped or overtaken attempt wrote.
    pub leftovers: Leftovers,
    /// Ids for retries.
    pub ids: Arc<dyn IdGenerator>,
}

/// Why the work on a batch stopped.
enum Stop {
    Fault(ErrorCode, String),
    Error(StepError),
    /// It is about the space that is being built, and none of the document's business.
    Building(IndexSpace, NoVectors),
}

/// What the work on a batch did.
struct Embedded {
    /// Where they were written.
    writing: Writing,
    /// The model of the space that searches saw then.
    model: ModelId,
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

impl From<NoVectors> for Stop {
    fn from(error: NoVectors) -> Self {
        match error {
            NoVectors::Refused(reason) => Self::Fault(ErrorCode::EmbedderRefused, reason),
            NoVectors::Port(error) => error.into(),
        }
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
        let admission = match self.leftovers.tidy_repeated(delivery).await {
            Ok(()) => admit(&self.documents, &self.steps, &*self.ids, delivery, generation).await,
            Err(error) => Err(error),
        };
        let admission = match admission {
            Ok(admission) => admission,
            Err(error) => return Ok(self.steps.unadmitted(delivery, &error)),
        };
        let document = match admission {
            Admission::End(outcome) => return Ok(outcome),
            Admission::Settled(document) => {
                self.send_owed(delivery, None, &document).await?;
                let step = StepKey::embed(&key, generation, document.retries, batch);
                if let Some(letter) = self.fail.lost_letter(&self.steps, delivery, step, &document).await? {
                    return Ok(letter);
                }
                self.leftovers.remove_settled(&key, &document).await?;
                return Ok(JobOutcome::Acknowledge);
            }
            Admission::Gone(document) => {
                self.leftovers.remove_gone(&key, &document, generation).await?;
                return Ok(JobOutcome::Acknowledge);
            }
            Admission::Work(document) if document.stage < Stage::Embed => {
                // A retry starts before the chunks: this batch will be sent again by the step before it. That one is sent by
                // whoever retries, which is this very job if it was redriven.
                if delivery.redriven {
                    self.send_owed(delivery, None, &document).await?;
                }
                return Ok(JobOutcome::Acknowledge);
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
        let place = Place::at_batch(&document, batch);
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
            Ok(outcome) => outcome,
            Err(Stop::Building(space, reason)) => {
                self.settle_building(delivery, &claim, &document, space, reason).await
            }
            Err(Stop::Error(error)) => self.fail.settle(&self.steps, delivery, &claim, error, place).await,
            Err(Stop::Fault(error_code, reason)) => {
                let fault = Fault { place, error_code, reason };
                self.fail.settle_fault(&self.steps, delivery, &claim, fault).await
            }
        })
    }

    /// Sends what the document is owed and was not before. A settled one is owed purges; its batches no more.
    async fn send_owed(
        &self,
        delivery: &Delivery,
        before: Option<&Document>,
        document: &Document,
    ) -> Result<(), PortError> {
        self.jobs.send_owed(&delivery.key(), before, document, &delivery.job.trace).await.map(drop)
    }

    async fn publish(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        before: &Document,
        batch: BatchIndex,
        embedded: &Embedded,
    ) -> Result<JobOutcome, StepError> {
        let key = delivery.key();
        let now = self.index.confirm(&embedded.writing).await?;
        let command = Command::RecordEmbeddedBatch {
            generation: before.generation,
            retry: before.retries,
            batch,
            cached: embedded.cached,
            model: now.current().map_or_else(|| embedded.model.clone(), |current| current.model),
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
        if executed.document.status == Status::Ready {
            tracing::info!(
                chunks = executed.document.embedded_chunks,
                duration_ms = executed.document.updated_at.millis_since(executed.document.started_at),
                "document ready"
            );
        }
        let followed = async {
            if executed.appended.is_empty() {
                self.steps.complete(claim).await?;
            }
            // Other batches were sent by the step before; what is new can only be a purge of what this one replaced.
            self.send_owed(delivery, Some(before), &executed.document).await
        };
        Ok(match followed.await {
            Ok(()) => JobOutcome::Acknowledge,
            Err(error) => self.steps.cut_off(delivery, claim, &error).await,
        })
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

    /// Stores the vectors of one batch in the space that is being built, then in the one that searches see.
    async fn work(
        &self,
        delivery: &Delivery,
        document: &Document,
        batch: BatchIndex,
    ) -> Result<Embedded, Stop> {
        let key = delivery.key();
        let started = self.documents.now();
        let file = read_chunks(&*self.blobs, &key, document.generation, batch.get()).await?;
        let file = file.ok_or_else(|| {
            Stop::Fault(ErrorCode::ContentMissing, format!("chunks of batch {batch} are missing"))
        })?;
        let writing = self.index.begin(&key, &document.collection).await?;
        if let Some(building) = writing.building() {
            let built = self.build(&writing, document, &file, building).await;
            built.map_err(|reason| Stop::Building(building.space, reason))?;
        }
        let (space, embedder) = match writing.current() {
            None => (IndexSpace::FIRST, self.embedders.first()),
            Some(current) => (current.space, self.embedder_of(&current)?),
        };
        let made = BatchVectors { cache: &self.cache, embedder }.make(&key.tenant_id, &file).await?;
        self.index.index().put_vectors(&writing.target(space, document.generation), &made.vectors).await?;
        let duration_ms = self.documents.now().millis_since(started);
        tracing::debug!(chunks = made.vectors.len(), cached = made.cached, duration_ms, "batch embedded");
        let hashes = file.chunks.iter().map(|chunk| chunk.content_hash()).collect();
        let model = embedder.model().id.clone();
        Ok(Embedded { writing, model, cached: made.cached, hashes })
    }

    /// Words too: the chunk-worker may have written them before the space came to be.
    async fn build(
        &self,
        writing: &Writing,
        document: &Document,
        file: &ChunkFile,
        building: &SpaceModel,
    ) -> Result<(), NoVectors> {
        let embedder = self.embedder_of(building)?;
        let target = writing.target(building.space, document.generation);
        let vectors = BatchVectors { cache: &self.cache, embedder };
        let made = vectors.make(&target.key.tenant_id, file).await?;
        let chunks: Vec<_> = file.chunks.iter().map(StoredChunk::to_indexed).collect();
        let (filename, metadata) = (document.filename.clone(), document.metadata.clone());
        let described = IndexedDocument { target, filename, metadata };
        self.index.index().put_words(&described, &chunks).await?;
        Ok(self.index.index().put_vectors(&described.target, &made.vectors).await?)
    }

    fn embedder_of(&self, space: &SpaceModel) -> Result<&Arc<dyn Embedder>, PortError> {
        self.embedders.of(space).ok_or_else(|| {
            let reason = format!("no embedder is configured for model {}", space.model);
            PortError::caused(ErrorKind::Unavailable, "embed chunks", reason)
        })
    }

    /// What went wrong with the space that is being built is the saga's matter: at the last attempt it is given up, and the
    /// document goes on without it. So it spends no attempt of the document's step; what is counted is how often the message
    /// was delivered.
    async fn settle_building(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        document: &Document,
        space: IndexSpace,
        reason: NoVectors,
    ) -> JobOutcome {
        let (error_code, reason) = match reason {
            NoVectors::Refused(reason) => (ErrorCode::EmbedderRefused, reason),
            NoVectors::Port(error) => {
                let outcome = self.steps.cut_off(delivery, claim, &error).await;
                let spent = match outcome {
                    JobOutcome::Retry { .. } => self.steps.is_last_delivery(delivery),
                    JobOutcome::DeadLetter { .. } => true,
                    JobOutcome::Acknowledge
                    | JobOutcome::Postpone { .. }
                    | JobOutcome::PostponeRedriven { .. } => false,
                };
                if !spent {
                    return outcome;
                }
                (ErrorCode::DeadLettered, describe(&StepError::Port(error)))
            }
        };
        let key = delivery.key();
        let fault = failure(error_code, &reason, &key);
        if let Err(error) = self.reembeddings.fail(&key.tenant_id, &document.collection, space, fault).await {
            tracing::warn!(%error, "re-embedding not given up, the job comes again");
        }
        self.steps.release(claim, false).await;
        JobOutcome::Postpone { delay_ms: GIVEN_UP_WAIT_MS }
    }
}
