//! What must hold of an answer to a search: of every document the whole of one published generation or nothing, nobody
//! else's, nothing deleted, and words that are the document's own.

use std::collections::BTreeMap;

use millrace_application::Hit;
use millrace_domain::{CollectionName, DocumentId, DocumentKey, Generation, TenantId};

use super::{Memory, Story, Witness};

/// A hit, as a client sees it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct SeenHit {
    pub(crate) document_id: DocumentId,
    pub(crate) generation: Generation,
    pub(crate) chunk: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

impl From<Hit> for SeenHit {
    fn from(hit: Hit) -> Self {
        Self {
            document_id: hit.document_id,
            generation: hit.generation,
            chunk: hit.chunk.index.get(),
            start: hit.chunk.start as usize,
            end: hit.chunk.end as usize,
            text: hit.chunk.text,
        }
    }
}

impl Witness {
    /// A search for a word that is in every passage was answered; it began at instant `from`.
    pub(crate) fn searched(
        &self,
        tenant: &TenantId,
        collection: &CollectionName,
        from: u64,
        hits: &[SeenHit],
    ) {
        let mut memory = self.lock();
        let until = memory.instant;
        let mut of_document: BTreeMap<DocumentId, Vec<&SeenHit>> = BTreeMap::new();
        for hit in hits {
            of_document.entry(hit.document_id).or_default().push(hit);
        }
        let mine: BTreeMap<DocumentKey, Story> = memory
            .stories
            .iter()
            .filter(|(key, story)| key.tenant_id == *tenant && story.document.collection == *collection)
            .map(|(key, story)| (key.clone(), story.clone()))
            .collect();
        for (key, story) in &mine {
            let found = of_document.remove(&key.document_id).unwrap_or_default();
            self.check_document(&mut memory, key, story, (from, until), &found);
        }
        let foreign: Vec<_> = of_document.keys().collect();
        memory.hold("G7", "a search finds its tenant's documents only", foreign.is_empty(), || {
            format!("{tenant} found {foreign:?}")
        });
    }

    fn check_document(
        &self,
        memory: &mut Memory,
        key: &DocumentKey,
        story: &Story,
        (from, until): (u64, u64),
        found: &[&SeenHit],
    ) {
        let shown = story.shown_within(from, until);
        let line = || {
            let hits: Vec<_> = found.iter().map(|hit| (hit.generation.get(), hit.chunk)).collect();
            format!("{} {hits:?}, shown {shown:?}", key.document_id)
        };
        let Some(first) = found.first() else {
            let could_be_absent = !story.existed(from) || shown.iter().any(|shown| shown.published.is_none());
            return memory.hold("G5", "what is published is found", could_be_absent, line);
        };
        let generation = first.generation;
        let of = |published: &millrace_domain::Publication| published.generation == generation;
        let published = shown.iter().any(|shown| shown.published.as_ref().is_some_and(of));
        let deleted = story.tombstone.is_some() && shown.iter().all(|shown| shown.published.is_none());
        memory.hold("G6", "a deleted document is not found", !deleted, line);
        memory.hold("G5", "only what is published is found", published || deleted, line);
        let one = found.iter().all(|hit| hit.generation == generation);
        memory.hold("G5", "one generation of a document is found", one, line);
        let mut chunks: Vec<u32> = found.iter().map(|hit| hit.chunk).collect();
        chunks.sort_unstable();
        let whole = story.chunks_of(generation).map(|chunks| (0..chunks).collect::<Vec<_>>());
        memory.hold("G5", "a document is found whole", Some(chunks) == whole, line);
        let content = story.content_of(generation).and_then(|hash| self.contents.find(&hash));
        let own = |hit: &&SeenHit| {
            content.as_ref().is_some_and(|content| content.text.get(hit.start..hit.end) == Some(&*hit.text))
        };
        memory.hold("G7", "a hit quotes its own document", found.iter().all(own), line);
    }
}
