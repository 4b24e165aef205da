//! What must hold while a collection moves to another model, after each effect: what is published by meaning is found by
//! meaning, and with vectors of the collection's model alone. And of the record: it changes as the saga may.

use std::collections::BTreeMap;

use millrace_domain::{Collection, ReembeddingStatus, Timestamp};
use millrace_ports::Candidate;

use super::{Memory, Witness};
use crate::contents::COMMON_WORD;
use crate::ports::QuickEmbedder;

/// How far a similarity is off at most, since an index may round its vectors.
const ROUNDING: f32 = 0.03;

impl Witness {
    /// A collection's record was replaced.
    pub(crate) fn moved(&self, before: Option<&Collection>, after: &Collection) {
        let step =
            |collection: &Collection| collection.reembedding.as_ref().and_then(|saga| saga.step_name());
        let (was, is) = (before.and_then(step), step(after));
        self.scheduler.note(|| format!("  @ {} {} {was:?} to {is:?}", after.tenant_id, after.name));
        if was == is {
            return;
        }
        let mut memory = self.lock();
        let ended = after.last_reembedding.as_ref().filter(|_| is.is_none());
        let as_it_ended = ended.is_none_or(|saga| match saga.status() {
            ReembeddingStatus::Completed => after.current() == saga.to,
            ReembeddingStatus::Failed | ReembeddingStatus::Aborted => after.current() == saga.from,
            ReembeddingStatus::Running | ReembeddingStatus::Compensating => false,
        });
        memory.hold("G5", "a move ends at one of its two models", as_it_ended, || format!("{after:?}"));
    }

    /// What a search in the current space finds, with a vector of the current model.
    pub(crate) fn seen_by_meaning(&self, collection: &Collection, found: &[Candidate]) {
        let mut memory = self.lock();
        let line = || format!("{} {} {:?}", collection.tenant_id, collection.name, collection.current());
        let asked = QuickEmbedder::vector(COMMON_WORD, collection.dimensions).0;
        let mut by_meaning: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for candidate in found {
            let Some(similarity) = candidate.similarity else { continue };
            let own = QuickEmbedder::vector(&candidate.chunk.text, collection.dimensions).0;
            let expected: f32 = asked.iter().zip(&own).map(|(asked, own)| asked * own).sum();
            let same = (similarity - expected).abs() < ROUNDING;
            let rule = "similarities are of the collection's model";
            memory.hold("G5", rule, same, || format!("{} {similarity}, not {expected}", line()));
            let of = (candidate.document_id, candidate.generation);
            by_meaning.entry(of).or_default().push(candidate.chunk.index.get());
        }
        let missing = memory.missing(collection, &mut by_meaning);
        let rule = "what is published by meaning is found by meaning";
        memory.hold("G5", rule, missing.is_empty(), || format!("{} {missing:?}", line()));
    }

    /// Everything has come to rest: so have the moves.
    pub(crate) fn moves_settled(&self, collection: &Collection, calm: bool) {
        let mut memory = self.lock();
        let line = || format!("{} {}: {collection:?}", collection.tenant_id, collection.name);
        memory.hold("G1", "every move comes to an end", collection.reembedding.is_none(), line);
        let Some(saga) = &collection.last_reembedding else { return };
        let ended = saga.ended_at > Some(Timestamp::default());
        memory.hold("G1", "a move that ended says when", ended, line);
        let failed = saga.status() == ReembeddingStatus::Failed;
        memory.hold("G9", "a move is given up for faults only", !failed || !calm, line);
    }
}

impl Memory {
    /// Documents of a collection that are published by meaning and were not found so, or not whole.
    fn missing(
        &self,
        collection: &Collection,
        found: &mut BTreeMap<(millrace_domain::DocumentId, millrace_domain::Generation), Vec<u32>>,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        for (key, story) in &self.stories {
            let document = &story.document;
            let mine = key.tenant_id == collection.tenant_id && document.collection == collection.name;
            let Some(published) = document.published.filter(|published| published.vectors) else { continue };
            if !mine {
                continue;
            }
            let mut chunks = found.remove(&(key.document_id, published.generation)).unwrap_or_default();
            chunks.sort_unstable();
            let whole = story.chunks_of(published.generation).map(|chunks| (0..chunks).collect::<Vec<_>>());
            if Some(&chunks) != whole.as_ref() {
                missing.push(format!("{} {published:?}: {chunks:?} of {whole:?}", key.document_id));
            }
        }
        missing
    }
}
