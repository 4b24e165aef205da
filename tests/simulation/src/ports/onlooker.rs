//! Looks at collections past all layers, right after each effect: in which spaces something of a document lies, and whether
//! all that is published by meaning is found with vectors of the collection's model and no other.

use std::sync::Arc;

use millrace_domain::{Collection, CollectionName, DocumentKey, Generation, IndexSpace, TenantId};
use millrace_ports::{CollectionStore, IndexUsage, PortError, SearchFilter, SearchIndex, SearchQuery};

use super::QuickEmbedder;
use crate::contents::COMMON_WORD;
use crate::witness::Witness;

/// More candidates than a collection has chunks.
const CANDIDATES_MAX: usize = 10_000;

/// The onlooker.
#[derive(Debug, Clone)]
pub(crate) struct Onlooker {
    pub(crate) index: Arc<dyn SearchIndex>,
    pub(crate) collections: Arc<dyn CollectionStore>,
    pub(crate) witness: Arc<Witness>,
}

impl Onlooker {
    /// The record of a collection; a space's name will do.
    pub(crate) async fn collection(
        &self,
        tenant: &TenantId,
        name: &CollectionName,
    ) -> Result<Option<Collection>, PortError> {
        self.collections.get(tenant, &name.of_client()).await
    }

    /// What a document has in the space that searches see, of one generation, and in all spaces, of all of them.
    pub(crate) async fn usage(
        &self,
        key: &DocumentKey,
        name: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<(IndexUsage, IndexUsage), PortError> {
        let collection = self.collection(&key.tenant_id, name).await?;
        let current = collection.as_ref().map_or(IndexSpace::FIRST, |collection| collection.space);
        let seen = match generation {
            None => IndexUsage::default(),
            Some(_) => self.index.usage(key, &name.in_space(current), generation).await?,
        };
        let mut all = IndexUsage::default();
        let spaces: Vec<_> = collection.iter().flat_map(Collection::all_spaces).collect();
        for space in spaces {
            let usage = self.index.usage(key, &name.in_space(space), None).await?;
            all.chunks += usage.chunks;
            all.vectors += usage.vectors;
        }
        Ok((seen, all))
    }

    /// Looks by meaning, if the collection was ever moved or is about to be.
    pub(crate) async fn look(&self, tenant: &TenantId, name: &CollectionName) -> Result<(), PortError> {
        let Some(collection) = self.collection(tenant, name).await? else { return Ok(()) };
        if collection.reembedding.is_none() && collection.last_reembedding.is_none() {
            return Ok(());
        }
        let query = SearchQuery {
            tenant_id: tenant.clone(),
            collection: collection.name.in_space(collection.space),
            text: COMMON_WORD.into(),
            vector: Some(QuickEmbedder::vector(COMMON_WORD, collection.dimensions)),
            filter: SearchFilter::default(),
            candidates: CANDIDATES_MAX,
        };
        match self.index.search(&query).await {
            Ok(found) => self.witness.seen_by_meaning(&collection, &found),
            Err(error) => self.witness.accuse("G5", "a space has vectors of its model", error.to_string()),
        }
        Ok(())
    }
}
