//! What one look at both stores found, and what the heads make of it: which of it may be seen, and whether it was looked
//! at too early. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use millrace_domain::{DocumentId, Generation, Publication};
use millrace_ports::SearchFilter;

use super::vector_key::VectorKey;
use super::vector_metadata::Described;
use super::word_evidence::AnalysedPart;

/// A vector near the question's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Near {
    pub(crate) key: VectorKey,
    pub(crate) similarity: f32,
    pub(crate) described: Described,
}

/// What was found before anybody looked at the heads.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) parts: Vec<Arc<AnalysedPart>>,
    /// Whether older words were left out. The last document of the window may then be cut.
    pub(crate) cut: bool,
    pub(crate) near: Vec<Near>,
}

/// What queries may see of each document.
pub(crate) type Publications = HashMap<DocumentId, Publication>;

/// A generation whose words alone are published.
pub(crate) type WordedGeneration = (DocumentId, Generation);

impl Gathered {
    /// All documents in it, each once.
    pub(crate) fn documents(&self) -> Vec<DocumentId> {
        let of_parts = self.parts.iter().map(|part| part.key.document_id);
        let all: BTreeSet<_> = of_parts.chain(self.near.iter().map(|near| near.key.document_id)).collect();
        all.into_iter().collect()
    }

    /// The parts whose words may be seen.
    pub(crate) fn visible_parts<'a>(
        &'a self,
        published: &'a Publications,
    ) -> impl Iterator<Item = &'a Arc<AnalysedPart>> {
        self.parts.iter().filter(|part| shows_words(published, part.key.document_id, part.key.generation))
    }

    /// The vectors that may be seen.
    pub(crate) fn visible_near<'a>(&'a self, published: &'a Publications) -> impl Iterator<Item = &'a Near> {
        self.near.iter().filter(|near| shows_vector(published, &near.key))
    }

    /// The invisible entries that took the place of visible ones among the nearest.
    pub(crate) fn invisible_entries(&self, published: &Publications) -> BTreeSet<String> {
        self.near
            .iter()
            .filter(|near| !shows_vector(published, &near.key))
            .map(|near| near.key.entry())
            .collect()
    }

    /// Whether a document's words were switched between the look at them and that at its head: there are only words of
    /// generations that it does not publish.
    pub(crate) fn is_switched(&self, published: &Publications) -> bool {
        let last = self.parts.last().filter(|_| self.cut).map(|part| part.key.document_id);
        let seen: HashSet<_> = self.visible_parts(published).map(|part| part.key.document_id).collect();
        self.parts.iter().map(|part| part.key.document_id).any(|document| {
            published.contains_key(&document) && !seen.contains(&document) && Some(document) != last
        })
    }

    /// Generations whose words alone are published. If that was not known before the look, some of their words may have
    /// been written after it.
    pub(crate) fn worded(&self, published: &Publications) -> HashSet<WordedGeneration> {
        self.visible_parts(published)
            .filter(|part| published.get(&part.key.document_id).is_some_and(|head| !head.vectors))
            .map(|part| (part.key.document_id, part.key.generation))
            .collect()
    }
}

fn shows_words(published: &Publications, document: DocumentId, generation: Generation) -> bool {
    published.get(&document).is_some_and(|head| head.generation == generation)
}

/// Whether a vector may be seen.
pub(crate) fn shows_vector(published: &Publications, key: &VectorKey) -> bool {
    published.get(&key.document_id).is_some_and(|head| head.generation == key.generation && head.vectors)
}

/// Whether a document passes the filter.
pub(crate) fn passes(
    filter: &SearchFilter,
    document: DocumentId,
    metadata: &serde_json::Map<String, serde_json::Value>,
) -> bool {
    (filter.documents.is_empty() || filter.documents.contains(&document)) && filter.has_pairs(metadata)
}

#[cfg(test)]
mod tests {
    use millrace_domain::{ChunkIndex, UploadId};
    use millrace_ports::IndexedChunk;
    use uuid::Uuid;

    use super::*;
    use crate::s3vectors::word_key::PartKey;
    use crate::s3vectors::word_part::WordPart;

    fn id(number: u128) -> DocumentId {
        DocumentId::new(Uuid::from_u128(number))
    }

    fn part(document: u128, generation: u32) -> Arc<AnalysedPart> {
        let key = PartKey { document_id: id(document), generation: Generation::new(generation), part: 0 };
        Arc::new(AnalysedPart { key, content: WordPart::default(), terms: Vec::new() })
    }

    fn near(document: u128, generation: u32) -> Near {
        let index = ChunkIndex::new(0);
        let key =
            VectorKey { document_id: id(document), generation: Generation::new(generation), chunk: index };
        let chunk = IndexedChunk { index, page: None, heading: None, start: 0, end: 0, text: String::new() };
        let described = Described { filename: String::new(), metadata: serde_json::Map::new(), chunk };
        Near { key, similarity: 0.5, described }
    }

    fn published(heads: &[(u128, u32, bool)]) -> Publications {
        let publication = |&(document, generation, vectors): &(u128, u32, bool)| {
            let upload_id = UploadId::new(Uuid::nil());
            (id(document), Publication { generation: Generation::new(generation), upload_id, vectors })
        };
        heads.iter().map(publication).collect()
    }

    #[test]
    fn only_what_the_heads_publish_is_visible() {
        let parts = vec![part(1, 1), part(1, 2), part(2, 1), part(3, 1)];
        let gathered =
            Gathered { parts, cut: false, near: vec![near(1, 1), near(1, 2), near(2, 1), near(3, 1)] };
        let published = published(&[(1, 2, true), (2, 1, false)]);
        let words: Vec<_> = gathered.visible_parts(&published).map(|part| part.key.document_id).collect();
        assert_eq!(words, [id(1), id(2)]);
        let vectors: Vec<_> = gathered.visible_near(&published).map(|near| near.key).collect();
        assert_eq!(vectors, [near(1, 2).key]);
        let hidden = [near(1, 1), near(2, 1), near(3, 1)].map(|near| near.key.entry());
        assert_eq!(gathered.invisible_entries(&published), BTreeSet::from(hidden));
        assert_eq!(gathered.documents(), [id(1), id(2), id(3)]);
    }

    #[test]
    fn words_of_other_generations_only_were_looked_at_too_early() {
        let look = |parts, cut| Gathered { parts, cut, near: Vec::new() };
        let published = published(&[(1, 2, true)]);
        assert!(look(vec![part(1, 1)], false).is_switched(&published));
        assert!(!look(vec![part(1, 2), part(1, 1)], false).is_switched(&published));
        // Not published at all, or cut off by the window's end.
        assert!(!look(vec![part(2, 1)], false).is_switched(&published));
        assert!(!look(vec![part(1, 3)], true).is_switched(&published));
    }

    #[test]
    fn documents_published_by_their_words_alone_are_named() {
        let gathered = Gathered { parts: vec![part(1, 1), part(2, 1), part(3, 2)], ..Gathered::default() };
        let published = published(&[(1, 1, false), (2, 1, true), (3, 1, false)]);
        assert_eq!(gathered.worded(&published), HashSet::from([(id(1), Generation::new(1))]));
    }
}
