//! Search: candidates by words and by meaning, filtered by what is published, fused, and cut to what was asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millrace_domain::{
    Collection, CollectionName, DocumentId, DocumentKey, Generation, Publication, TenantId,
};
use millrace_ports::{
    Candidate, CollectionStore, EmbeddingPurpose, EventStore, IndexedChunk, PortError, SearchFilter,
    SearchIndex, SearchQuery,
};

use super::fusion::fuse;
use crate::embedders::Embedders;

/// Most hits of one answer.
const HITS_MAX: usize = 100;
/// Longest query in bytes.
const QUERY_BYTES_MAX: usize = 8_192;
/// How many candidates to gather for each hit asked for, since several may be of one document.
const CANDIDATES_PER_HIT: usize = 3;
/// Fewest and most candidates of each kind of evidence. Fewer would narrow the normalisation of a short answer.
const CANDIDATES: std::ops::RangeInclusive<usize> = 100..=300;

/// How often candidates are gathered when a switch of generations falls between them and the look at the heads.
const GATHERINGS_MAX: usize = 4;

/// How often a search is made when the collection switches to another model under it. It does so once in minutes at most.
const SWITCHES_MAX: usize = 3;

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// Whose documents.
    pub tenant_id: TenantId,
    /// Where.
    pub collection: CollectionName,
    /// In words; 1 to 8,192 bytes.
    pub query: String,
    /// Most hits, 1 to 100.
    pub limit: usize,
    /// Most hits of one document, if bounded.
    pub hits_per_document_max: Option<usize>,
    /// What may be returned.
    pub filter: SearchFilter,
}

/// One hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The document.
    pub document_id: DocumentId,
    /// The generation it is of.
    pub generation: Generation,
    /// The document's file name.
    pub filename: String,
    /// The chunk.
    pub chunk: IndexedChunk,
    /// From 0 to 1, comparable within one answer only.
    pub score: f32,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchAnswer {
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// Whether meaning counted; not if the embedder was out of reach.
    pub by_meaning: bool,
}

/// Why a search is refused.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The request breaks a bound; the text says which.
    #[error("{0}")]
    Invalid(&'static str),
    /// The collection's vectors come from another model than the server's.
    #[error("collection uses model {collection_model}, the server {server_model}")]
    ModelMismatch {
        /// The collection's.
        collection_model: String,
        /// The server's.
        server_model: String,
    },
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct SearchDocuments {
    /// The heads that say what is published.
    pub store: Arc<dyn EventStore>,
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// The models.
    pub embedders: Embedders,
    /// Which model each collection has.
    pub collections: Arc<dyn CollectionStore>,
}

impl SearchDocuments {
    /// Searches. A collection that was never used has no hits.
    #[tracing::instrument(name = "search", skip_all, fields(collection = %request.collection))]
    pub async fn run(&self, request: SearchRequest) -> Result<SearchAnswer, SearchError> {
        validate(&request)?;
        for _ in 1..SWITCHES_MAX {
            let collection = self.collections.get(&request.tenant_id, &request.collection).await?;
            let Some(collection) = collection else { return Ok(nothing()) };
            let answer = self.search_in(&request, &collection).await?;
            if self.is_current(&collection).await? {
                return Ok(answer);
            }
        }
        let collection = self.collections.get(&request.tenant_id, &request.collection).await?;
        let Some(collection) = collection else { return Ok(nothing()) };
        self.search_in(&request, &collection).await
    }

    /// Whether searches still use the space in which a search was made. A document that was replaced after the switch is in
    /// the new one only, so an answer from the old one might miss it. Asked of each search: a whole move fits into one that
    /// stands still.
    async fn is_current(&self, searched: &Collection) -> Result<bool, PortError> {
        let now = self.collections.get(&searched.tenant_id, &searched.name).await?;
        Ok(now.is_some_and(|now| now.space == searched.space))
    }

    /// Searches one space with its model, both as the record had them at one instant: never a mix.
    async fn search_in(
        &self,
        request: &SearchRequest,
        collection: &Collection,
    ) -> Result<SearchAnswer, SearchError> {
        let embedder =
            self.embedders.of(&collection.current()).ok_or_else(|| SearchError::ModelMismatch {
                collection_model: collection.model.to_string(),
                server_model: self.embedders.models().names(),
            })?;
        let embedded = embedder.embed(&[&request.query], EmbeddingPurpose::Query).await;
        let vector = match embedded {
            Ok(vectors) => vectors.into_iter().next(),
            Err(error) => {
                tracing::warn!(%error, "query not embedded, answering by words alone");
                None
            }
        };
        let by_meaning = vector.is_some();
        let query = SearchQuery {
            tenant_id: request.tenant_id.clone(),
            collection: request.collection.in_space(collection.space),
            text: request.query.clone(),
            vector,
            filter: request.filter.clone(),
            candidates: (request.limit * CANDIDATES_PER_HIT).clamp(*CANDIDATES.start(), *CANDIDATES.end()),
        };
        let candidates = self.gather(&query).await?;
        Ok(SearchAnswer { hits: rank(candidates, request), by_meaning })
    }

    /// Candidates of published generations. A document whose generation was switched between the index's answer and the
    /// look at its head would be in neither; so the index is asked again.
    async fn gather(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        for _ in 1..GATHERINGS_MAX {
            let gathered = self.index.search(query).await?;
            let (visible, switched) = self.published_only(&query.tenant_id, gathered).await?;
            if !switched {
                return Ok(visible);
            }
        }
        let gathered = self.index.search(query).await?;
        Ok(self.published_only(&query.tenant_id, gathered).await?.0)
    }

    /// The filter of guarantee G5, on the heads that are written with the history itself. Says also whether a document
    /// had candidates only of another generation than the one it publishes.
    async fn published_only(
        &self,
        tenant_id: &TenantId,
        candidates: Vec<Candidate>,
    ) -> Result<(Vec<Candidate>, bool), PortError> {
        let mut ids: Vec<DocumentId> = candidates.iter().map(|candidate| candidate.document_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let key = |document_id: &DocumentId| DocumentKey {
            tenant_id: tenant_id.clone(),
            document_id: *document_id,
        };
        let keys: Vec<DocumentKey> = ids.iter().map(key).collect();
        let heads = self.store.heads(&keys).await?;
        let published: HashMap<DocumentId, Publication> =
            ids.into_iter().zip(heads).filter_map(|(id, head)| Some((id, head?.published?))).collect();
        let visible = |mut candidate: Candidate| {
            let publication = published.get(&candidate.document_id)?;
            if publication.generation != candidate.generation {
                return None;
            }
            candidate.similarity = candidate.similarity.filter(|_| publication.vectors);
            Some(candidate)
        };
        let visible: Vec<Candidate> = candidates.into_iter().filter_map(visible).collect();
        let found: HashSet<DocumentId> = visible.iter().map(|candidate| candidate.document_id).collect();
        let switched = published.keys().any(|id| !found.contains(id));
        Ok((visible, switched))
    }
}

/// A collection that was never used has no hits.
fn nothing() -> SearchAnswer {
    SearchAnswer { hits: Vec::new(), by_meaning: true }
}

fn validate(request: &SearchRequest) -> Result<(), SearchError> {
    if request.query.trim().is_empty() {
        return Err(SearchError::Invalid("query is empty: say what to search for"));
    }
    if request.query.len() > QUERY_BYTES_MAX {
        return Err(SearchError::Invalid("query is longer than 8192 bytes: shorten it"));
    }
    if !(1..=HITS_MAX).contains(&request.limit) {
        return Err(SearchError::Invalid("limit is out of range: give 1 to 100"));
    }
    if request.hits_per_document_max == Some(0) {
        return Err(SearchError::Invalid("hits_per_document_max is 0: give at least 1, or leave it out"));
    }
    Ok(())
}

fn rank(candidates: Vec<Candidate>, request: &SearchRequest) -> Vec<Hit> {
    let scores = fuse(&candidates);
    let mut ranked: Vec<(f32, Candidate)> = scores.into_iter().zip(candidates).collect();
    ranked.sort_by(|(left_score, left), (right_score, right)| {
        let ties = || (left.document_id, left.chunk.index).cmp(&(right.document_id, right.chunk.index));
        right_score.total_cmp(left_score).then_with(ties)
    });
    let mut of_document: HashMap<DocumentId, usize> = HashMap::new();
    let within = |(_, candidate): &(f32, Candidate)| {
        let hits = of_document.entry(candidate.document_id).or_default();
        *hits += 1;
        request.hits_per_document_max.is_none_or(|most| *hits <= most)
    };
    let hit = |(score, candidate): (f32, Candidate)| Hit {
        document_id: candidate.document_id,
        generation: candidate.generation,
        filename: candidate.filename,
        chunk: candidate.chunk,
        score,
    };
    ranked.into_iter().filter(within).take(request.limit).map(hit).collect()
}
