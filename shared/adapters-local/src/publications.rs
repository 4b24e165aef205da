//! What queries may see, in memory: the mirror of the heads' publications. The event store applies each commit to it
//! before it acknowledges, so a search that begins later sees it. Decides nothing; what a head says is shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use millrace_domain::{CollectionName, DocumentHead, DocumentKey, Generation, TenantId};
use millrace_ports::PortError;

use crate::search::Collection;
use crate::{Database, corrupt, sql_error};

/// The mirror; one for the event store and the search index together.
#[derive(Default)]
pub struct Publications {
    collections: RwLock<HashMap<(TenantId, CollectionName), Arc<Collection>>>,
}

impl fmt::Debug for Publications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publications").finish_non_exhaustive()
    }
}

impl Publications {
    /// Reads what all heads publish. Before anything is appended, so that nothing is missed.
    pub async fn load(database: &Database) -> Result<Self, PortError> {
        database.read("load what is published", read).await
    }

    /// Shows of a document what its head publishes. Called after each append's commit, in the order of the commits.
    pub fn apply(&self, key: &DocumentKey, head: &DocumentHead) {
        let visible = head.published.map(|published| (published.generation, published.vectors));
        let collection = match visible {
            Some(_) => Some(self.collection(&key.tenant_id, &head.collection)),
            // What is not there has nothing to hide.
            None => self.find(&key.tenant_id, &head.collection),
        };
        if let Some(collection) = collection {
            collection.publish(key.document_id, visible);
        }
    }

    /// A collection, if anything was ever written to it or published in it.
    pub(crate) fn find(&self, tenant: &TenantId, collection: &CollectionName) -> Option<Arc<Collection>> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        collections.get(&(tenant.clone(), collection.clone())).map(Arc::clone)
    }

    /// A collection, made if it is new.
    pub(crate) fn collection(&self, tenant: &TenantId, collection: &CollectionName) -> Arc<Collection> {
        if let Some(found) = self.find(tenant, collection) {
            return found;
        }
        let mut collections = self.collections.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(collections.entry((tenant.clone(), collection.clone())).or_default())
    }

    /// All collections there are.
    pub(crate) fn all(&self) -> Vec<Arc<Collection>> {
        self.collections.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }
}

fn read(connection: &rusqlite::Connection) -> Result<Publications, PortError> {
    let publications = Publications::default();
    let mut statement = connection
        .prepare(
            "SELECT tenant, collection, document, published_generation, published_vectors FROM heads
             WHERE published_generation IS NOT NULL",
        )
        .map_err(sql_error)?;
    let mut rows = statement.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let text = |column| row.get_ref(column).map_err(sql_error)?.as_str().map_err(corrupt);
        let tenant = TenantId::new(text(0)?).map_err(corrupt)?;
        let collection = CollectionName::new(text(1)?).map_err(corrupt)?;
        let document = text(2)?.parse().map_err(corrupt)?;
        let generation = Generation::new(row.get(3).map_err(sql_error)?);
        let vectors = row.get::<_, Option<bool>>(4).map_err(sql_error)?.unwrap_or(false);
        publications.collection(&tenant, &collection).publish(document, Some((generation, vectors)));
    }
    Ok(publications)
}
