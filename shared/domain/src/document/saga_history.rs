//! The steps of a document's sagas, from its events alone. What is owed is not decided here a second time: the events are
//! folded with `evolve`, and a compensation begins and ends with the residue of the state.
//!
//! A step begins with the event that makes it due, so its time includes waiting for a worker. Events of one append have one
//! time: extraction and chunking are recorded together, and the time of both stands at the extraction.

use std::collections::BTreeMap;

use super::*;
use crate::{Generation, Stage, Timestamp};

/// The fold of a history into the steps of its sagas.
#[derive(Debug, Clone, Default)]
pub struct SagaHistory {
    document: Option<Document>,
    /// In the order in which they began.
    steps: Vec<SagaStep>,
    /// Where the steps of each generation begin; they end where the next one's do.
    generations: BTreeMap<Generation, usize>,
    /// The step of the ingestion or deletion that runs; it is one at a time.
    current: Option<usize>,
    /// The compensations that run, one for each generation that is owed a purge.
    compensations: Vec<usize>,
    /// The attempt of the deletion that recorded its last step, if it was counted: the next step began within it.
    deletion_attempt: Option<u32>,
    /// The time of the latest event: clocks of two machines differ, and no step may end before it began.
    now: Timestamp,
}

impl SagaHistory {
    /// The steps of a whole history, from its first event.
    pub fn of<'a>(events: impl IntoIterator<Item = (&'a DocumentEvent, Timestamp)>) -> Vec<SagaStep> {
        let mut history = Self::default();
        for (event, at) in events {
            history.record(event, at);
        }
        history.into_steps()
    }

    /// Takes the next event of the history.
    pub fn record(&mut self, event: &DocumentEvent, at: Timestamp) {
        self.now = self.now.max(at);
        match event {
            DocumentEvent::DocumentUploaded(data) => self.uploaded(data),
            DocumentEvent::TextExtracted(data) => self.extracted(data),
            DocumentEvent::DocumentChunked(data) => self.chunked(data),
            DocumentEvent::ChunksEmbedded(data) => self.embedded(data),
            DocumentEvent::IngestionCompleted(data) => self.completed(data),
            DocumentEvent::IngestionFailed(data) => self.failed(data),
            DocumentEvent::IngestionRetried(data) => self.retried(data),
            DocumentEvent::IngestionCancelled(_) => self.end_current(SagaStepOutcome::Cancelled),
            DocumentEvent::DocumentClassified(_) => {}
            DocumentEvent::DeletionRequested(data) => self.deletion_requested(data),
            DocumentEvent::VectorsPurged(data) => self.vectors_purged(data),
            DocumentEvent::ContentPurged(data) => self.content_purged(data),
            DocumentEvent::DocumentDeleted(data) => self.deleted(data),
        }
        self.document = Some(evolve(self.document.take(), event, at));
        self.follow_residue(event);
        self.follow_deletion();
    }

    /// The steps, in the order in which they began.
    pub fn into_steps(self) -> Vec<SagaStep> {
        self.steps
    }

    fn uploaded(&mut self, data: &DocumentUploaded) {
        self.end_current(SagaStepOutcome::Superseded);
        self.generations.insert(data.generation, self.steps.len());
        let at = self.begin(Saga::Ingestion, SagaStepName::Upload, data.generation, 0);
        self.steps[at].details.bytes = Some(data.size_bytes.get());
        self.end(at, SagaStepOutcome::Done);
        self.go_on(SagaStepName::Extract, data.generation, 0);
    }

    fn extracted(&mut self, data: &TextExtracted) {
        self.note(|step| {
            step.attempts = data.attempts;
            step.details.pages = Some(data.pages);
            step.details.bytes = Some(data.text_bytes.get());
        });
        self.end_current(SagaStepOutcome::Done);
        self.go_on(SagaStepName::Chunk, data.generation, self.retry());
    }

    fn chunked(&mut self, data: &DocumentChunked) {
        self.note(|step| {
            step.attempts = data.attempts;
            step.details.chunks = Some(data.chunks.into());
        });
        self.end_current(SagaStepOutcome::Done);
        self.go_on(SagaStepName::Embed, data.generation, self.retry());
        self.note(|step| {
            step.details.chunks = Some(0);
            step.details.batches_done = Some(0);
            step.details.batches_total = Some(data.chunks.div_ceil(data.batch_size));
        });
    }

    fn embedded(&mut self, data: &ChunksEmbedded) {
        self.note(|step| {
            step.attempts = step.attempts.max(data.attempts);
            add(&mut step.details.chunks, data.chunks.into());
            add(&mut step.details.cached_vectors, data.cached.into());
            step.details.batches_done = step.details.batches_done.map(|done| done + 1);
        });
    }

    fn completed(&mut self, data: &IngestionCompleted) {
        self.end_current(SagaStepOutcome::Done);
        let at = self.begin(Saga::Ingestion, SagaStepName::Complete, data.generation, self.retry());
        self.steps[at].details.chunks = Some(data.chunks_created.into());
        self.end(at, SagaStepOutcome::Done);
    }

    /// A worker extracts and chunks in one go and records both at the end. That it failed at the chunks says that it had the
    /// text, though no event does.
    fn failed(&mut self, data: &IngestionFailed) {
        let extracting = self.current.is_some_and(|at| self.steps[at].step == SagaStepName::Extract);
        if extracting && data.stage == Stage::Chunk {
            self.note(|step| step.attempts = Some(data.attempts));
            self.end_current(SagaStepOutcome::Done);
            self.go_on(SagaStepName::Chunk, data.generation, self.retry());
        }
        self.note(|step| {
            step.attempts = Some(data.attempts);
            step.error_code = Some(data.error_code);
        });
        self.end_current(SagaStepOutcome::Failed);
    }

    fn retried(&mut self, data: &IngestionRetried) {
        let step = match data.stage {
            Stage::Extract => SagaStepName::Extract,
            Stage::Chunk => SagaStepName::Chunk,
            Stage::Embed | Stage::Complete => SagaStepName::Embed,
        };
        self.go_on(step, data.generation, data.retry);
    }

    /// The deletion removes what the compensations were about to.
    fn deletion_requested(&mut self, data: &DeletionRequested) {
        self.end_current(SagaStepOutcome::Cancelled);
        for at in std::mem::take(&mut self.compensations) {
            self.end(at, SagaStepOutcome::Superseded);
        }
        let at = self.begin(Saga::Deletion, SagaStepName::Tombstone, data.generation, self.retry());
        self.end(at, SagaStepOutcome::Done);
        self.deletion_attempt = Some(1);
    }

    fn vectors_purged(&mut self, data: &VectorsPurged) {
        let Some(at) = self.purge(data.generation, SagaStepName::PurgeIndex) else { return };
        let details = &mut self.steps[at].details;
        add(&mut details.chunks, data.chunks);
        add(&mut details.vectors, data.vectors);
        add(&mut details.cached_vectors, data.cached_vectors);
        match data.generation {
            Some(generation) => {
                self.steps[at].attempts = self.steps[at].attempts.max(data.attempts);
                self.undo(generation, &[SagaStepName::Chunk]);
            }
            None => self.end_deletion_step(at, data.attempts),
        }
    }

    fn content_purged(&mut self, data: &ContentPurged) {
        let Some(at) = self.purge(data.generation, SagaStepName::PurgeContent) else { return };
        let details = &mut self.steps[at].details;
        add(&mut details.blobs, data.blobs);
        add(&mut details.bytes, data.bytes.get());
        match data.generation {
            Some(generation) => {
                self.steps[at].attempts = self.steps[at].attempts.max(data.attempts);
                let undone = [SagaStepName::Upload, SagaStepName::Extract, SagaStepName::Chunk];
                self.undo(generation, &undone);
            }
            None => self.end_deletion_step(at, data.attempts),
        }
    }

    /// The step that a purge belongs to: the running compensation of its generation, or a step of the deletion. One that
    /// was recorded out of turn has no time of its own.
    fn purge(&mut self, generation: Option<Generation>, step: SagaStepName) -> Option<usize> {
        if let Some(generation) = generation {
            return self.compensations.iter().copied().find(|at| self.steps[*at].generation == generation);
        }
        match self.current.filter(|at| self.steps[*at].step == step) {
            Some(at) => Some(at),
            None => {
                let generation = self.document.as_ref()?.generation;
                Some(self.begin(Saga::Deletion, step, generation, self.retry()))
            }
        }
    }

    fn deleted(&mut self, data: &DocumentDeleted) {
        if let Some(at) = self.current {
            self.end_deletion_step(at, data.attempts);
        }
    }

    /// One claim counts the attempts of the whole deletion. A step began in the attempt that ended the one before it, unless
    /// the ledger has forgotten that claim and counts anew.
    fn end_deletion_step(&mut self, at: usize, attempt: Option<u32>) {
        let begun_in = std::mem::replace(&mut self.deletion_attempt, attempt);
        self.steps[at].attempts =
            attempt.zip(begun_in).map(|(ended_in, begun_in)| match ended_in.checked_sub(begun_in) {
                Some(failed) => failed + 1,
                None => ended_in,
            });
        self.end(at, SagaStepOutcome::Done);
        self.current = self.current.filter(|current| *current != at);
    }

    /// What was done for a generation that did not complete is undone. One that did complete had its purpose until a later
    /// one took its place.
    fn undo(&mut self, generation: Generation, undone: &[SagaStepName]) {
        let first = self.generations.get(&generation).copied().unwrap_or(self.steps.len());
        let end = self.generations.get(&generation.next()).copied().unwrap_or(self.steps.len());
        let steps = self.steps[first..end].iter_mut();
        let own: Vec<_> =
            steps.filter(|step| step.saga == Saga::Ingestion && step.generation == generation).collect();
        if own.iter().any(|step| step.step == SagaStepName::Complete) {
            return;
        }
        for step in own {
            if step.outcome == SagaStepOutcome::Done && undone.contains(&step.step) {
                step.outcome = SagaStepOutcome::Compensated;
            }
        }
    }

    /// Begins a compensation for each generation that is newly owed a purge, and ends those that are owed no more.
    fn follow_residue(&mut self, event: &DocumentEvent) {
        let Some(document) = &self.document else { return };
        let owed: Vec<Generation> = document.residue.iter().map(|residue| residue.generation).collect();
        for at in std::mem::take(&mut self.compensations) {
            if owed.contains(&self.steps[at].generation) {
                self.compensations.push(at);
            } else {
                self.end(at, SagaStepOutcome::Done);
            }
        }
        for generation in owed {
            if self.compensations.iter().any(|at| self.steps[*at].generation == generation) {
                continue;
            }
            let retry = self.retry_of(generation);
            let at = self.begin(Saga::Compensation, SagaStepName::PurgeGeneration, generation, retry);
            self.steps[at].cause = Some(cause_of(event, generation));
            self.compensations.push(at);
        }
    }

    /// The deletion goes on with what its state lacks.
    fn follow_deletion(&mut self) {
        let Some(document) = &self.document else { return };
        let Some(deletion) = document.deletion.as_ref().filter(|deletion| deletion.receipt.is_none()) else {
            return;
        };
        if self.current.is_some() {
            return;
        }
        let step = match (deletion.index, deletion.content) {
            (None, _) => SagaStepName::PurgeIndex,
            (Some(_), None) => SagaStepName::PurgeContent,
            (Some(_), Some(_)) => SagaStepName::Verify,
        };
        let (generation, retry) = (document.generation, document.retries);
        self.current = Some(self.begin(Saga::Deletion, step, generation, retry));
    }

    /// The retry that the current generation is at, before the event that is being recorded.
    fn retry(&self) -> u32 {
        self.document.as_ref().map_or(0, |document| document.retries)
    }

    /// The last retry that a generation got to.
    fn retry_of(&self, generation: Generation) -> u32 {
        let last = self.steps.iter().rev();
        last.filter(|step| step.saga == Saga::Ingestion)
            .find(|step| step.generation == generation)
            .map_or(0, |step| step.retry)
    }

    fn begin(&mut self, saga: Saga, step: SagaStepName, generation: Generation, retry: u32) -> usize {
        self.steps.push(SagaStep {
            saga,
            step,
            generation,
            retry,
            started_at: self.now,
            ended_at: None,
            outcome: SagaStepOutcome::Running,
            error_code: None,
            attempts: None,
            cause: None,
            details: SagaStepDetails::default(),
        });
        self.steps.len() - 1
    }

    /// Begins the next step of an ingestion.
    fn go_on(&mut self, step: SagaStepName, generation: Generation, retry: u32) {
        self.current = Some(self.begin(Saga::Ingestion, step, generation, retry));
    }

    fn note(&mut self, change: impl FnOnce(&mut SagaStep)) {
        if let Some(at) = self.current {
            change(&mut self.steps[at]);
        }
    }

    fn end_current(&mut self, outcome: SagaStepOutcome) {
        if let Some(at) = self.current.take() {
            self.end(at, outcome);
        }
    }

    fn end(&mut self, at: usize, outcome: SagaStepOutcome) {
        self.steps[at].ended_at = Some(self.now);
        self.steps[at].outcome = outcome;
    }
}

/// Why a generation is owed a purge from this event on. A stop also takes along an earlier generation that was half
/// published: that one did not stop itself, it was superseded.
fn cause_of(event: &DocumentEvent, generation: Generation) -> CompensationCause {
    match event {
        DocumentEvent::IngestionFailed(data) if data.generation == generation => CompensationCause::Failure,
        DocumentEvent::IngestionCancelled(data) if data.generation == generation => {
            CompensationCause::Cancellation
        }
        _ => CompensationCause::Supersession,
    }
}

fn add(sum: &mut Option<u64>, more: u64) {
    *sum = Some(sum.unwrap_or(0) + more);
}
