//! The embed-worker's step of a re-embedding: write the words and vectors of one batch into the space that is being built,
//! under that space's model. Nothing is appended: what counts is what lies in the index when the saga compares the spaces.
//! Whatever goes wrong for good ends the saga, never the document.

use std::sync::Arc;

use millrace_domain::{
    BatchIndex, Collection, Document, DocumentEvent, DocumentKey, ErrorCode, Generation, IndexSpace, Job,
    ReembeddingStatus, SpaceModel, Status,
};
use millrace_ports::{
    BlobStore, Claim, DeadLetterCode, EmbeddingCache, ErrorKind, EventStore, IndexTarget, IndexedDocument,
    PortError, StepKey,
};

use crate::batch_vectors::{BatchVectors, NoVectors, read_chunks};
use crate::chunk_file::StoredChunk;
use crate::documents::Documents;
use crate::embedders::Embedders;
use crate::idempotent_step::IdempotentStep;
use crate::index_spaces::IndexSpaces;
use crate::job_outcome::JobOutcome;
use crate::leftovers::Leftovers;
use crate::reembeddings::{Reembeddings, failure};
use crate::sagas::live_generations;
use crate::step::{Begun, Delivery, StepError, Steps};

/// How long a job waits while its document is being purged.
const PURGE_WAIT_MS: u64 = 30_000;
/// How long a batch counts as done, in milliseconds: the saga asks for it again, after pauses that double, only if the space
/// lacks something.
const REMEMBER_MS: u64 = 1_200_000;
/// Events read at a time.
const PAGE: usize = 500;

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct ReembedBatch {
    /// The histories.
    pub documents: Documents,
    /// The same, to find how a generation was uploaded.
    pub store: Arc<dyn EventStore>,
    /// The claims.
    pub steps: Steps,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The models.
    pub embedders: Embedders,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// The index.
    pub index: IndexSpaces,
    /// The collections' records.
    pub reembeddings: Reembeddings,
    /// Removes what was written too late.
    pub leftovers: Leftovers,
}

/// Why the work on a batch stopped.
enum Stop {
    Fault(ErrorCode, String),
    Error(PortError),
}

impl From<PortError> for Stop {
    fn from(error: PortError) -> Self {
        Self::Error(error)
    }
}

impl From<NoVectors> for Stop {
    fn from(error: NoVectors) -> Self {
        match error {
            NoVectors::Refused(reason) => Self::Fault(ErrorCode::EmbedderRefused, reason),
            NoVectors::Port(error) => Self::Error(error),
        }
    }
}

impl ReembedBatch {
    /// Does one delivered job.
    #[tracing::instrument(name = "reembed", skip_all, fields(
        document.id = %delivery.job.document_id, correlation.id = %delivery.job.trace.correlation_id, batch, attempt
    ))]
    pub async fn run(&self, delivery: &Delivery) -> JobOutcome {
        let Job::ReembedBatch { generation, batch, space } = delivery.job.job else {
            return JobOutcome::malformed("not a ReembedBatch job");
        };
        tracing::Span::current().record("batch", batch.get());
        match self.step(delivery, generation, batch, space).await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.unclaimed(delivery, &error),
        }
    }

    async fn step(
        &self,
        delivery: &Delivery,
        generation: Generation,
        batch: BatchIndex,
        space: IndexSpace,
    ) -> Result<JobOutcome, PortError> {
        let key = delivery.key();
        let Some(document) = self.documents.load(&key).await? else { return Ok(JobOutcome::Acknowledge) };
        let Some(into) = self.wanted(&key, &document, space).await? else {
            // The saga has ended, or was given up. What an earlier attempt at this very job left goes.
            self.index.tidy_document(&key, &document.collection).await?;
            return Ok(JobOutcome::Acknowledge);
        };
        if document.status == Status::Deleting {
            return Ok(JobOutcome::Postpone { delay_ms: PURGE_WAIT_MS });
        }
        if !live_generations(&document).contains(&generation) {
            self.leftovers.withdraw(&key, generation).await?;
            return Ok(JobOutcome::Acknowledge);
        }
        let retry = if document.generation == generation { document.retries } else { 0 };
        let step = StepKey::reembed(&key, (generation, retry), batch, space);
        let step = IdempotentStep::new(step).remembered_ms(REMEMBER_MS);
        let claim = match self.steps.begin_as(step).await? {
            Begun::Claimed(claim) => claim,
            Begun::Done => return Ok(JobOutcome::Acknowledge),
            Begun::NotNow(outcome) => return Ok(outcome),
        };
        tracing::Span::current().record("attempt", claim.attempt);
        if self.steps.is_exhausted(&claim) {
            let reason = format!("every worker ended before the step did, {} times", claim.attempt - 1);
            let code = (DeadLetterCode::WorkerDied, ErrorCode::DeadLettered);
            return Ok(self.give_up(&claim, &key, &document, (space, code, reason)).await);
        }
        let worked = self.work(&key, &document, generation, batch, &into).await;
        let worked = match worked {
            Ok(()) => self.steps.complete(&claim).await.map_err(Stop::from),
            Err(stop) => Err(stop),
        };
        Ok(match worked {
            Ok(()) => JobOutcome::Acknowledge,
            Err(stop) => self.settle(&claim, &key, &document, space, stop).await,
        })
    }

    /// The space, if the saga that builds it still wants it; after the switch, too, when what is missing is made up for.
    async fn wanted(
        &self,
        key: &DocumentKey,
        document: &Document,
        space: IndexSpace,
    ) -> Result<Option<SpaceModel>, PortError> {
        let collection = self.reembeddings.collections.get(&key.tenant_id, &document.collection).await?;
        let of_saga = |collection: &Collection| {
            let saga = collection.reembedding.as_ref().filter(|saga| saga.to.space == space)?;
            collection.writes_into(space).then(|| saga.to.clone())
        };
        Ok(collection.as_ref().and_then(of_saga))
    }

    async fn work(
        &self,
        key: &DocumentKey,
        document: &Document,
        generation: Generation,
        batch: BatchIndex,
        into: &SpaceModel,
    ) -> Result<(), Stop> {
        let Some(file) = read_chunks(&*self.blobs, key, generation, batch.get()).await? else {
            return Err(self.missing(key, generation, batch).await?);
        };
        let embedder = self.embedders.of(into).ok_or_else(|| {
            let reason = format!("no embedder is configured for model {}", into.model);
            PortError::caused(ErrorKind::Unavailable, "embed chunks", reason)
        })?;
        let made = BatchVectors { cache: &self.cache, embedder }.make(&key.tenant_id, &file).await?;
        let collection = document.collection.in_space(into.space);
        let target = IndexTarget { key: key.clone(), collection, generation };
        let (filename, metadata) = self.described(key, document, generation).await?;
        let chunks: Vec<_> = file.chunks.iter().map(StoredChunk::to_indexed).collect();
        let described = IndexedDocument { target, filename, metadata };
        self.index.index().put_words(&described, &chunks).await?;
        self.index.index().put_vectors(&described.target, &made.vectors).await?;
        Ok(self.look_again(key, generation, into.space).await?)
    }

    /// Why there is no chunk file: the generation was superseded a moment ago, or something is lost.
    async fn missing(
        &self,
        key: &DocumentKey,
        generation: Generation,
        batch: BatchIndex,
    ) -> Result<Stop, PortError> {
        let reason = format!("chunks of batch {batch} of generation {generation} are missing");
        let document = self.documents.load(key).await?;
        if document.is_some_and(|document| live_generations(&document).contains(&generation)) {
            return Ok(Stop::Fault(ErrorCode::ContentMissing, reason));
        }
        Ok(PortError::caused(ErrorKind::Conflict, "read chunks", reason).into())
    }

    /// The saga may have been given up meanwhile, and the generation have gone. Then what was written goes too; whoever
    /// removes it looks at the record and the history only now, after it was written.
    async fn look_again(
        &self,
        key: &DocumentKey,
        generation: Generation,
        space: IndexSpace,
    ) -> Result<(), PortError> {
        let Some(document) = self.documents.load(key).await? else { return Ok(()) };
        if self.wanted(key, &document, space).await?.is_none() {
            self.index.tidy_document(key, &document.collection).await?;
        }
        if !live_generations(&document).contains(&generation) {
            self.leftovers.withdraw(key, generation).await?;
        }
        Ok(())
    }

    /// What hits say of a generation: of the current one it is in the state, of the one before it in the history.
    async fn described(
        &self,
        key: &DocumentKey,
        document: &Document,
        generation: Generation,
    ) -> Result<(String, serde_json::Map<String, serde_json::Value>), PortError> {
        if document.generation == generation {
            return Ok((document.filename.clone(), document.metadata.clone()));
        }
        let mut after = millrace_domain::Version::NONE;
        loop {
            let events = self.store.read(key, after, PAGE).await?;
            let last = events.last().map(|event| event.sequence);
            for envelope in events {
                if let DocumentEvent::DocumentUploaded(uploaded) = envelope.event
                    && uploaded.generation == generation
                {
                    return Ok((uploaded.filename, uploaded.metadata));
                }
            }
            let attempted = format!("find generation {generation} in the history of {}", key.document_id);
            after = last.ok_or_else(|| PortError::new(ErrorKind::Corrupt, attempted))?;
        }
    }

    async fn settle(
        &self,
        claim: &Claim,
        key: &DocumentKey,
        document: &Document,
        space: IndexSpace,
        stop: Stop,
    ) -> JobOutcome {
        let error = match stop {
            Stop::Fault(error_code, reason) => {
                let fault = failure(error_code, &reason, key);
                let failed = self.reembeddings.fail(&key.tenant_id, &document.collection, space, fault).await;
                return match failed {
                    Ok(_) => {
                        self.steps.release(claim, false).await;
                        JobOutcome::Acknowledge
                    }
                    Err(error) => self.steps.give_up(claim, error.into()).await,
                };
            }
            Stop::Error(error) => StepError::Port(error),
        };
        let code = match self.steps.outcome_of(claim, &error) {
            JobOutcome::Retry { .. } if self.steps.is_last(claim) => DeadLetterCode::Unavailable,
            JobOutcome::DeadLetter { code, .. } => code,
            JobOutcome::Retry { .. }
            | JobOutcome::Acknowledge
            | JobOutcome::Postpone { .. }
            | JobOutcome::PostponeRedriven { .. } => return self.steps.give_up(claim, error).await,
        };
        let reason = super::fail_ingestion::describe(&error);
        self.give_up(claim, key, document, (space, (code, ErrorCode::DeadLettered), reason)).await
    }

    /// All attempts are spent: so is the saga. The message goes where given up messages lie; put back to work it finds no
    /// saga and does nothing. A saga that cannot be given up any more sends the job again by itself, for one attempt each time.
    async fn give_up(
        &self,
        claim: &Claim,
        key: &DocumentKey,
        document: &Document,
        (space, (code, error_code), reason): (IndexSpace, (DeadLetterCode, ErrorCode), String),
    ) -> JobOutcome {
        let fault = failure(error_code, &reason, key);
        match self.reembeddings.fail(&key.tenant_id, &document.collection, space, fault).await {
            Ok(Some(ReembeddingStatus::Running)) => {
                self.steps.release(claim, false).await;
                JobOutcome::Acknowledge
            }
            Ok(_) => {
                self.steps.release(claim, true).await;
                JobOutcome::DeadLetter { code, reason }
            }
            // It could not be recorded: the job must come back, or nobody would know.
            Err(error) => {
                self.steps.release(claim, false).await;
                JobOutcome::Retry { delay_ms: self.steps.wait_ms(claim.attempt), reason: error.to_string() }
            }
        }
    }
}
