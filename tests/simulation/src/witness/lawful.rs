//! Which event may follow in which state: the rules of a document told a second time, so that it is noticed when the code
//! forgets one. Of what an event says it looks at what names things; the numbers are checked where they are used.

use millrace_domain::{Document, DocumentEvent, Generation, Stage, Status};

/// Whether an event may be appended to a document in this state; `None` is one that is not there.
pub(super) fn follows(before: Option<&Document>, event: &DocumentEvent) -> bool {
    match (before, event) {
        (None, DocumentEvent::DocumentUploaded(uploaded)) => uploaded.generation == Generation::FIRST,
        (None, _) => false,
        (Some(document), event) => continues(document, event),
    }
}

fn continues(document: &Document, event: &DocumentEvent) -> bool {
    let at = |generation, stage| is_at_work(document, generation) && document.stage == stage;
    match event {
        DocumentEvent::DocumentUploaded(uploaded) => {
            let next = uploaded.generation == document.generation.next();
            next && !document.status.is_gone() && uploaded.collection == document.collection
        }
        DocumentEvent::TextExtracted(extracted) => at(extracted.generation, Stage::Extract),
        DocumentEvent::DocumentChunked(chunked) => at(chunked.generation, Stage::Chunk) && chunked.chunks > 0,
        DocumentEvent::ChunksEmbedded(embedded) => {
            let new = !document.embedded_batches.contains(embedded.batch);
            at(embedded.generation, Stage::Embed) && new
        }
        DocumentEvent::IngestionCompleted(completed) => {
            let whole = document.plan.is_some_and(|plan| plan.chunks == document.embedded_chunks);
            at(completed.generation, Stage::Embed) && whole
        }
        DocumentEvent::IngestionFailed(failed) => {
            let recorded = document.stage == Stage::Embed && failed.stage < Stage::Embed;
            is_at_work(document, failed.generation) && !recorded
        }
        DocumentEvent::IngestionCancelled(cancelled) => is_at_work(document, cancelled.generation),
        DocumentEvent::IngestionRetried(retried) => {
            let stopped = matches!(document.status, Status::Failed | Status::Cancelled);
            let clean = !document.residue.iter().any(|residue| residue.generation == retried.generation);
            let next = retried.generation == document.generation && retried.retry == document.retries + 1;
            stopped && clean && next
        }
        DocumentEvent::DocumentClassified(classified) => {
            !document.status.is_gone() && classified.generation == document.generation
        }
        DocumentEvent::DeletionRequested(_) => !document.status.is_gone(),
        DocumentEvent::VectorsPurged(purged) => match purged.generation {
            None => document.deletion.as_ref().is_some_and(|deletion| deletion.index.is_none()),
            Some(of) => document.residue.iter().any(|residue| residue.generation == of && residue.index),
        },
        DocumentEvent::ContentPurged(purged) => match purged.generation {
            None => document.deletion.as_ref().is_some_and(|deletion| deletion.content.is_none()),
            Some(of) => document.residue.iter().any(|residue| residue.generation == of && residue.content),
        },
        DocumentEvent::DocumentDeleted(_) => document.deletion.as_ref().is_some_and(|deletion| {
            deletion.index.is_some() && deletion.content.is_some() && deletion.receipt.is_none()
        }),
    }
}

fn is_at_work(document: &Document, generation: Generation) -> bool {
    document.status == Status::Processing && document.generation == generation
}
