//! `decide`: which events a command causes in a given state, or why it is refused.
//! A command that already took effect causes none; that is what makes every step repeatable.

use super::*;
use crate::{BatchIndex, Generation, Stage, Timestamp};

/// Why a command is refused. Each is an answer that a caller can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No such document.
    #[error("document does not exist")]
    NotFound,
    /// The id is taken by another upload.
    #[error("document already exists")]
    AlreadyExists,
    /// The tombstone is set.
    #[error("document is deleted")]
    Gone,
    /// A document cannot move to another collection.
    #[error("document belongs to collection {actual}")]
    OtherCollection {
        /// Its collection.
        actual: crate::CollectionName,
    },
    /// The generation was overtaken, failed or cancelled: the worker's job has no purpose any more.
    #[error("generation {generation} is not being processed")]
    Stale {
        /// The generation named in the command.
        generation: Generation,
    },
    /// The document is not in a state in which this makes sense.
    #[error("document is {status}, cannot {action}")]
    NotPossible {
        /// Its state.
        status: Status,
        /// What was asked.
        action: &'static str,
    },
    /// The step before it has not been recorded, or the numbers do not fit the plan.
    #[error("command does not fit the document: {rule}")]
    OutOfOrder {
        /// The broken rule.
        rule: &'static str,
    },
}

type Decision = Result<Vec<DocumentEvent>, DocumentError>;

/// Decides a command against the state; `None` is a document that does not exist.
pub fn decide(document: Option<&Document>, command: Command) -> Decision {
    match (document, command) {
        (None, Command::Upload(content)) => Ok(vec![uploaded(content, Generation::FIRST)]),
        (None, _) => Err(DocumentError::NotFound),
        (Some(document), command) => decide_existing(document, command),
    }
}

fn decide_existing(document: &Document, command: Command) -> Decision {
    match command {
        Command::Upload(content) => decide_repeated_upload(document, &content),
        Command::Replace(content) => decide_replace(document, content),
        Command::RecordExtraction { generation, media_type, pages, text_bytes, title, attempts } => {
            let extracted = TextExtracted { generation, media_type, pages, text_bytes, title, attempts };
            decide_extraction(document, extracted)
        }
        Command::RecordChunks { generation, retry, chunks, tokens, batch_size, attempts } => {
            require_retry(document, generation, retry)?;
            decide_chunks(document, DocumentChunked { generation, chunks, tokens, batch_size, attempts })
        }
        Command::RecordEmbeddedBatch { generation, retry, batch, cached, model, attempts, at } => {
            require_retry(document, generation, retry)?;
            // How many chunks the batch has is known from the plan.
            let embedded = ChunksEmbedded { generation, batch, chunks: 0, cached, model, attempts };
            decide_batch(document, embedded, at)
        }
        Command::FailIngestion { generation, retry, stage, batch, error_code, reason, attempts } => {
            require_retry(document, generation, retry)?;
            decide_failure(
                document,
                batch,
                IngestionFailed { generation, stage, error_code, reason, attempts },
            )
        }
        Command::RetryIngestion { job_id } => decide_retry(document, job_id),
        Command::CancelIngestion => decide_cancel(document),
        Command::Classify { generation, label, confidence, model_version } => {
            decide_classify(document, DocumentClassified { generation, label, confidence, model_version })
        }
        Command::RequestDeletion if document.status.is_gone() => Ok(vec![]),
        Command::RequestDeletion => Ok(vec![DeletionRequested { generation: document.generation }.into()]),
        Command::RecordVectorsPurged { generation, chunks, vectors, cached_vectors, attempts } => {
            let purged = VectorsPurged { generation, chunks, vectors, cached_vectors, attempts };
            decide_vectors_purged(document, purged)
        }
        Command::RecordContentPurged { generation, blobs, bytes, attempts } => {
            decide_content_purged(document, ContentPurged { generation, blobs, bytes, attempts })
        }
        Command::CompleteDeletion { attempts, at } => decide_deleted(document, attempts, at),
    }
}

fn uploaded(content: Content, generation: Generation) -> DocumentEvent {
    DocumentUploaded {
        generation,
        upload_id: content.upload_id,
        job_id: content.job_id,
        collection: content.collection,
        filename: content.filename,
        declared_media_type: content.declared_media_type,
        size_bytes: content.size_bytes,
        sha256: content.sha256,
        metadata: content.metadata,
    }
    .into()
}

fn decide_repeated_upload(document: &Document, content: &Content) -> Decision {
    if document.created_by(content) { Ok(vec![]) } else { Err(DocumentError::AlreadyExists) }
}

fn decide_replace(document: &Document, content: Content) -> Decision {
    if document.status.is_gone() {
        return Err(DocumentError::Gone);
    }
    if document.collection != content.collection {
        return Err(DocumentError::OtherCollection { actual: document.collection.clone() });
    }
    let alive = matches!(document.status, Status::Processing | Status::Ready);
    if alive && document.has_content(&content) {
        return Ok(vec![]);
    }
    Ok(vec![uploaded(content, document.generation.next())])
}

/// The gate of every worker's command: the generation must be the one that is being processed.
fn require_processing(document: &Document, generation: Generation) -> Result<(), DocumentError> {
    if document.is_processing(generation) { Ok(()) } else { Err(DocumentError::Stale { generation }) }
}

/// A worker of an earlier retry is stale too: what it wrote was purged before the retry began.
fn require_retry(document: &Document, generation: Generation, retry: u32) -> Result<(), DocumentError> {
    let stale = document.generation == generation && document.retries != retry;
    if stale { Err(DocumentError::Stale { generation }) } else { Ok(()) }
}

fn decide_extraction(document: &Document, extracted: TextExtracted) -> Decision {
    if document.is_past(extracted.generation, Stage::Extract) {
        return Ok(vec![]);
    }
    require_processing(document, extracted.generation)?;
    Ok(vec![extracted.into()])
}

fn decide_chunks(document: &Document, chunked: DocumentChunked) -> Decision {
    if document.is_past(chunked.generation, Stage::Chunk) {
        return Ok(vec![]);
    }
    require_processing(document, chunked.generation)?;
    if document.stage != Stage::Chunk {
        return Err(DocumentError::OutOfOrder { rule: "text is extracted before it is chunked" });
    }
    if chunked.chunks == 0 || chunked.batch_size == 0 {
        return Err(DocumentError::OutOfOrder {
            rule: "a document has at least one chunk and a batch at least one",
        });
    }
    Ok(vec![chunked.into()])
}

fn decide_batch(document: &Document, embedded: ChunksEmbedded, at: Timestamp) -> Decision {
    let ChunksEmbedded { generation, batch, ref model, .. } = embedded;
    if document.is_past(generation, Stage::Embed) {
        return Ok(vec![]);
    }
    require_processing(document, generation)?;
    let plan = document
        .plan
        .ok_or(DocumentError::OutOfOrder { rule: "chunks are stored before they are embedded" })?;
    if document.embedded_batches.contains(batch) {
        return Ok(vec![]);
    }
    let (_, chunks) =
        plan.batch(batch).ok_or(DocumentError::OutOfOrder { rule: "the batch lies within the plan" })?;
    // That all vectors that searches see come from one model is held by the collection's index space, not here: a generation
    // may begin under one model and be completed after the collection has switched to another.
    let model = model.clone();
    let mut events = vec![ChunksEmbedded { chunks, ..embedded }.into()];
    if document.embedded_batches.len() + 1 == plan.batches() {
        let processing_time_ms = at.millis_since(document.started_at);
        events.push(
            IngestionCompleted { generation, chunks_created: plan.chunks, processing_time_ms, model }.into(),
        );
    }
    Ok(events)
}

fn decide_failure(document: &Document, batch: Option<BatchIndex>, failed: IngestionFailed) -> Decision {
    let settled =
        document.generation == failed.generation && matches!(document.status, Status::Failed | Status::Ready);
    let recorded = match batch {
        Some(batch) => document.is_processing(failed.generation) && document.embedded_batches.contains(batch),
        None => failed.stage < Stage::Embed && document.is_past(failed.generation, Stage::Chunk),
    };
    if settled || recorded {
        return Ok(vec![]);
    }
    require_processing(document, failed.generation)?;
    Ok(vec![failed.into()])
}

fn decide_retry(document: &Document, job_id: crate::JobId) -> Decision {
    match document.status {
        Status::Processing => return Ok(vec![]),
        Status::Failed | Status::Cancelled => {}
        Status::Deleting | Status::Deleted => return Err(DocumentError::Gone),
        Status::Ready => return Err(DocumentError::NotPossible { status: document.status, action: "retry" }),
    }
    if document.residue.iter().any(|residue| residue.generation == document.generation) {
        return Err(DocumentError::OutOfOrder {
            rule: "a stopped generation is purged before it is retried",
        });
    }
    let stage = if document.text_bytes.is_some() { Stage::Chunk } else { Stage::Extract };
    let retry = document.retries + 1;
    Ok(vec![IngestionRetried { generation: document.generation, job_id, stage, retry }.into()])
}

fn decide_cancel(document: &Document) -> Decision {
    match document.status {
        Status::Processing => {
            Ok(vec![IngestionCancelled { generation: document.generation, stage: document.stage }.into()])
        }
        Status::Cancelled => Ok(vec![]),
        Status::Deleting | Status::Deleted => Err(DocumentError::Gone),
        Status::Ready | Status::Failed => {
            Err(DocumentError::NotPossible { status: document.status, action: "cancel" })
        }
    }
}

fn decide_classify(document: &Document, classified: DocumentClassified) -> Decision {
    if document.status.is_gone() || document.generation != classified.generation {
        return Err(DocumentError::Stale { generation: classified.generation });
    }
    let known = document.classification.as_ref().is_some_and(|known| {
        known.label == classified.label && known.model_version == classified.model_version
    });
    Ok(if known { vec![] } else { vec![classified.into()] })
}

fn decide_vectors_purged(document: &Document, purged: VectorsPurged) -> Decision {
    let owed = match purged.generation {
        Some(generation) => document.residue.iter().any(|r| r.generation == generation && r.index),
        None => document.deletion.as_ref().is_some_and(|deletion| deletion.index.is_none()),
    };
    Ok(if owed { vec![purged.into()] } else { vec![] })
}

fn decide_content_purged(document: &Document, purged: ContentPurged) -> Decision {
    let owed = match purged.generation {
        Some(generation) => document.residue.iter().any(|r| r.generation == generation && r.content),
        None => document.deletion.as_ref().is_some_and(|deletion| deletion.content.is_none()),
    };
    Ok(if owed { vec![purged.into()] } else { vec![] })
}

fn decide_deleted(document: &Document, attempts: Option<u32>, at: Timestamp) -> Decision {
    let refused = DocumentError::NotPossible { status: document.status, action: "complete a deletion" };
    let deletion = document.deletion.as_ref().ok_or(refused)?;
    if deletion.receipt.is_some() {
        return Ok(vec![]);
    }
    let rule = "index and blobs are purged before the receipt";
    let (chunks, vectors, cached_vectors) = deletion.index.ok_or(DocumentError::OutOfOrder { rule })?;
    let (blobs, bytes) = deletion.content.ok_or(DocumentError::OutOfOrder { rule })?;
    let requested_at = deletion.requested_at;
    let receipt =
        DeletionReceipt { requested_at, verified_at: at, chunks, vectors, cached_vectors, blobs, bytes };
    Ok(vec![DocumentDeleted { receipt, attempts }.into()])
}

impl Document {
    /// Whether the step of this generation was recorded before.
    fn is_past(&self, generation: Generation, stage: Stage) -> bool {
        let alive = matches!(self.status, Status::Processing | Status::Ready);
        alive && self.generation == generation && self.stage > stage
    }

    fn has_content(&self, content: &Content) -> bool {
        self.sha256 == content.sha256
            && self.filename == content.filename
            && self.metadata == content.metadata
            && self.declared_media_type == content.declared_media_type
    }

    /// Whether this content is what the document was created with, as a repeated request would show.
    fn created_by(&self, content: &Content) -> bool {
        self.generation == Generation::FIRST
            && self.collection == content.collection
            && self.has_content(content)
    }
}
