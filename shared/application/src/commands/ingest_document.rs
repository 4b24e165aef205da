//! The chunk-worker's step: extract text, split it, store both, index the words, append `TextExtracted` and
//! `DocumentChunked`, send one `EmbedChunks` per batch. Embedding is not done here.

use std::sync::Arc;

use millrace_chunking::{ChunkingPolicy, DocumentText, chunks};
use millrace_domain::{ByteSize, Command, Document, DocumentKey, ErrorCode, Generation, Job, Stage};
use millrace_ports::{
    BlobKey, BlobStore, Claim, ErrorKind, ExtractedText, ExtractionError, ExtractionHints, IdGenerator,
    IndexTarget, IndexedDocument, PortError, StepKey, TextExtractor, Tokenizer,
};

use super::fail_ingestion::{FailIngestion, Fault, Place};
use crate::admission::{Admission, admit};
use crate::chunk_file::{ChunkFile, StoredChunk};
use crate::documents::{Context, Documents};
use crate::index_spaces::{IndexSpaces, Writing};
use crate::job_outcome::JobOutcome;
use crate::jobs::Jobs;
use crate::leftovers::Leftovers;
use crate::step::{Begun, Delivery, StepError, Steps};
use crate::text_file::text_file;

/// Chunks that are stored and indexed at a time; bounds memory, whatever the document's size.
const CHUNKS_PER_SLICE: usize = 512;

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct IngestDocument {
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
    /// The parsers.
    pub extractor: Arc<dyn TextExtractor>,
    /// The embedder's tokenizer.
    pub tokenizer: Arc<dyn Tokenizer>,
    /// The index.
    pub index: IndexSpaces,
    /// Removes what a stopped or overtaken attempt wrote.
    pub leftovers: Leftovers,
    /// Ids for retries.
    pub ids: Arc<dyn IdGenerator>,
    /// Bounds of chunks.
    pub policy: ChunkingPolicy,
    /// Chunks of one embedding batch, at least 1.
    pub batch_size: usize,
}

/// Why the work on a document stopped.
enum Stop {
    /// The document cannot be ingested.
    Fault(Stage, ErrorCode, String),
    /// Something around it failed.
    Error(Stage, StepError),
}

/// What the work found, for the events.
struct Chunked {
    /// Where the words were written.
    writing: Writing,
    extraction: Option<Command>,
    chunks: u32,
    tokens: u64,
}

impl IngestDocument {
    /// Does one delivered job.
    #[tracing::instrument(name = "ingest", skip_all, fields(
        document.id = %delivery.job.document_id, correlation.id = %delivery.job.trace.correlation_id, attempt
    ))]
    pub async fn run(&self, delivery: &Delivery) -> JobOutcome {
        let Job::IngestDocument { generation } = delivery.job.job else {
            return JobOutcome::malformed("not an IngestDocument job");
        };
        match self.step(delivery, generation).await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.unclaimed(delivery, &error),
        }
    }

    async fn step(&self, delivery: &Delivery, generation: Generation) -> Result<JobOutcome, PortError> {
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
                let outcome = self.repeat_follow_on(delivery, &document).await?;
                let step = StepKey::ingest(&key, generation, document.retries);
                if let Some(letter) = self.fail.lost_letter(&self.steps, delivery, step, &document).await? {
                    return Ok(letter);
                }
                self.leftovers.remove_settled(&key, &document).await?;
                return Ok(outcome);
            }
            Admission::Gone(document) => {
                self.leftovers.remove_gone(&key, &document, generation).await?;
                return Ok(JobOutcome::Acknowledge);
            }
            Admission::Work(document) if document.stage >= Stage::Embed => {
                return self.repeat_follow_on(delivery, &document).await;
            }
            Admission::Work(document) => document,
        };
        let claim = match self.steps.begin(StepKey::ingest(&key, generation, document.retries)).await? {
            Begun::Claimed(claim) => claim,
            Begun::NotNow(outcome) => return Ok(outcome),
            Begun::Done => {
                let current = self.documents.load(&key).await?.unwrap_or(*document);
                return self.repeat_follow_on(delivery, &current).await;
            }
        };
        tracing::Span::current().record("attempt", claim.attempt);
        if self.steps.is_exhausted(&claim) {
            let place = Place::at(&document, document.stage);
            return Ok(self.fail.exhaust(&self.steps, delivery, &claim, place).await);
        }
        Ok(match self.work(&key, &claim, &document).await {
            Ok(chunked) => self.publish(delivery, &claim, &document, chunked).await,
            Err(Stop::Error(stage, error)) => {
                self.fail.settle(&self.steps, delivery, &claim, error, Place::at(&document, stage)).await
            }
            Err(Stop::Fault(stage, error_code, reason)) => {
                let fault = Fault { place: Place::at(&document, stage), error_code, reason };
                self.fail.settle_fault(&self.steps, delivery, &claim, fault).await
            }
        })
    }

    async fn repeat_follow_on(
        &self,
        delivery: &Delivery,
        document: &Document,
    ) -> Result<JobOutcome, PortError> {
        self.jobs.send_owed(&delivery.key(), None, document, &delivery.job.trace).await?;
        Ok(JobOutcome::Acknowledge)
    }

    async fn publish(
        &self,
        delivery: &Delivery,
        claim: &Claim,
        before: &Document,
        chunked: Chunked,
    ) -> JobOutcome {
        let key = delivery.key();
        let generation = before.generation;
        let batch_size = u32::try_from(self.batch_size).unwrap_or(u32::MAX);
        let record = Command::RecordChunks {
            generation,
            retry: before.retries,
            chunks: chunked.chunks,
            tokens: chunked.tokens,
            batch_size,
            attempts: Some(claim.attempt),
        };
        let commands = chunked.extraction.clone().into_iter().chain([record]).collect();
        let context = Context::of(&delivery.job.trace).completing(claim, "chunked");
        let recorded = async {
            self.index.confirm(&chunked.writing).await?;
            Ok::<_, StepError>(self.documents.execute_all(&key, &context, commands).await?)
        };
        let executed = match recorded.await {
            Ok(executed) => executed,
            Err(mut error) => {
                if matches!(error, StepError::Refused(_))
                    && let Err(failed) = self.leftovers.withdraw(&key, generation).await
                {
                    error = failed.into();
                }
                let place = Place::at(before, Stage::Chunk);
                return self.fail.settle(&self.steps, delivery, claim, error, place).await;
            }
        };
        let followed = async {
            if executed.appended.is_empty() {
                self.steps.complete(claim).await?;
            }
            self.repeat_follow_on(delivery, &executed.document).await
        };
        match followed.await {
            Ok(outcome) => outcome,
            Err(error) => self.steps.cut_off(delivery, claim, &error).await,
        }
    }

    async fn work(&self, key: &DocumentKey, claim: &Claim, document: &Document) -> Result<Chunked, Stop> {
        let (text, extraction) = match self.stored_text(key, document).await? {
            Some(text) => (Arc::new(text), None),
            None => {
                let text = self.extract(key, document).await?;
                let command = record_extraction(document.generation, &text, claim.attempt);
                (text, Some(command))
            }
        };
        let target = IndexTarget {
            key: key.clone(),
            collection: document.collection.clone(),
            generation: document.generation,
        };
        let described = IndexedDocument {
            target,
            filename: document.filename.clone(),
            metadata: document.metadata.clone(),
        };
        let writing = self.index.begin(key, &document.collection).await;
        let writing = writing.map_err(|error| Stop::Error(Stage::Chunk, error.into()))?;
        let (chunks, tokens) = self.chunk(&writing, &described, &text).await?;
        if chunks == 0 {
            let reason = "no text was found in the document".to_owned();
            return Err(Stop::Fault(Stage::Extract, ErrorCode::Empty, reason));
        }
        tracing::info!(chunks, tokens, job_id = %document.job_id, "document chunked");
        Ok(Chunked { writing, extraction, chunks, tokens })
    }

    /// The text of an earlier attempt that got that far.
    async fn stored_text(
        &self,
        key: &DocumentKey,
        document: &Document,
    ) -> Result<Option<ExtractedText>, Stop> {
        if document.stage == Stage::Extract {
            return Ok(None);
        }
        let bytes = match self.blobs.get(&BlobKey::text(key, document.generation)).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Stop::Error(Stage::Chunk, error.into())),
        };
        Ok(serde_json::from_slice(&bytes).ok())
    }

    async fn extract(&self, key: &DocumentKey, document: &Document) -> Result<Arc<ExtractedText>, Stop> {
        let started = self.documents.now();
        let source = self.blobs.open(&BlobKey::source(key, document.upload_id), None).await;
        let (_, content) = source.map_err(|error| match error.kind {
            ErrorKind::NotFound | ErrorKind::Corrupt => Stop::Fault(
                Stage::Extract,
                ErrorCode::ContentMissing,
                "the uploaded content is missing".into(),
            ),
            _ => Stop::Error(Stage::Extract, error.into()),
        })?;
        let hints = ExtractionHints {
            filename: Some(document.filename.clone()),
            declared_media_type: document.declared_media_type.clone(),
        };
        let text = self.extractor.extract(content, &hints).await.map_err(stop_of_extraction)?;
        let text = Arc::new(text);
        let key = BlobKey::text(key, document.generation);
        self.blobs
            .put_stream(&key, text_file(Arc::clone(&text)), ByteSize::new(u64::MAX))
            .await
            .map_err(|error| Stop::Error(Stage::Extract, error.into()))?;
        let duration_ms = self.documents.now().millis_since(started);
        tracing::info!(duration_ms, text_bytes = text.text.len(), pages = text.pages.len(), "text extracted");
        Ok(text)
    }

    /// Cuts, stores and indexes slice by slice. Gives chunks and tokens.
    async fn chunk(
        &self,
        writing: &Writing,
        document: &IndexedDocument,
        text: &ExtractedText,
    ) -> Result<(u32, u64), Stop> {
        let source = DocumentText { text: &text.text, pages: &text.pages, headings: &text.headings };
        let mut cut = chunks(source, &*self.tokenizer, self.policy).map(|chunk| StoredChunk {
            index: chunk.index,
            page: chunk.page,
            heading: chunk.heading,
            start: chunk.start as u64,
            end: chunk.end as u64,
            tokens: u32::from(chunk.token_count),
            text: text.text[chunk.start..chunk.end].to_owned(),
        });
        let slice_size = CHUNKS_PER_SLICE.next_multiple_of(self.batch_size);
        let (mut total, mut tokens) = (0_usize, 0_u64);
        loop {
            let slice: Vec<StoredChunk> = cut.by_ref().take(slice_size).collect();
            if slice.is_empty() {
                let total = u32::try_from(total).map_err(|_| too_many_chunks())?;
                return Ok((total, tokens));
            }
            let first_batch = total / self.batch_size;
            total += slice.len();
            tokens += slice.iter().map(|chunk| u64::from(chunk.tokens)).sum::<u64>();
            self.store(writing, document, slice, first_batch)
                .await
                .map_err(|e| Stop::Error(Stage::Chunk, e.into()))?;
        }
    }

    async fn store(
        &self,
        writing: &Writing,
        document: &IndexedDocument,
        slice: Vec<StoredChunk>,
        first_batch: usize,
    ) -> Result<(), PortError> {
        let indexed: Vec<_> = slice.iter().map(StoredChunk::to_indexed).collect();
        let target = &document.target;
        let blobs = slice.chunks(self.batch_size).zip(first_batch..).map(|(chunks, batch)| {
            let key = BlobKey::chunk_batch(&target.key, target.generation, batch as u32);
            (key, ChunkFile { chunks: chunks.to_vec() }.to_bytes())
        });
        self.blobs.put_many(blobs.collect()).await?;
        self.index.put_words(writing, document, &indexed).await
    }
}

fn record_extraction(generation: Generation, text: &ExtractedText, attempt: u32) -> Command {
    Command::RecordExtraction {
        generation,
        media_type: text.media_type.clone(),
        pages: u32::try_from(text.pages.len()).unwrap_or(u32::MAX),
        text_bytes: ByteSize::new(text.text.len() as u64),
        title: text.title.clone(),
        attempts: Some(attempt),
    }
}

fn too_many_chunks() -> Stop {
    Stop::Fault(Stage::Chunk, ErrorCode::TooLarge, "more chunks than can be counted".into())
}

/// One exhaustive match from what a parser said to what becomes of the document.
fn stop_of_extraction(error: ExtractionError) -> Stop {
    let code = match &error {
        ExtractionError::UnsupportedMediaType(_) => ErrorCode::UnsupportedMediaType,
        ExtractionError::Corrupt(_) => ErrorCode::Corrupt,
        ExtractionError::Encrypted(_) => ErrorCode::Encrypted,
        ExtractionError::TooLarge(_) => ErrorCode::TooLarge,
        ExtractionError::TooManyPages(_) => ErrorCode::TooManyPages,
        ExtractionError::Empty(_) => ErrorCode::Empty,
        ExtractionError::TimedOut(_) => ErrorCode::TimedOut,
        ExtractionError::Unavailable(_) => {
            let error = PortError::caused(ErrorKind::Unavailable, "extract text", error);
            return Stop::Error(Stage::Extract, error.into());
        }
    };
    Stop::Fault(Stage::Extract, code, error.to_string())
}
