//! A tenant's collections: their models, how many documents they have, and the move to another model with its steps.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_domain::{Collection, CollectionName, TenantId};
use millrace_ports::{CollectionStore, PortError, ReadModel};

/// A collection, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionState {
    /// Its record.
    pub collection: Collection,
    /// Documents that are not deleted.
    pub documents: u64,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionList {
    /// By name.
    pub collections: Vec<CollectionState>,
    /// What to pass as `after` for the next page; absent on the last.
    pub next: Option<CollectionName>,
}

/// The use case.
#[derive(Debug, Clone)]
pub struct ListCollections {
    collections: Arc<dyn CollectionStore>,
    views: Arc<dyn ReadModel>,
}

impl ListCollections {
    /// Listing these collections, with the counts of a read model.
    pub fn new(collections: Arc<dyn CollectionStore>, views: Arc<dyn ReadModel>) -> Self {
        Self { collections, views }
    }

    /// One page.
    pub async fn run(
        &self,
        tenant: &TenantId,
        after: Option<&CollectionName>,
        limit: usize,
    ) -> Result<CollectionList, PortError> {
        let page = self.collections.list(tenant, after, limit).await?;
        let mut counted = self.count(tenant).await?;
        let with_count = |collection: Collection| {
            let documents = counted.remove(&collection.name).unwrap_or_default();
            CollectionState { collection, documents }
        };
        Ok(CollectionList {
            collections: page.collections.into_iter().map(with_count).collect(),
            next: page.next,
        })
    }

    /// One collection, if it was ever used.
    pub async fn get(
        &self,
        tenant: &TenantId,
        name: &CollectionName,
    ) -> Result<Option<CollectionState>, PortError> {
        let Some(collection) = self.collections.get(tenant, name).await? else { return Ok(None) };
        let documents = self.count(tenant).await?.remove(name).unwrap_or_default();
        Ok(Some(CollectionState { collection, documents }))
    }

    async fn count(&self, tenant: &TenantId) -> Result<HashMap<CollectionName, u64>, PortError> {
        let mut documents = HashMap::new();
        for count in self.views.counts(tenant).await? {
            if !count.status.is_gone() {
                *documents.entry(count.collection).or_default() += count.documents;
            }
        }
        Ok(documents)
    }
}
