//! `evolve`: the next state of a document after one event. Never fails and never decides.

use super::*;
use crate::{ErrorCode, Generation, Stage, Timestamp, UploadId, Version};

/// Folds one event into the state. `None` is a document that does not exist yet.
///
/// # Panics
/// If the history is impossible: it does not begin with `DocumentUploaded`. `decide` never makes such a history.
pub fn evolve(document: Option<Document>, event: &DocumentEvent, at: Timestamp) -> Document {
    let mut document = match (document, event) {
        (None, DocumentEvent::DocumentUploaded(uploaded)) => return begin(uploaded, at),
        (None, other) => panic!("a history begins with {} instead of an upload", other.type_name()),
        (Some(document), _) => document,
    };
    document.version = document.version.next();
    document.updated_at = at;
    match event {
        DocumentEvent::DocumentUploaded(data) => replace(document, data, at),
        DocumentEvent::TextExtracted(data) => extracted(document, data),
        DocumentEvent::DocumentChunked(data) => chunked(document, data),
        DocumentEvent::ChunksEmbedded(data) => embedded(document, data),
        DocumentEvent::IngestionCompleted(data) => completed(document, data),
        DocumentEvent::IngestionFailed(data) => failed(document, data),
        DocumentEvent::IngestionRetried(data) => retried(document, data, at),
        DocumentEvent::IngestionCancelled(data) => {
            document.status = Status::Cancelled;
            withdraw(document, data.generation, false)
        }
        DocumentEvent::DocumentClassified(data) => classified(document, data),
        DocumentEvent::DeletionRequested(_) => deletion_requested(document, at),
        DocumentEvent::VectorsPurged(data) => vectors_purged(document, data),
        DocumentEvent::ContentPurged(data) => content_purged(document, data),
        DocumentEvent::DocumentDeleted(data) => deleted(document, data),
    }
}

fn begin(uploaded: &DocumentUploaded, at: Timestamp) -> Document {
    Document {
        version: Version::new(1),
        status: Status::Processing,
        stage: Stage::Extract,
        generation: uploaded.generation,
        upload_id: uploaded.upload_id,
        job_id: uploaded.job_id,
        collection: uploaded.collection.clone(),
        filename: uploaded.filename.clone(),
        declared_media_type: uploaded.declared_media_type.clone(),
        media_type: None,
        title: None,
        size_bytes: uploaded.size_bytes,
        sha256: uploaded.sha256.clone(),
        metadata: uploaded.metadata.clone(),
        pages: None,
        text_bytes: None,
        plan: None,
        embedded_batches: BatchSet::default(),
        embedded_chunks: 0,
        model: None,
        published: None,
        failure: None,
        retries: 0,
        residue: Vec::new(),
        classification: None,
        deletion: None,
        created_at: at,
        started_at: at,
        updated_at: at,
    }
}

/// A new generation starts afresh; what is published stays until it completes, and the one it overtakes is owed
/// a purge unless queries see it or it already was purged.
fn replace(document: Document, uploaded: &DocumentUploaded, at: Timestamp) -> Document {
    let overtaken = (document.generation, document.upload_id);
    let mut next = begin(uploaded, at);
    next.version = document.version;
    next.created_at = document.created_at;
    next.published = document.published;
    next.residue = document.residue;
    if next.published.is_none_or(|published| published.generation != overtaken.0) {
        owe_purge(&mut next, overtaken, true);
    }
    next
}

fn extracted(mut document: Document, data: &TextExtracted) -> Document {
    document.stage = Stage::Chunk;
    document.media_type = Some(data.media_type.clone());
    document.title = data.title.clone();
    document.pages = Some(data.pages);
    document.text_bytes = Some(data.text_bytes);
    document
}

/// The first generation that gets this far is visible by its words at once.
fn chunked(mut document: Document, data: &DocumentChunked) -> Document {
    document.stage = Stage::Embed;
    document.plan = Some(ChunkPlan { chunks: data.chunks, tokens: data.tokens, batch_size: data.batch_size });
    if document.published.is_none() {
        let upload_id = document.upload_id;
        document.published = Some(Publication { generation: data.generation, upload_id, vectors: false });
    }
    document
}

fn embedded(mut document: Document, data: &ChunksEmbedded) -> Document {
    document.embedded_batches.insert(data.batch);
    document.embedded_chunks += data.chunks;
    document.model = Some(data.model.clone());
    document
}

/// The one switch: from here on queries see this generation, words and vectors, and no other.
fn completed(mut document: Document, data: &IngestionCompleted) -> Document {
    let replaced = document.published.filter(|published| published.generation != data.generation);
    let upload_id = document.upload_id;
    document.published = Some(Publication { generation: data.generation, upload_id, vectors: true });
    document.status = Status::Ready;
    document.stage = Stage::Complete;
    if let Some(published) = replaced {
        owe_purge(&mut document, (published.generation, published.upload_id), true);
    }
    document
}

fn failed(mut document: Document, data: &IngestionFailed) -> Document {
    document.status = Status::Failed;
    document.failure = Some(Failure {
        stage: data.stage,
        error_code: data.error_code,
        reason: data.reason.clone(),
        attempts: data.attempts,
    });
    let refused = data.stage == Stage::Extract && data.error_code != ErrorCode::DeadLettered;
    let nothing_written = refused && document.stage == Stage::Extract;
    withdraw(document, data.generation, nothing_written)
}

/// Takes an unfinished generation out of the queries' sight. A half-published one, of whatever generation,
/// would stay half for ever, so it goes too. Words are written before the event that tells of them, so a worker may have
/// left some of a generation that has not got that far.
fn withdraw(mut document: Document, generation: Generation, nothing_written: bool) -> Document {
    if let Some(half) = document.published.filter(|published| !published.vectors) {
        document.published = None;
        if half.generation != generation {
            owe_purge(&mut document, (half.generation, half.upload_id), true);
        }
    }
    if !nothing_written {
        let upload_id = document.upload_id;
        owe_purge(&mut document, (generation, upload_id), false);
    }
    document
}

/// Goes on from the stored text if there is one; chunks and vectors were purged when the generation stopped.
fn retried(mut document: Document, data: &IngestionRetried, at: Timestamp) -> Document {
    document.status = Status::Processing;
    document.stage = data.stage;
    document.job_id = data.job_id;
    document.retries = data.retry;
    document.failure = None;
    document.plan = None;
    document.embedded_batches = BatchSet::default();
    document.embedded_chunks = 0;
    document.started_at = at;
    document
}

fn classified(mut document: Document, data: &DocumentClassified) -> Document {
    document.classification = Some(Classification {
        label: data.label.clone(),
        confidence: data.confidence,
        model_version: data.model_version.clone(),
    });
    document
}

fn deletion_requested(mut document: Document, at: Timestamp) -> Document {
    document.status = Status::Deleting;
    document.published = None;
    document.residue.clear();
    document.deletion = Some(Deletion { requested_at: at, index: None, content: None, receipt: None });
    document
}

fn vectors_purged(mut document: Document, data: &VectorsPurged) -> Document {
    match (data.generation, &mut document.deletion) {
        (None, Some(deletion)) => deletion.index = Some((data.chunks, data.vectors, data.cached_vectors)),
        (Some(generation), _) => {
            settle_purge(&mut document.residue, generation, |residue| residue.index = false);
        }
        (None, None) => unreachable!("all generations are purged only by a deletion"),
    }
    document
}

fn content_purged(mut document: Document, data: &ContentPurged) -> Document {
    match (data.generation, &mut document.deletion) {
        (None, Some(deletion)) => deletion.content = Some((data.blobs, data.bytes)),
        (Some(generation), _) => {
            settle_purge(&mut document.residue, generation, |residue| residue.content = false);
        }
        (None, None) => unreachable!("all generations are purged only by a deletion"),
    }
    document
}

fn deleted(mut document: Document, data: &DocumentDeleted) -> Document {
    document.status = Status::Deleted;
    document.stage = Stage::Complete;
    if let Some(deletion) = &mut document.deletion {
        deletion.receipt = Some(data.receipt.clone());
    }
    document
}

fn owe_purge(document: &mut Document, (generation, upload_id): (Generation, UploadId), content: bool) {
    match document.residue.iter_mut().find(|residue| residue.generation == generation) {
        Some(owed) => {
            owed.index = true;
            owed.content |= content;
        }
        None => document.residue.push(Residue { generation, upload_id, index: true, content }),
    }
}

fn settle_purge(residue: &mut Vec<Residue>, generation: Generation, settle: impl Fn(&mut Residue)) {
    residue.iter_mut().filter(|owed| owed.generation == generation).for_each(settle);
    residue.retain(|owed| owed.index || owed.content);
}
