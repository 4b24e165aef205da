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
    collections: RwLock<HashMap<(TenantId, CollectionName), Spaces>>,
}

/// The index spaces of one collection. Each shows what the heads publish; the first is there as long as anything is
/// published, so that a space that comes to be later learns it there.
#[derive(Default)]
struct Spaces {
    first: Arc<Collection>,
    others: HashMap<CollectionName, Arc<Collection>>,
}

impl Spaces {
    /// The space with this name, made if it is new.
    fn space(&mut self, name: &CollectionName, is_first: bool) -> Arc<Collection> {
        if is_first {
            return Arc::clone(&self.first);
        }
        let first = &self.first;
        let space = self.others.entry(name.clone()).or_insert_with(|| Arc::new(first.published_alike()));
        Arc::clone(space)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Collection>> {
        std::iter::once(&self.first).chain(self.others.values())
    }
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

    /// Shows of a document what its head publishes, in every space. Called after each append's commit, in the order of the
    /// commits. A space comes to be under the write lock, before or after this as a whole: so none misses it.
    pub fn apply(&self, key: &DocumentKey, head: &DocumentHead) {
        let visible = head.published.map(|published| (published.generation, published.vectors));
        if visible.is_some() {
            // What is not there has nothing to hide, but it has something to show.
            self.collection(&key.tenant_id, &head.collection);
        }
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        let spaces = collections.get(&(key.tenant_id.clone(), head.collection.clone()));
        for space in spaces.iter().flat_map(|spaces| spaces.all()) {
            space.publish(key.document_id, visible);
        }
    }

    /// A space of a collection, if anything was ever written to it, or, in the first, published.
    pub(crate) fn find(&self, tenant: &TenantId, name: &CollectionName) -> Option<Arc<Collection>> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        let own = name.of_client();
        let is_first = own == *name;
        let spaces = collections.get(&(tenant.clone(), own))?;
        if is_first { Some(Arc::clone(&spaces.first)) } else { spaces.others.get(name).map(Arc::clone) }
    }

    /// A space of a collection, made if it is new: with what is published in the collection.
    pub(crate) fn collection(&self, tenant: &TenantId, name: &CollectionName) -> Arc<Collection> {
        if let Some(found) = self.find(tenant, name) {
            return found;
        }
        let mut collections = self.collections.write().unwrap_or_else(PoisonError::into_inner);
        let own = name.of_client();
        let is_first = own == *name;
        collections.entry((tenant.clone(), own)).or_default().space(name, is_first)
    }

    /// Gives the memory of a space back that holds nothing any more; the first stays for what it publishes. For the thread
    /// that commits, which alone writes into spaces: so nobody is about to write into this one.
    pub(crate) fn forget_empty(&self, tenant: &TenantId, name: &CollectionName) {
        let own = name.of_client();
        if own == *name {
            return;
        }
        let mut collections = self.collections.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(spaces) = collections.get_mut(&(tenant.clone(), own))
            && spaces.others.get(name).is_some_and(|space| space.is_empty())
        {
            spaces.others.remove(name);
        }
    }

    /// All spaces of all collections there are.
    pub(crate) fn all(&self) -> Vec<Arc<Collection>> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        collections.values().flat_map(Spaces::all).map(Arc::clone).collect()
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
