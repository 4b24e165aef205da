//! One search: the nearest vectors and the newest words are gathered at once, the heads say what of them may be seen, and
//! what remains is scored by both kinds of evidence. Fusing them is the query's business.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use millrace_domain::{ChunkIndex, DocumentId, DocumentKey, TenantId};
use millrace_ports::{Candidate, Embedding, ErrorKind, EventStore, IndexedChunk, PortError, SearchQuery};

use super::gathering::{Gathered, Near, Publications, WordedGeneration, passes, shows_vector};
use super::index_name::index_name;
use super::vector_key::VectorKey;
use super::vector_metadata::{self, service_filter};
use super::vector_store::VectorStore;
use super::word_evidence::{AnalysedPart, Analysis, Scorer};
use super::word_records::{Place, StoredPart, Window, WordRecords};

/// Words that are searched: those of the newest documents. One page of DynamoDB, some 3,000 chunks; older documents are
/// found by meaning, and their words then count as well.
pub(crate) const WINDOW: Window = Window { bytes: 1024 * 1024, documents: 1_000 };
/// Documents named by a filter whose words are read although they are older; the rest are found by meaning alone.
const NAMED_DOCUMENTS_MAX: usize = 16;
/// Readings of those at once.
const READS_AT_ONCE: usize = 4;
/// How often both stores are looked at. Beyond it the answer is what the last look gave: never of what is not published,
/// but perhaps without some of the best.
const GATHERINGS_MAX: usize = 4;
/// Generations remembered as published by their words alone; beyond it all are forgotten, which costs a second look.
const WORDED_MAX: usize = 4_096;

/// Searches, and what is remembered between searches.
#[derive(Debug)]
pub(crate) struct Searching {
    analysis: Analysis,
    window: Window,
    worded: Mutex<HashSet<WordedGeneration>>,
}

/// What a search reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stores<'a> {
    pub(crate) vectors: &'a VectorStore,
    pub(crate) words: &'a WordRecords,
    pub(crate) events: &'a dyn EventStore,
}

/// Names a chunk in an answer.
type Spot = (DocumentId, ChunkIndex);

/// A visible chunk of the window that passes the filter, with its evidence by words; 0 if none matches.
#[derive(Debug, Clone, Copy)]
struct Worded<'a> {
    part: &'a AnalysedPart,
    chunk: &'a IndexedChunk,
    words: f32,
}

impl Searching {
    pub(crate) fn over(window: Window) -> Self {
        Self { analysis: Analysis::default(), window, worded: Mutex::default() }
    }

    /// The candidates, by document and chunk.
    pub(crate) async fn run(
        &self,
        stores: Stores<'_>,
        query: &SearchQuery,
    ) -> Result<Vec<Candidate>, PortError> {
        if query.candidates == 0 {
            return Ok(Vec::new());
        }
        let mut without = BTreeSet::new();
        let mut looks = 1;
        loop {
            let gathered = self.gather(stores, query, &without).await?;
            let published = publications(stores.events, &query.tenant_id, gathered.documents()).await?;
            let hidden = gathered.invisible_entries(&published);
            // Not `||`: each of them has to take note.
            let too_early = gathered.is_switched(&published) | self.is_news(gathered.worded(&published));
            if looks == GATHERINGS_MAX || (hidden.is_empty() && !too_early) {
                return self.answer(stores, query, &gathered, &published).await;
            }
            without.extend(hidden);
            looks += 1;
        }
    }

    /// Whether some of these generations were not known to be published by their words before this search looked.
    fn is_news(&self, worded: HashSet<WordedGeneration>) -> bool {
        let mut known = self.worded.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > WORDED_MAX {
            known.clear();
        }
        let before = known.len();
        known.extend(worded);
        known.len() > before
    }

    async fn gather(
        &self,
        stores: Stores<'_>,
        query: &SearchQuery,
        without: &BTreeSet<String>,
    ) -> Result<Gathered, PortError> {
        let place = Place { tenant: &query.tenant_id, collection: &query.collection };
        let ((parts, cut), near) = futures::try_join!(
            newest_words(stores.words, place, self.window, query),
            nearest(stores.vectors, query, without)
        )?;
        Ok(Gathered { parts: self.analysis.parts(parts)?, cut, near })
    }

    async fn answer(
        &self,
        stores: Stores<'_>,
        query: &SearchQuery,
        gathered: &Gathered,
        published: &Publications,
    ) -> Result<Vec<Candidate>, PortError> {
        let question = self.analysis.question(&query.text);
        let scorer = Scorer::new(&question, gathered.visible_parts(published).flat_map(|part| &part.terms));
        let worded = by_words(query, gathered, published, &scorer);
        let near = by_meaning(query, gathered, published);
        let mut similarities: HashMap<Spot, f32> =
            near.iter().map(|near| (spot(&near.key), near.similarity)).collect();
        let best: BTreeSet<Spot> = best_spots(&worded, query.candidates);
        self.add_similarities(stores, query, published, &worded, &best, &mut similarities).await?;
        let mut found: BTreeMap<Spot, Candidate> = BTreeMap::new();
        for near in near.into_iter().take(query.candidates) {
            let words = scorer.score(&self.analysis.terms(&near.described.chunk.text));
            found.insert(spot(&near.key), candidate(near, words));
        }
        let chosen: BTreeSet<Spot> = found.keys().chain(&best).copied().collect();
        for spot in chosen {
            // What the words say is as new as can be; a vector keeps what was said when it was written.
            if let Some(worded) = worded.get(&spot) {
                let similarity = similarities.get(&spot).copied();
                found.insert(spot, worded.candidate(similarity));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Similarities of those of the best by words that are not among the nearest.
    async fn add_similarities(
        &self,
        stores: Stores<'_>,
        query: &SearchQuery,
        published: &Publications,
        worded: &BTreeMap<Spot, Worded<'_>>,
        best: &BTreeSet<Spot>,
        similarities: &mut HashMap<Spot, f32>,
    ) -> Result<(), PortError> {
        let Some(question) = &query.vector else { return Ok(()) };
        let key = |spot: &Spot| {
            let generation = worded.get(spot)?.part.key.generation;
            Some(VectorKey { document_id: spot.0, generation, chunk: spot.1 })
        };
        let missing = best.iter().filter(|spot| !similarities.contains_key(*spot)).filter_map(key);
        let missing: Vec<_> = missing.filter(|key| shows_vector(published, key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let index = index_name(&query.tenant_id, &query.collection);
        for (key, values) in stores.vectors.values(&index, &missing).await? {
            similarities.insert(spot(&key), cosine(question, &values));
        }
        Ok(())
    }
}

/// The words of the newest documents, and of those that the filter names.
async fn newest_words(
    words: &WordRecords,
    place: Place<'_>,
    window: Window,
    query: &SearchQuery,
) -> Result<(Vec<StoredPart>, bool), PortError> {
    let (mut parts, cut) = words.newest(place, window).await?;
    if !cut {
        return Ok((parts, false));
    }
    let oldest = parts.last().map(|part| part.key.document_id);
    let beyond = query.filter.documents.iter().filter(|document| Some(**document) <= oldest);
    let beyond: BTreeSet<DocumentId> = beyond.copied().take(NAMED_DOCUMENTS_MAX).collect();
    let reads = beyond.iter().copied().map(|document| words.of_document(place, document, WINDOW.bytes));
    let named: Vec<StoredPart> = stream::iter(reads).buffered(READS_AT_ONCE).try_concat().await?;
    if beyond.iter().any(|document| Some(*document) == oldest) {
        parts.retain(|part| Some(part.key.document_id) != oldest);
    }
    parts.splice(0..0, named);
    Ok((parts, true))
}

/// The nearest vectors, without these entries.
async fn nearest(
    vectors: &VectorStore,
    query: &SearchQuery,
    without: &BTreeSet<String>,
) -> Result<Vec<Near>, PortError> {
    let Some(question) = &query.vector else { return Ok(Vec::new()) };
    let index = index_name(&query.tenant_id, &query.collection);
    let found = vectors.nearest(&index, question, service_filter(&query.filter, without)).await?;
    let read = |vector: aws_sdk_s3vectors::types::QueryOutputVector| {
        let key: VectorKey = vector.key.parse().ok()?;
        let described = vector_metadata::read(&key, vector.metadata.as_ref()?)?;
        Some(Near { key, similarity: (1.0 - vector.distance?).clamp(-1.0, 1.0), described })
    };
    let corrupt = || PortError::new(ErrorKind::Corrupt, format!("read what index {index} found"));
    found.into_iter().map(|vector| read(vector).ok_or_else(corrupt)).collect()
}

/// What queries may see of these documents. Those that publish nothing, or were never heard of, are left out.
async fn publications(
    events: &dyn EventStore,
    tenant: &TenantId,
    documents: Vec<DocumentId>,
) -> Result<Publications, PortError> {
    let key = |document: &DocumentId| DocumentKey { tenant_id: tenant.clone(), document_id: *document };
    let keys: Vec<_> = documents.iter().map(key).collect();
    let heads = events.heads(&keys).await?;
    Ok(documents
        .into_iter()
        .zip(heads)
        .filter_map(|(document, head)| Some((document, head?.published?)))
        .collect())
}

fn by_words<'a>(
    query: &SearchQuery,
    gathered: &'a Gathered,
    published: &'a Publications,
    scorer: &Scorer,
) -> BTreeMap<Spot, Worded<'a>> {
    let passes =
        |part: &&Arc<AnalysedPart>| passes(&query.filter, part.key.document_id, &part.content.metadata);
    let mut worded = BTreeMap::new();
    for part in gathered.visible_parts(published).filter(passes) {
        for (chunk, terms) in part.content.chunks.values().zip(&part.terms) {
            let words = scorer.score(terms);
            worded.insert((part.key.document_id, chunk.index), Worded { part, chunk, words });
        }
    }
    worded
}

/// The best by words.
fn best_spots(worded: &BTreeMap<Spot, Worded<'_>>, candidates: usize) -> BTreeSet<Spot> {
    let mut matching: Vec<(f32, Spot)> = worded
        .iter()
        .filter(|(_, worded)| worded.words > 0.0)
        .map(|(spot, worded)| (worded.words, *spot))
        .collect();
    matching.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    matching.into_iter().take(candidates).map(|(_, spot)| spot).collect()
}

/// The visible vectors that pass the filter, nearest first.
fn by_meaning<'a>(query: &SearchQuery, gathered: &'a Gathered, published: &'a Publications) -> Vec<&'a Near> {
    let passes = |near: &&Near| passes(&query.filter, near.key.document_id, &near.described.metadata);
    let mut near: Vec<_> = gathered.visible_near(published).filter(passes).collect();
    near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| spot(&a.key).cmp(&spot(&b.key))));
    near
}

impl Worded<'_> {
    fn candidate(&self, similarity: Option<f32>) -> Candidate {
        Candidate {
            document_id: self.part.key.document_id,
            generation: self.part.key.generation,
            filename: self.part.content.filename.clone(),
            chunk: self.chunk.clone(),
            words: self.words,
            similarity,
        }
    }
}

fn candidate(near: &Near, words: f32) -> Candidate {
    Candidate {
        document_id: near.key.document_id,
        generation: near.key.generation,
        filename: near.described.filename.clone(),
        chunk: near.described.chunk.clone(),
        words,
        similarity: Some(near.similarity),
    }
}

fn spot(key: &VectorKey) -> Spot {
    (key.document_id, key.chunk)
}

fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    let pairs = || a.0.iter().zip(&b.0).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let norm = |vector: &Embedding| vector.0.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let norms = norm(a) * norm(b);
    if norms > 0.0 { (pairs().map(|(a, b)| a * b).sum::<f64>() / norms).clamp(-1.0, 1.0) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use millrace_domain::Generation;
    use uuid::Uuid;

    use super::*;

    /// What was published by its words when a search looked at the heads was whole for every search that begins later.
    #[test]
    fn a_publication_is_news_once() {
        let searching = Searching::over(WINDOW);
        let worded = |number| (DocumentId::new(Uuid::from_u128(number)), Generation::FIRST);
        assert!(searching.is_news(HashSet::from([worded(1)])));
        assert!(!searching.is_news(HashSet::from([worded(1)])));
        assert!(searching.is_news(HashSet::from([worded(1), worded(2)])));
        assert!(!searching.is_news(HashSet::new()));
    }
}
